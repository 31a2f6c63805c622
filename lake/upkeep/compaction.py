"""Few large objects for many small ones: the same rows, ordered by store and time, in one commit that changes no data.

The new objects are read back and compared with the old ones, row by row as checksums, before the log names them. They
are named for their content, so a compaction that was killed and comes again writes the same objects. Whoever reads an
older version of a table still finds its objects: removing them is the clean-up's.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from contracts.sql import literal, quote
from lake.errors import LakeError, ObjectMissing
from lake.names import compacted_path
from lake.statistics import STATISTICS, statistics
from lake.tables import DeltaTables

MIB = 2**20
TARGET_BYTES = 256 * MIB
SMALLEST_BYTES = 128 * MIB
"""An object of this size is left alone."""

QUIET = timedelta(hours=1)
"""A partition whose newest object is younger is still being written to."""

MEMORY_LIMIT = "512MB"
_ORDER = ("store_id", "event_time", "batch_time", "kafka_topic_id", "kafka_partition", "kafka_offset", "ordinal")
_ROW_GROUP_ROWS = 500_000
_ATTEMPTS = 50
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


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


class RowsDiffer(LakeError):  # noqa: N818 - what they do
    """The new objects do not hold the rows of the old ones. Nothing was committed."""


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


@dataclass(frozen=True)
class _Written:
    path: str
    size: int
    rows: int
    stats: str


def _compact(tables: DeltaTables, name: str, partition: Partition, target_bytes: int) -> Compacted:
    table = tables.table(name)
    schema = pa.schema(
        [field for field in pa.schema(table.schema().to_arrow()) if field.name not in dict(partition.values)]
    )
    with tempfile.TemporaryDirectory(prefix="tillstream-compact-") as directory, duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        database.execute("SET temp_directory = ?", [directory])
        database.execute("SET TimeZone = 'UTC'")
        old = [
            _fetched(tables, name, each.path, Path(directory) / f"old-{n}") for n, each in enumerate(partition.small)
        ]
        new = list(_rewritten(database, old, schema, partition, Path(directory), target_bytes))
        written = [_put(tables, name, file, partition) for file in new]
        back = [_fetched(tables, name, each.path, Path(directory) / f"back-{n}") for n, each in enumerate(written)]
        if _checksum(database, old, schema) != _checksum(database, back, schema):
            raise RowsDiffer(
                f"{name}/{partition}: the compacted objects do not hold the same rows. Nothing was committed; the new "
                "objects are in no log. Keep the table as it is, and report this."
            )
    removed = {each.path for each in partition.small} - {each.path for each in written}
    added = [each for each in written if each.path not in {small.path for small in partition.small}]
    return Compacted(
        table=name,
        partition=str(partition),
        before=len(partition.small),
        after=len(written),
        rows=sum(each.rows for each in written),
        size=sum(each.size for each in written),
        version=_commit(tables, name, partition, removed, added),
    )


def _fetched(tables: DeltaTables, name: str, path: str, file: Path) -> Path:
    try:
        file.write_bytes(tables.store.get(f"{name}/{path}"))
    except ObjectMissing as error:
        raise LakeError(
            f"{name}/{path} is gone, though the log names it. Nothing was changed; see what else is: tillstream verify"
        ) from error
    return file


def _rewritten(
    database: duckdb.DuckDBPyConnection,
    old: Sequence[Path],
    schema: pa.Schema,
    partition: Partition,
    directory: Path,
    target_bytes: int,
) -> Iterator[Path]:
    """The rows in order, in files of about the target size. The order is total, so equal rows make equal files."""
    rows, size = sum(each.rows for each in partition.small), sum(each.size for each in partition.small)
    rows_a_file = -(-rows // max(1, round(size / target_bytes)))
    order = ", ".join(quote(each) for each in _ORDER if each in schema.names)
    reader = database.sql(f"{_rows(old, schema)} ORDER BY {order}").to_arrow_reader(65_536)
    left, number, writer = 0, 0, None
    try:
        for batch in reader:
            place = 0
            while place < len(batch):
                if writer is None:
                    file, left = directory / f"new-{number}", rows_a_file
                    writer = pq.ParquetWriter(
                        file, schema, compression="zstd", compression_level=3, write_statistics=_statistical(schema)
                    )
                part = batch.slice(place, left)
                writer.write_table(pa.Table.from_batches([part]).cast(schema), row_group_size=_ROW_GROUP_ROWS)
                place, left = place + len(part), left - len(part)
                if not left:
                    writer.close()
                    writer, number = None, number + 1
                    yield file
        if writer is not None:
            writer.close()
            writer = None
            yield file
    finally:
        if writer is not None:
            writer.close()


def _statistical(schema: pa.Schema) -> list[str]:
    return [name for name in STATISTICS if name in schema.names]


def _put(tables: DeltaTables, name: str, file: Path, partition: Partition) -> _Written:
    body = file.read_bytes()
    path = compacted_path(dict(partition.values), body)
    tables.store.put(f"{name}/{path}", body)
    rows = pq.read_table(file, columns=_statistical(pq.read_schema(file)))
    return _Written(path, len(body), rows.num_rows, json.dumps(statistics(rows)))


def _checksum(database: duckdb.DuckDBPyConnection, files: Sequence[Path], schema: pa.Schema) -> tuple[object, ...]:
    """Of all columns of all rows, whatever their order."""
    columns = ", ".join(quote(each) for each in schema.names)
    found = database.execute(
        f"SELECT count(*), sum(hash({columns})::HUGEINT), bit_xor(hash({columns})) FROM ({_rows(files, schema)})"  # noqa: S608 - the table's own names
    ).fetchone()
    return found or ()


def _rows(files: Sequence[Path], schema: pa.Schema) -> str:
    """All columns of the table. One that came after these objects is null in them."""
    listed = ", ".join(literal(str(file)) for file in files)
    present = {name for file in files for name in pq.read_schema(file).names}
    columns = ", ".join(quote(each) if each in present else f"NULL AS {quote(each)}" for each in schema.names)
    return f"SELECT {columns} FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608 - as above


def _commit(
    tables: DeltaTables, name: str, partition: Partition, removed: set[str], added: Sequence[_Written]
) -> int | None:
    """Exchange the objects in one commit, or change nothing (None) where one of the old ones has left the table.

    Delta-rs does not refuse to remove what another commit has removed meanwhile. So each try is for the version after
    the one that was looked at, and a commit that came first means to look again.
    """
    for _ in range(_ATTEMPTS):
        table = tables.table(name)
        prefix = f"{tables.table_uri(name)}/"
        if not removed <= {uri.removeprefix(prefix) for uri in table.file_uris()}:
            return None
        try:
            table.create_write_transaction(
                _exchanged(partition, removed, added),
                "append",
                table.schema(),
                table.metadata().partition_columns,
                commit_properties=CommitProperties(
                    custom_metadata={"compacted": str(partition), "objects": str(len(removed))}, max_commit_retries=0
                ),
                post_commithook_properties=_NO_HOOKS,
            )
        except CommitFailedError:
            continue
        tables.refresh(name)
        return tables.last_seen(name).version()
    raise LakeError(
        f"{name}/{partition} could not be compacted: other commits came first {_ATTEMPTS} times. Nothing was changed; "
        "run it again when less is written."
    )


def _exchanged(partition: Partition, removed: set[str], added: Sequence[_Written]) -> list[AddAction | RemoveAction]:
    now_ms = int(time.time() * 1000)
    values: dict[str, str | None] = dict(partition.values)
    changes_data = False
    out = [
        RemoveAction(each.path, changes_data, now_ms, each.size, values)
        for each in partition.small
        if each.path in removed
    ]
    return [*out, *(AddAction(each.path, each.size, values, now_ms, changes_data, each.stats) for each in added)]
