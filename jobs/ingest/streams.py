"""The queries of the application: one a feed."""

import logging
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contracts import Contract
from jobs.ingest import source, startup
from jobs.ingest.batch import BatchWriter, Driver
from jobs.ingest.dimension import StoreDimension
from jobs.ingest.metrics import StreamMetrics
from jobs.ingest.startup import Position
from jobs.ingest.topic import Topics
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables
from topics.settings import KafkaSettings

# The prefix of the consumer groups that the topics' ACLs give to this workload.
GROUP_PREFIX = "spark-ingest"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """`source` are options of Spark's Kafka source, checked already. `trigger_seconds` 0: no pause between batches."""

    source: Mapping[str, str]
    trigger_seconds: float


@dataclass(frozen=True)
class Prepared:
    """A feed that may start, its tables (handles of its own: queries run side by side) and where it goes on."""

    contract: Contract
    tables: DeltaTables
    position: Position


class Streams:
    """Prepares feeds without Spark, so that what must not start fails fast; then starts their queries."""

    def __init__(self, settings: KafkaSettings, lake: LakeSettings, options: Options, metrics: StreamMetrics) -> None:
        self._settings = settings
        self._options = options
        self._driver = Driver(writer=secrets.token_hex(8), job_version=version("tillstream"), metrics=metrics)
        self._store = ObjectStore(lake.lake_uri)
        self._checkpoints = ObjectStore(lake.checkpoints_uri)
        self._topics = Topics(settings)

    def prepare(self, contract: Contract) -> Prepared:
        """Raise IngestError or LakeError where going on could lose or double a message."""
        tables = DeltaTables(self._store)
        position = startup.prepare(contract, tables, self._checkpoints, self._topics)
        log.info(
            "%s: generation %d goes on after batch %d at %s%s",
            contract.feed,
            position.generation.generation,
            position.batch,
            dict(position.ends),
            ", one more batch is decided" if position.decided else "",
        )
        return Prepared(contract, tables, position)

    def stores(self, spark: SparkSession) -> StoreDimension:
        """The store dimension, for all queries of a session."""
        return StoreDimension(spark.sparkContext, DeltaTables(self._store))

    def start(
        self, spark: SparkSession, prepared: Prepared, stores: StoreDimension, stopping: threading.Event
    ) -> StreamingQuery:
        contract, position = prepared.contract, prepared.position
        generation = position.generation
        writer = BatchWriter(
            contract,
            driver=self._driver,
            position=position,
            tables=prepared.tables,
            stores=stores.current,
            check_topic=lambda: startup.refuse_other_topic(
                generation, self._topics.facts(generation.topic), position.ends
            ),
            stopping=stopping,
        )
        messages = source.messages(
            spark,
            self._settings,
            generation.topic,
            starting_offsets=generation.starting_offsets,
            options=self._options.source,
            group_prefix=f"{GROUP_PREFIX}-{contract.feed}",
        )
        prefix = startup.checkpoint_prefix(contract.feed, generation.generation)
        self._driver.metrics.began(contract.feed)
        # Feeds take turns: a backlog of one does not hold up the others.
        spark.sparkContext.setLocalProperty("spark.scheduler.pool", contract.feed)
        return (
            messages.writeStream.queryName(contract.feed)
            .foreachBatch(writer)
            .option("checkpointLocation", f"s3a://{self._checkpoints.bucket}/{prefix}")
            .trigger(processingTime=f"{self._options.trigger_seconds} seconds")
            .start()
        )
