"""The lake on S3: rights taken away, answers to slow down, small objects that nobody joins."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from drill.pace import PACE
from drill.registers import TOTALS, total_of
from drill.scene import Scene
from drill.slow_s3 import slow_s3
from jobs.rollup.sales_per_minute import DEFINITION
from local.monitoring.exporter import LakeExporter
from local.probe import answers

# The rule allows 5,000, and one in each partition is not too many.
OBJECTS = 5_002
ENDED = timedelta(days=10)
# Not before its imports are done: until then it would be one that does not answer.
ANSWERS_SECONDS = 300


@contextmanager
def exporter_denied(scene: Scene) -> Iterator[None]:
    with scene.denied("lake-exporter", "s3:*", bucket="lake"):
        yield


@contextmanager
def checkpoint_denied(scene: Scene) -> Iterator[None]:
    """Spark may not write its checkpoint: the query ends, and the driver with it, and is started again."""
    store_id = scene.stores.others[6]
    # Of a feed that may wait for a while.
    register = scene.stores.register(store_id, TOTALS)
    with scene.still():
        try:
            with scene.denied("spark-ingest", "s3:PutObject", bucket="checkpoints"):
                # Of an hour ago: of what came in since the newest judgement somebody would miss the next one.
                scene.stores.send(store_id, [register.message(total_of(0), datetime.now(UTC) - timedelta(hours=1))])
                yield
        finally:
            scene.restart_ingest()


@contextmanager
def throttled(scene: Scene) -> Iterator[None]:
    """A second lake exporter meets an S3 that answers nothing but to slow down."""
    with slow_s3() as endpoint:
        variables = scene.stack.workloads["lake-exporter"] | {"AWS_ENDPOINT_URL_S3": endpoint}
        exporter = LakeExporter(scene.directory / "logs" / "throttled.log", variables, PACE)
        exporter.start()
        try:
            scene.patience.await_(
                lambda: answers(f"http://{exporter.address}/metrics"), ANSWERS_SECONDS, "an answer of a second exporter"
            )
            with scene.watched(exporter.address, job="lake-exporter"):
                yield
        finally:
            exporter.stop()


@contextmanager
def small_objects(scene: Scene) -> Iterator[None]:
    """An hour of the curated table consists of thousands of objects, as after weeks without compaction."""
    dt = datetime.now(UTC).date() - ENDED
    folder, name = f"dt={dt}/hour=0", DEFINITION.name
    content = io.BytesIO()
    own = [field for field in DEFINITION.schema if field.name not in DEFINITION.partition_columns]
    pq.write_table(DEFINITION.schema.empty_table().select([field.name for field in own]), content)
    body = content.getvalue()
    paths = [f"{folder}/drill-{number}.parquet" for number in range(OBJECTS)]
    scene.tables.ensure(DEFINITION)
    scene.lake.put_all([(f"{name}/{path}", body) for path in paths])
    now_ms = round(time.time() * 1000)
    table = scene.tables.table(name)
    table.create_write_transaction(
        [
            AddAction(path, len(body), {"dt": str(dt), "hour": "0"}, now_ms, True, '{"numRecords": 0}')  # noqa: FBT003 - Delta's
            for path in paths
        ],
        "append",
        table.schema(),
        partition_by=list(DEFINITION.partition_columns),
    )
    try:
        yield
    finally:
        scene.tables.table(name).delete(f"dt = '{dt}'")
