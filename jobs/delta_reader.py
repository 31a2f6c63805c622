"""Spark reads a Delta table: the log, read by delta-rs, names the objects; Spark reads those as Parquet.

So no Delta library runs in Spark's JVM, and one version of one library decides what is in a table.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema


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

    (Spark would take those from the paths below a `basePath`, and asks S3 for that path itself, which no role may.)
    """
    schema = from_arrow_schema(pa.schema([snapshot.schema.field(column) for column in columns]))
    if not snapshot.objects.num_rows:
        return spark.createDataFrame([], schema)
    base = snapshot.uri.replace("s3://", "s3a://", 1)
    paths = [f"{base}/{path}" for path in snapshot.objects["path"].to_pylist()]
    return spark.read.schema(schema).parquet(*paths)


def _hour_keys(objects: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(objects["dt"].cast(pa.string()), objects["hour"].cast(pa.string()), "/")
