"""Spark's own way: from_json, filter, file sink, partitioned alike; tuned, but with no checks and no duplicates found.

    spark-submit … bench/builtin.py TOPIC BATCH

Only the lines are written (the ingest job writes receipts and tenders, too), and only readers of the sink's own
metadata see each line once.
"""

import sys
from typing import Any

from pyspark.sql import functions as F  # noqa: N812 - the name all of Spark's users know
from pyspark.sql.streaming.listener import StreamingQueryListener

from jobs.ingest.session import open_session
from lake.settings import LakeSettings
from topics.settings import KafkaSettings

ENVELOPE = "schema_version string, event_id string, store_id string, register_id string, epoch string, seq bigint"
LINE = (
    "line_no int, sku string, quantity bigint, amount bigint, retail_discount bigint, coupon_discount bigint,"
    " coupon_match_discount bigint"
)
RECEIPT = (
    f"{ENVELOPE}, event_time timestamp, business_date date, type string, receipt_no string, currency string,"
    f" customer_id string, total bigint, lines array<struct<{LINE}>>,"
    " tenders array<struct<tender_no int, type string, amount bigint>>"
)


class Told(StreamingQueryListener):
    """Prints the rows read so far."""

    def __init__(self) -> None:
        self.messages = 0

    def onQueryStarted(self, event: Any) -> None:  # noqa: ANN401, N802 - Spark's name
        """Nothing to tell yet."""

    def onQueryProgress(self, event: Any) -> None:  # noqa: ANN401, N802 - Spark's name
        self.messages += event.progress.numInputRows
        print(f"BENCH messages={self.messages}", flush=True)

    def onQueryIdle(self, event: Any) -> None:  # noqa: ANN401, N802 - Spark's name
        """Nothing new to tell."""

    def onQueryTerminated(self, event: Any) -> None:  # noqa: ANN401, N802 - Spark's name
        """The measuring parent sees the process end."""


def main(topic: str, batch: str) -> None:
    spark = open_session("builtin")
    spark.streams.addListener(Told())
    settings, lake = KafkaSettings.from_env(), LakeSettings.from_env()
    messages = (
        spark.readStream.format("kafka")
        .options(**settings.spark(), subscribe=topic, startingOffsets="earliest", maxOffsetsPerTrigger=batch)
        .option("groupIdPrefix", "spark-ingest")
        .load()
    )
    receipts = messages.select(
        "partition", "offset", F.from_json(F.col("value").cast("string"), RECEIPT).alias("receipt")
    ).where("receipt.event_id is not null and receipt.total is not null")
    lines = receipts.select(
        "partition",
        "offset",
        *(f"receipt.{name}" for name in ("event_id", "store_id", "register_id", "event_time", "type", "currency")),
        F.col("receipt.business_date").alias("dt"),
        F.hour("receipt.event_time").alias("hour"),
        F.inline("receipt.lines"),
    )
    (
        lines.writeStream.format("parquet")
        .partitionBy("dt", "hour")
        .option("compression", "zstd")
        .option("path", f"{lake.lake_uri.replace('s3://', 's3a://')}/builtin/lines")
        .option("checkpointLocation", f"{lake.checkpoints_uri.replace('s3://', 's3a://')}/builtin")
        .start()
        .awaitTermination()
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
