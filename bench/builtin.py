"""Spark's own way: from_json, filter, file sink; the same three tables, partitioned alike, one query and so one
reading of the topic a table, as the sink has one target. Tuned, but with no checks and no duplicates found.

    spark-submit … bench/builtin.py TOPIC BATCH

Only readers of the sinks' own metadata see each row once.
"""

import sys
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name all of Spark's users know
from pyspark.sql.streaming.listener import StreamingQueryListener

from jobs.ingest.session import open_session
from jobs.ingest.source import POLL
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
INHERITED = ("event_id", "store_id", "register_id", "event_time", "type", "currency")
RECEIPT_COLUMNS = (*INHERITED, "schema_version", "epoch", "seq", "receipt_no", "customer_id", "total")
# By table: the message's own columns, and the array that is exploded.
TABLES = {
    "receipt_lines": (INHERITED, "lines"),
    "receipt_tenders": (INHERITED, "tenders"),
    "receipts": (RECEIPT_COLUMNS, None),
}


class Told(StreamingQueryListener):
    """Prints the messages read so far, of all queries together."""

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
    for table, (columns, array) in TABLES.items():
        messages = (
            spark.readStream.format("kafka")
            .options(**settings.spark(), subscribe=topic, startingOffsets="earliest", maxOffsetsPerTrigger=batch)
            .options(**POLL, groupIdPrefix="spark-ingest")
            .load()
        )
        (
            rows(messages, columns, array)
            .writeStream.format("parquet")
            .partitionBy("dt", "hour")
            .option("compression", "zstd")
            .option("path", f"{lake.lake_uri.replace('s3://', 's3a://')}/builtin/{table}")
            .option("checkpointLocation", f"{lake.checkpoints_uri.replace('s3://', 's3a://')}/builtin/{table}")
            .start()
        )
    spark.streams.awaitAnyTermination()


def rows(messages: DataFrame, columns: tuple[str, ...], array: str | None) -> DataFrame:
    receipts = messages.select(
        "partition", "offset", F.from_json(F.col("value").cast("string"), RECEIPT).alias("receipt")
    ).where("receipt.event_id is not null and receipt.total is not null")
    exploded: list[Column] = [F.explode(f"receipt.{array}").alias("item")] if array else []
    flat = receipts.select(
        "partition",
        "offset",
        *(F.col(f"receipt.{name}").alias(f"receipt_{name}" if name == "type" else name) for name in columns),
        F.col("receipt.business_date").alias("dt"),
        F.hour("receipt.event_time").alias("hour"),
        *exploded,
    )
    return flat.select("*", "item.*").drop("item") if array else flat


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
