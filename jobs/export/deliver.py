"""Makes deliveries: Spark reads and orders the rows, its tasks write the objects, the driver ends with the manifest."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from datetime import date
from typing import cast

import pyarrow as pa
import pyarrow.compute as pc
from pyspark import TaskContext
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from jobs.delta_reader import Snapshot, read, worker_store
from jobs.export.delivery import MANIFEST, Manifest, Order, Part, newest
from jobs.export.formats import DIALECTS, ROWS_PER_OBJECT, WRITERS
from lake.errors import ObjectExists
from lake.objects import ObjectStore
from lake.tables import DeltaTables

_MESSAGE = ("kafka_topic_id", "kafka_partition", "kafka_offset")
_PART = pa.schema([("name", pa.string()), ("rows", pa.int64()), ("size_bytes", pa.int64()), ("sha256", pa.string())])


def deliver(spark: SparkSession, tables: DeltaTables, order: Order, dates: Iterable[date]) -> list[Manifest]:
    """Deliver these business dates, leaving out those that are delivered as they are. Returns what is new.

    A run that is killed leaves objects that no manifest names; the next one writes the same objects again.
    """
    parent = Snapshot.of(tables.table(order.contract.parent.name))
    # After the parent: every child of its rows is committed before them.
    source = Snapshot.of(tables.table(order.table.name)) if order.table.source else parent
    known = newest(tables.store, order)
    made = []
    for dt in sorted(dates):
        of_date = parent.of_date(dt), source.of_date(dt)
        if not of_date[0].objects.num_rows or (dt in known and known[dt].source_digest == _digest(*of_date)):
            continue
        made.append(_deliver(spark, tables.store, order, dt, *of_date))
    return made


def _deliver(
    spark: SparkSession, store: ObjectStore, order: Order, dt: date, parent: Snapshot, source: Snapshot
) -> Manifest:
    version = _version(parent, source)
    folder = order.folder(dt, version)
    parts = _write(_rows(spark, order, parent, source), order, folder, store.uri)
    manifest = Manifest(
        table=order.table.name,
        format=order.export.format,
        business_date=dt.isoformat(),
        version=version,
        feed=order.contract.feed,
        contract_version=order.contract.version,
        source_digest=_digest(parent, source),
        columns=tuple(
            {"name": field.column, "type": field.type, "description": field.description} for field in order.fields
        ),
        dialect=dict(DIALECTS[order.export.format]),
        rows=sum(part.rows for part in parts),
        parts=parts,
    )
    try:
        store.put_new(f"{folder}/{MANIFEST}", manifest.to_json())
    except ObjectExists:
        # Another run delivered this very version: its manifest stands, and names its own objects.
        return Manifest.from_json(store.get(f"{folder}/{MANIFEST}"))
    return manifest


def _rows(spark: SparkSession, order: Order, parent: Snapshot, source: Snapshot) -> DataFrame:
    """The rows in the order of Kafka, cut into as many partitions as objects: the same rows, the same cuts."""
    columns = [field.column for field in order.fields]
    rows = read(spark, source, (*_MESSAGE, "ordinal", *columns))
    if order.table.source:
        rows = rows.join(read(spark, parent, _MESSAGE), list(_MESSAGE), "left_semi")
    objects = max(1, math.ceil((pc.sum(source.objects["num_records"]).as_py() or 0) / ROWS_PER_OBJECT))
    return rows.repartition(objects, *_MESSAGE).sortWithinPartitions(*_MESSAGE, "ordinal").select(columns)


def _write(rows: DataFrame, order: Order, folder: str, lake_uri: str) -> tuple[Part, ...]:
    suffix, writer = order.export.format, WRITERS[order.export.format]
    schema = pa.schema([(field.column, field.arrow_type) for field in order.fields])

    def write(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        count = 0

        def counted() -> Iterator[pa.RecordBatch]:
            nonlocal count
            for batch in batches:
                count += batch.num_rows
                yield batch.cast(schema)

        content = writer(counted(), schema)
        if not count:
            return
        sha256 = hashlib.sha256(content).hexdigest()
        name = f"part-{cast('TaskContext', TaskContext.get()).partitionId():05d}.{sha256[:16]}.{suffix}"
        worker_store(lake_uri).put(f"{folder}/{name}", content)
        yield pa.RecordBatch.from_pylist(
            [{"name": name, "rows": count, "size_bytes": len(content), "sha256": sha256}], _PART
        )

    written = rows.mapInArrow(write, from_arrow_schema(_PART)).toArrow()
    return tuple(Part(**row) for row in written.sort_by("name").to_pylist())


def _version(parent: Snapshot, source: Snapshot) -> int:
    """Rises with either table: the rows of a child change by a replay without a change of their parent."""
    return parent.version if source is parent else parent.version + source.version


def _digest(parent: Snapshot, source: Snapshot) -> str:
    """Stands for the objects that decide which rows there are, and what is in them."""
    paths = [f"{each.uri}/{path}" for each in (parent, source) for path in each.objects["path"].to_pylist()]
    return hashlib.sha256("\n".join(paths).encode()).hexdigest()
