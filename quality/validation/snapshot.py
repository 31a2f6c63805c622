"""A table at one version, as its log describes it: the objects of every part, and whether they are as the log says."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lake import names
from lake.tables import DeltaTables
from quality.validation.checks import Part


@dataclass(frozen=True)
class LoggedObject:
    """An object as the log has it. `committed` is when the log got it."""

    path: str
    size: int
    rows: int
    part: Part
    committed: datetime

    @property
    def is_first_hand(self) -> bool:
        """Whether the stream wrote it, so that `committed` says when its rows came into the lake."""
        return names.parse(self.path) is not None


@dataclass(frozen=True)
class Snapshot:
    name: str
    version: int
    objects: tuple[LoggedObject, ...]
    schema: pa.Schema
    _table: DeltaTable

    @classmethod
    def of(cls, tables: DeltaTables, name: str) -> "Snapshot":
        """The newest version of this moment, whatever the table becomes."""
        table = tables.at_version(name, tables.table(name).version())
        actions = pa.table(table.get_add_actions(flatten=True))
        columns = ("path", "size_bytes", "num_records", "modification_time", "partition.dt", "partition.hour")
        objects = tuple(
            LoggedObject(path, size, rows, Part(dt, hour), datetime.fromtimestamp(modified_ms / 1000, UTC))
            for path, size, rows, modified_ms, dt, hour in zip(
                *(actions[column].to_pylist() for column in columns), strict=True
            )
        )
        return cls(name, table.version(), objects, pa.schema(table.schema().to_arrow()), table)

    @property
    def parts(self) -> set[Part]:
        return {each.part for each in self.objects}

    def rows_by_date(self) -> Counter[date]:
        counted: Counter[date] = Counter()
        for each in self.objects:
            counted[each.part.dt] += each.rows
        return counted

    def hours_by_date(self) -> dict[date, set[int]]:
        hours: dict[date, set[int]] = {}
        for each in self.objects:
            if each.rows and each.part.hour is not None:
                hours.setdefault(each.part.dt, set()).add(each.part.hour)
        return hours

    def objects_of(self, dt: date, hours: Collection[int]) -> list[LoggedObject]:
        return [each for each in self.objects if each.part.dt == dt and each.part.hour in hours]

    def not_whole(self, tables: DeltaTables, dt: date, hours: Collection[int]) -> list[LoggedObject]:
        """The objects of these hours that are gone or have another size than the log says."""
        prefix = f"{self.name}/dt={dt}/"
        sizes = {info.key.removeprefix(f"{self.name}/"): info.size for info in tables.store.list(prefix)}
        return [each for each in self.objects_of(dt, hours) if sizes.get(each.path) != each.size]

    def unreadable(self, dt: date, hours: Collection[int]) -> list[LoggedObject]:
        """Those of these hours that are no Parquet or have more or fewer rows than the log says. Reads them whole."""
        found = []
        for each in self.objects_of(dt, hours):
            try:
                readable = (
                    pq.read_table(each.path, filesystem=self._filesystem(dt), partitioning=None).num_rows == each.rows
                )
            except (OSError, pa.ArrowException):
                readable = False
            if not readable:
                found.append(each)
        return found

    def dataset(self, dt: date, objects: Iterable[LoggedObject]) -> ds.Dataset:
        """These objects of a date, to be read with their partition columns.

        The log's statistics are left out of it: a reader would skip objects by them, and never see that they lie.
        """
        form = ds.ParquetFileFormat(default_fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False))
        filesystem = self._filesystem(dt)
        fragments = [
            form.make_fragment(
                each.path,
                filesystem=filesystem,
                partition_expression=(pc.field("dt") == pa.scalar(dt))
                & (pc.field("hour") == pa.scalar(each.part.hour, pa.int32())),
            )
            for each in objects
        ]
        return ds.FileSystemDataset(fragments, self.schema, form, filesystem)

    def _filesystem(self, dt: date) -> pa.fs.FileSystem:
        return self._table.to_pyarrow_dataset(file_pruning_predicate=[("dt", "=", str(dt))]).filesystem
