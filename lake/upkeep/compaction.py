"""Few large objects for many small ones: the same rows by store and time, in one commit that changes no data."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable

from lake.tables import DeltaTables
from lake.upkeep import rewriting
from lake.upkeep.rewriting import MIB, TARGET_BYTES, Replaced, RowsDiffer

SMALLEST_BYTES = 128 * MIB
"""An object of this size is left alone."""

QUIET = timedelta(hours=1)
"""A partition whose newest object is younger is still being written to."""


@dataclass(frozen=True)
class Small:
    """An object that is worth joining with others."""

    path: str
    size: int
    rows: int
    committed: datetime


@dataclass(frozen=True)
class Partition:
    """A partition and its small objects. `values` are spelled as in paths and log."""

    values: tuple[tuple[str, str], ...]
    small: tuple[Small, ...]

    def __str__(self) -> str:
        return "/".join(f"{column}={value}" for column, value in self.values)


@dataclass(frozen=True)
class Compacted:
    """What became of a partition. `version` is the commit's; None where another commit came first and nothing was
    changed.
    """

    table: str
    partition: str
    before: int
    after: int
    rows: int
    size: int
    version: int | None


def candidates(table: DeltaTable, now: datetime, quiet: timedelta = QUIET) -> list[Partition]:
    """The partitions with two or more small objects into which nothing was written lately, in the order of values."""
    columns = table.metadata().partition_columns
    actions = pa.table(table.get_add_actions(flatten=True))
    found: dict[tuple[tuple[str, str], ...], list[Small]] = {}
    for row in actions.to_pylist():
        values = tuple((column, str(row[f"partition.{column}"])) for column in columns)
        committed = datetime.fromtimestamp(row["modification_time"] / 1000, UTC)
        found.setdefault(values, []).append(Small(row["path"], row["size_bytes"], row["num_records"], committed))
    result = []
    for values, objects in sorted(found.items()):
        small = sorted((each for each in objects if each.size < SMALLEST_BYTES), key=lambda each: each.path)
        if len(small) > 1 and max(each.committed for each in objects) <= now - quiet:
            result.append(Partition(values, tuple(small)))
    return result


def compact(
    tables: DeltaTables,
    name: str,
    *,
    now: datetime,
    quiet: timedelta = QUIET,
    target_bytes: int = TARGET_BYTES,
    progress: Callable[[str], None] = lambda _: None,
) -> Iterator[Compacted]:
    """Compact the partitions of a table that are worth it, one commit each. Nothing to do is nothing done.

    Raise RowsDiffer, before anything is committed, where new objects are not the rows of the old ones.
    """
    for partition in candidates(tables.table(name), now, quiet):
        progress(f"{name}/{partition}")
        yield _compact(tables, name, partition, target_bytes)


def _compact(tables: DeltaTables, name: str, partition: Partition, target_bytes: int) -> Compacted:
    values = dict(partition.values)
    schema = rewriting.stored_schema(tables.table(name))
    rows, size = sum(each.rows for each in partition.small), sum(each.size for each in partition.small)
    with rewriting.workspace() as (directory, database):
        old = [
            rewriting.fetch(tables, name, each.path, directory / f"old-{n}") for n, each in enumerate(partition.small)
        ]
        rows_a_file = -(-rows // max(1, round(size / target_bytes)))
        new = rewriting.write_ordered(database, rewriting.rows_of(old, schema), schema, directory, rows_a_file)
        written = [rewriting.put(tables, name, file, values, "compacted") for file in new]
        back = [rewriting.fetch(tables, name, each.path, directory / f"back-{n}") for n, each in enumerate(written)]
        before, after = (
            rewriting.checksum(database, rewriting.rows_of(files, schema), schema) for files in (old, back)
        )
    if before != after:
        raise RowsDiffer(
            f"{name}/{partition}: the compacted objects do not hold the same rows. Nothing was committed; the new "
            "objects are in no log. Keep the table as it is, and report this."
        )
    version = rewriting.exchange(
        tables,
        name,
        [Replaced(each.path, values, each.size) for each in partition.small],
        written,
        changes_data=False,
        said={"compacted": str(partition), "objects": str(len(partition.small))},
    )
    return Compacted(
        table=name,
        partition=str(partition),
        before=len(partition.small),
        after=len(written),
        rows=sum(each.rows for each in written),
        size=sum(each.size for each in written),
        version=version,
    )
