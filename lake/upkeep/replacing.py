"""The rows of some offsets replaced by others: compared and prepared first, then exchanged in one commit a table.

Only objects that hold a row of these offsets are touched, and those that cannot be read. The other rows of a touched
object go into the new one as they are, which is compared by checksum before anything leaves this machine. Where the
rows are the new ones already nothing is done.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from contracts.sql import literal, quote
from lake.errors import LakeError, ObjectMissing
from lake.tables import DeltaTables
from lake.upkeep import rewriting
from lake.upkeep.rewriting import Replaced, RowsDiffer, Values, Written

ROWS_A_FILE = 4_000_000
PLACES = pa.schema([("kafka_partition", pa.int32()), ("kafka_offset", pa.int64())])


@dataclass(frozen=True)
class Logged:
    """An object of a partitioned table, as its log has it."""

    path: str
    size: int
    rows: int
    dt: date
    hour: int


@dataclass(frozen=True)
class New:
    """What the rows of these places are to be: `rows` is a Parquet file with all columns of the table, partitions
    included. `places` (PLACES) are offsets of the topic; one without rows in the file has none afterwards.
    """

    topic_id: str
    places: pa.Table
    rows: Path


@dataclass(frozen=True)
class Change:
    """What is to become of a table. `before` and `after` count rows of the places, `differing` those of `after` that
    are not there yet; `lost` are the objects that cannot be read. `made` are files that wait to be put, by partition;
    `compared` are all objects that were looked at.
    """

    table: str
    before: int
    after: int
    differing: int
    lost: tuple[str, ...]
    replaced: tuple[Replaced, ...]
    made: tuple[tuple[Values, Path], ...]
    compared: tuple[str, ...]


def logged(tables: DeltaTables, name: str, dates: Collection[date]) -> list[Logged]:
    """The objects of these dates, at the version of the last look."""
    actions = pa.table(tables.last_seen(name).get_add_actions(flatten=True)).to_pylist()
    return [
        Logged(row["path"], row["size_bytes"], row["num_records"], row["partition.dt"], row["partition.hour"])
        for row in actions
        if row["partition.dt"] in dates
    ]


def prepare(tables: DeltaTables, name: str, new: New, dates: Collection[date], directory: Path) -> Change:
    """Compare the rows of these dates (and wherever the new rows belong) with the new ones, and make the objects that
    differ, as files in the directory. Raise RowsDiffer where a row that is not meant would change.
    """
    tables.refresh(name)
    with rewriting.workspace() as (scratch, database):
        database.execute(f"CREATE TEMP VIEW fresh AS FROM read_parquet({literal(str(new.rows))})")
        database.register("places", new.places)
        hours: dict[tuple[date, int], list[Logged]] = {
            hour: [] for hour in database.execute("SELECT DISTINCT dt, hour FROM fresh").fetchall()
        }
        for each in logged(tables, name, {*dates, *(dt for dt, _ in hours)}):
            hours.setdefault((each.dt, each.hour), []).append(each)
        changes = [
            _Hour(tables, name, new.topic_id, dt, hour, database).change(objects, scratch, directory)
            for (dt, hour), objects in sorted(hours.items())
        ]
    return Change(
        table=name,
        before=sum(each.before for each in changes),
        after=sum(each.after for each in changes),
        differing=sum(each.differing for each in changes),
        lost=tuple(path for each in changes for path in each.lost),
        replaced=tuple(item for each in changes for item in each.replaced),
        made=tuple(item for each in changes for item in each.made),
        compared=tuple(path for each in changes for path in each.compared),
    )


def put(tables: DeltaTables, change: Change) -> list[Written]:
    """Put the new objects into the lake; no log names them yet."""
    return [rewriting.put(tables, change.table, file, values, "replayed") for values, file in change.made]


def commit(tables: DeltaTables, change: Change, written: Sequence[Written], said: Mapping[str, str]) -> int | None:
    """Make the change in one commit and return its version; None where there is nothing to do. Raise LakeError where
    another commit has taken one of the old objects, or put rows into another one, as a second replay does.
    """
    if not (change.replaced or change.made):
        return None
    version = rewriting.exchange(
        tables,
        change.table,
        change.replaced,
        written,
        changes_data=True,
        said=said,
        compared=frozenset(change.compared),
    )
    if version is None:
        raise LakeError(
            f"{change.table} was changed meanwhile, as by a compaction: nothing of this was committed to it. What was "
            "committed to other tables stands; run the same again and it finishes."
        )
    return version


@dataclass(frozen=True)
class _Hour:
    """One partition while it is compared. Its rows are those of the places (ours) and others."""

    tables: DeltaTables
    name: str
    topic_id: str
    dt: date
    hour: int
    database: duckdb.DuckDBPyConnection

    def change(self, objects: Sequence[Logged], scratch: Path, directory: Path) -> Change:
        schema = rewriting.stored_schema(self.tables.last_seen(self.name))
        columns = ", ".join(quote(each) for each in schema.names)
        fresh = f"SELECT {columns} FROM fresh WHERE dt = DATE '{self.dt}' AND hour = {self.hour}"  # noqa: S608 - the table's own names
        lost, touched = self._fetched(objects, schema, scratch)
        held = rewriting.rows_of(list(touched.values()), schema)
        there, others = self._ours(held), self._ours(held, negated=True)
        before, after = (rewriting.checksum(self.database, rows, schema) for rows in (there, fresh))
        same = before == after
        replaced, made = [], []
        if lost or not same:
            values = {"dt": self.dt.isoformat(), "hour": str(self.hour)}
            folder = directory / self.name / f"{self.dt}-{self.hour}"
            folder.mkdir(parents=True)
            wanted = f"{others} UNION ALL {fresh}"
            files = list(rewriting.write_ordered(self.database, wanted, schema, folder, ROWS_A_FILE))
            self._compare(rewriting.rows_of(files, schema), others, fresh, schema)
            replaced = [Replaced(each.path, values, each.size) for each in (*lost, *touched)]
            made = [(values, file) for file in files]
        differing = 0 if same else self._count(f"{fresh} EXCEPT ALL {there}")
        for file in touched.values():
            file.unlink()
        return Change(
            table=self.name,
            before=before[0],
            after=after[0],
            differing=differing,
            lost=tuple(each.path for each in lost),
            replaced=tuple(replaced),
            made=tuple(made),
            compared=tuple(each.path for each in objects),
        )

    def _fetched(
        self, objects: Sequence[Logged], schema: pa.Schema, scratch: Path
    ) -> tuple[list[Logged], dict[Logged, Path]]:
        """The objects that cannot be read, and those that hold a row of the places."""
        lost: list[Logged] = []
        touched: dict[Logged, Path] = {}
        for number, each in enumerate(objects):
            file = scratch / f"{self.dt}-{self.hour}-{number}"
            if not _fetched_whole(self.tables, self.name, each, file):
                lost.append(each)
            elif self._count(self._ours(rewriting.rows_of([file], schema))):
                touched[each] = file
            else:
                file.unlink()
        return lost, touched

    def _ours(self, rows: str, *, negated: bool = False) -> str:
        place = "(kafka_partition, kafka_offset)"
        ours = f"kafka_topic_id = {literal(self.topic_id)} AND {place} IN (SELECT {place} FROM places)"  # noqa: S608 - constants
        return f"SELECT * FROM ({rows}) WHERE ({ours}) IS {'NOT ' if negated else ''}TRUE"  # noqa: S608 - the table's own names

    def _count(self, rows: str) -> int:
        [(count,)] = self.database.execute(f"SELECT count(*) FROM ({rows})").fetchall()  # noqa: S608 - as above
        return int(count)

    def _compare(self, made: str, others: str, fresh: str, schema: pa.Schema) -> None:
        for wanted, found in ((others, self._ours(made, negated=True)), (fresh, self._ours(made))):
            if rewriting.checksum(self.database, wanted, schema) != rewriting.checksum(self.database, found, schema):
                raise RowsDiffer(
                    f"{self.name}/dt={self.dt}/hour={self.hour}: the new objects do not hold the rows they should, or "
                    "a row would change that is not meant. Nothing was written; keep the table, and report this."
                )


def _fetched_whole(tables: DeltaTables, name: str, found: Logged, file: Path) -> bool:
    """Copy an object to this machine and read all of it. False where it is gone or is not what the log says."""
    try:
        size = file.write_bytes(tables.store.get(f"{name}/{found.path}"))
        rows = sum(len(batch) for batch in pq.ParquetFile(file).iter_batches())
    except (ObjectMissing, OSError, pa.ArrowException):
        return False
    return (size, rows) == (found.size, found.rows)
