"""Spark reads a Delta table: the log, read by delta-rs, names the objects; Spark's tasks fetch those.

So no Delta library runs in Spark's JVM, and one version of one library decides what is in a table.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from lake.objects import ObjectStore

_BYTES_PER_TASK = 128 << 20
_BATCH_ROWS = 1 << 16


@dataclass(frozen=True, order=True)
class Hour:
    """One partition of a table: a business date and the UTC hour of the event."""

    dt: date
    hour: int

    def __str__(self) -> str:
        return f"{self.dt} hour {self.hour}"

    @property
    def values(self) -> dict[str, str | None]:
        """As Delta writes it into its log."""
        return {"dt": self.dt.isoformat(), "hour": str(self.hour)}


@dataclass(frozen=True)
class Snapshot:
    """A table at one version. `objects` has columns path, size_bytes, num_records, dt, hour, ordered by path."""

    uri: str
    schema: pa.Schema
    table_id: str
    version: int
    objects: pa.Table

    @classmethod
    def of(cls, table: DeltaTable) -> Self:
        """The version the handle stands at, whatever the table becomes meanwhile."""
        actions = pa.table(table.get_add_actions(flatten=True))
        objects = pa.table(
            {
                "path": actions["path"].cast(pa.string()),
                "size_bytes": actions["size_bytes"],
                "num_records": actions["num_records"],
                "dt": actions["partition.dt"].cast(pa.date32()),
                "hour": actions["partition.hour"].cast(pa.int32()),
            }
        )
        schema = pa.schema(table.schema().to_arrow())
        return cls(
            table.table_uri.rstrip("/"), schema, str(table.metadata().id), table.version(), objects.sort_by("path")
        )

    def of_hours(self, hours: Collection[Hour]) -> Self:
        """Only the objects of these hours."""
        wanted = pc.is_in(
            _hour_keys(self.objects), value_set=pa.array([f"{h.dt}/{h.hour}" for h in hours], pa.string())
        )
        return replace(self, objects=self.objects.filter(wanted))

    def of_date(self, dt: date) -> Self:
        """Only the objects of this business date."""
        wanted = pc.equal(self.objects["dt"], pa.scalar(dt))
        return replace(self, objects=self.objects.filter(wanted))

    def hours(self) -> set[Hour]:
        pairs = self.objects.select(["dt", "hour"]).group_by(["dt", "hour"]).aggregate([]).to_pylist()
        return {Hour(pair["dt"], pair["hour"]) for pair in pairs}


def read(spark: SparkSession, snapshot: Snapshot, columns: Sequence[str]) -> DataFrame:
    """These columns of every row of the snapshot's objects: not its partition columns, which are not in the objects.

    Spark's own reader would look up each object first, then ask for its footer and for column after column: ten
    requests for an object of a few kilobytes, and the newest hours consist of many such.
    """
    schema = pa.schema([snapshot.schema.field(column) for column in columns])
    objects = snapshot.objects.select(["path", "size_bytes"])
    if not objects.num_rows:
        return spark.createDataFrame([], from_arrow_schema(schema))
    lake_uri, _, table = snapshot.uri.rpartition("/")

    def fetch(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        store = worker_store(lake_uri)
        for batch in batches:
            for each in batch.to_pylist():
                with store.open(f"{table}/{each['path']}", each["size_bytes"]) as file:
                    yield from rows_of(pq.ParquetFile(file), schema)

    size_bytes = pc.sum(objects["size_bytes"]).as_py()
    tasks = max(spark.sparkContext.defaultParallelism, math.ceil(size_bytes / _BYTES_PER_TASK))
    named = spark.createDataFrame(objects).repartition(min(tasks, objects.num_rows))
    return named.mapInArrow(fetch, from_arrow_schema(schema))


@cache
def worker_store(lake_uri: str) -> ObjectStore:
    """One a worker process: clients are dear."""
    return ObjectStore(lake_uri)


def rows_of(file: pq.ParquetFile, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """The columns of the schema; null where the object is older than the column."""
    present = [name for name in schema.names if name in file.schema_arrow.names]
    for batch in file.iter_batches(_BATCH_ROWS, columns=present):
        columns = [
            batch[field.name].cast(field.type) if field.name in present else pa.nulls(batch.num_rows, field.type)
            for field in schema
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _hour_keys(objects: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(objects["dt"].cast(pa.string()), objects["hour"].cast(pa.string()), "/")
