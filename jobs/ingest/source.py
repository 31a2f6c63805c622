"""How Spark reads a topic, and what may be tuned about it."""

import json
from collections.abc import Mapping
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the name all of Spark's users know

from jobs.errors import RangePlanChanged
from topics.settings import KafkaSettings

TUNABLE: Final = ("maxOffsetsPerTrigger", "minOffsetsPerTrigger", "maxTriggerDelay")
# After every poll Spark asks the broker for the topic's first and its last offset: too often with the 500 messages that
# a poll hands out by default. With all of a fetch, thousands of messages are in use whenever garbage is collected.
POLL: Final = {"kafka.max.poll.records": "2000"}
SPLITS_RANGES: Final = ("minPartitions", "maxRecordsPerPartition")


def check_options(options: Mapping[str, str]) -> None:
    """Raise where an option would break the plan of one contiguous range per partition, or is none of ours to give."""
    for name in options:
        if name in SPLITS_RANGES:
            raise RangePlanChanged(
                f"The source option {name} splits a partition's range between tasks; the tables are written, and "
                "duplicates found, by one range per partition. Nothing was started. Remove the option; for more "
                "parallelism make a topic with more partitions (a new topic version)."
            )
        if name not in TUNABLE and not name.startswith(("kafka.fetch.", "kafka.receive.")):
            raise RangePlanChanged(
                f"The source option {name} is not one that may differ between restarts. Nothing was started. "
                f"Give only {', '.join(TUNABLE)}, kafka.fetch.* or kafka.receive.*."
            )


def messages(
    spark: SparkSession,
    settings: KafkaSettings,
    topic: str,
    *,
    starting_offsets: Mapping[int, int],
    options: Mapping[str, str],
    group_prefix: str,
) -> DataFrame:
    """The stream of a topic's messages: partition, offset, timestamp, key, value, headers, batch_time.

    `starting_offsets` counts for a new checkpoint only. `batch_time` is evaluated by the streaming plan, so a batch
    that is run again after a crash gets the time of its first run.
    """
    reader = spark.readStream.format("kafka").options(
        **settings.spark(),
        **POLL,
        subscribe=topic,
        includeHeaders="true",
        failOnDataLoss="true",
        groupIdPrefix=group_prefix,
        startingOffsets=json.dumps({topic: {str(p): o for p, o in sorted(starting_offsets.items())}}),
        **options,
    )
    batch_time = _evaluated(F.current_timestamp()).alias("batch_time")
    return reader.load().select("partition", "offset", "timestamp", "key", "value", "headers", batch_time)


def _evaluated(value: Column) -> Column:
    """The same value, of an expression that Spark evaluates row by row instead of generating code for it.

    The time of a batch would stand in its code as a literal, so that each batch would have its code generated, loaded
    and compiled anew.
    """
    return F.transform(F.array(value), lambda same: same)[0]
