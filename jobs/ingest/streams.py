"""The queries of the application: one a feed."""

import logging
import secrets
import threading
from importlib.metadata import version

from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from contracts import Contract
from jobs.ingest import source, startup
from jobs.ingest.batch import BatchWriter, Driver
from jobs.ingest.dimension import StoreDimension
from jobs.ingest.topic import Topics
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables
from topics.settings import KafkaSettings

# The prefix of the consumer groups that the topics' ACLs give to this workload.
GROUP_PREFIX = "spark-ingest"

log = logging.getLogger(__name__)


class Streams:
    """Starts the query of a feed."""

    def __init__(
        self,
        spark: SparkSession,
        *,
        settings: KafkaSettings,
        lake: LakeSettings,
        source_options: dict[str, str],
        trigger_seconds: float,
        stop: threading.Event,
    ) -> None:
        self._spark = spark
        self._settings = settings
        self._source_options = source_options
        self._trigger_seconds = trigger_seconds
        self._stop = stop
        self._driver = Driver(writer=secrets.token_hex(8), job_version=version("tillstream"))
        self._store = ObjectStore(lake.lake_uri)
        self._checkpoints = ObjectStore(lake.checkpoints_uri)
        self._topics = Topics(settings)
        self._stores = StoreDimension(spark.sparkContext, DeltaTables(self._store))

    def start(self, contract: Contract) -> StreamingQuery:
        """Raise IngestError or LakeError where going on could lose or double a message."""
        # Tables of its own: handles are not shared by threads.
        tables = DeltaTables(self._store)
        position = startup.prepare(contract, tables, self._checkpoints, self._topics)
        generation = position.generation
        log.info(
            "%s: generation %d goes on after batch %d at %s%s",
            *(contract.feed, generation.generation, position.batch, dict(position.ends)),
            ", one batch is decided but not committed" if position.decided else "",
        )
        writer = BatchWriter(
            contract,
            driver=self._driver,
            position=position,
            tables=tables,
            stores=self._stores.current,
            check_topic=lambda: startup.refuse_other_topic(
                generation, self._topics.facts(generation.topic), position.ends
            ),
            stopping=self._stop,
        )
        messages = source.messages(
            self._spark,
            self._settings,
            generation.topic,
            starting_offsets=generation.starting_offsets,
            options=self._source_options,
            group_prefix=f"{GROUP_PREFIX}-{contract.feed}",
        )
        prefix = startup.checkpoint_prefix(contract.feed, generation.generation)
        # Feeds take turns: a backlog of one does not hold up the others.
        self._spark.sparkContext.setLocalProperty("spark.scheduler.pool", contract.feed)
        return (
            messages.writeStream.queryName(contract.feed)
            .foreachBatch(writer)
            .option("checkpointLocation", f"s3a://{self._checkpoints.bucket}/{prefix}")
            .trigger(processingTime=f"{self._trigger_seconds} seconds")
            .start()
        )
