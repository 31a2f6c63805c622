"""Rows of a table put into other objects: fetched, written in order, compared by checksum, exchanged in one commit.

What is written is named for its content, so a run that was killed and comes again writes the same objects, and is read
back and compared before the log names it. Whoever reads an older version of a table still finds its objects: removing
them is the clean-up's.
"""

import json
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from contracts.sql import literal, quote
from lake.errors import LakeError, ObjectMissing
from lake.names import parse, rewritten_path
from lake.statistics import present, statistics
from lake.tables import DeltaTables

MIB = 2**20
TARGET_BYTES = 256 * MIB
MEMORY_LIMIT = "512MB"
_ORDER = ("store_id", "event_time", "batch_time", "kafka_topic_id", "kafka_partition", "kafka_offset", "ordinal")
_ROW_GROUP_ROWS = 500_000
_BATCH_ROWS = 65_536
_ATTEMPTS = 50
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)

Values = Mapping[str, str]


class RowsDiffer(LakeError):  # noqa: N818 - what they do
    """New objects do not hold the rows they should. Nothing was committed."""


@dataclass(frozen=True)
class Written:
    """A new object, not in the log yet. `values` are its partition's, spelled as in paths and log."""

    path: str
    values: Values
    size: int
    rows: int
    stats: str


@dataclass(frozen=True)
class Replaced:
    """An object that is in the log and is to leave it."""

    path: str
    values: Values
    size: int


@contextmanager
def workspace() -> Iterator[tuple[Path, duckdb.DuckDBPyConnection]]:
    """A folder that is gone afterwards, and a database that spills into it."""
    with tempfile.TemporaryDirectory(prefix="tillstream-rewrite-") as directory, duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        database.execute("SET temp_directory = ?", [directory])
        database.execute("SET TimeZone = 'UTC'")
        yield Path(directory), database


def stored_schema(table: DeltaTable) -> pa.Schema:
    """The columns that objects of the table hold: all but those that their paths say."""
    partitioned = set(table.metadata().partition_columns)
    return pa.schema([field for field in pa.schema(table.schema().to_arrow()) if field.name not in partitioned])


def fetch(tables: DeltaTables, name: str, path: str, file: Path) -> Path:
    """Copy an object to this machine. Raise LakeError where it is gone."""
    try:
        file.write_bytes(tables.store.get(f"{name}/{path}"))
    except ObjectMissing as error:
        raise LakeError(
            f"{name}/{path} is gone, though the log names it. Nothing was changed; see what else is: tillstream verify"
        ) from error
    return file


def rows_of(files: Sequence[Path], schema: pa.Schema) -> str:
    """SQL for all columns of the rows in these files. A column that came after them is null in them."""
    columns = [(quote(field.name), field.type) for field in schema]
    if not files:
        return f"SELECT {', '.join(f'NULL AS {name}' for name, _ in columns)} WHERE false"
    listed = ", ".join(literal(str(file)) for file in files)
    there = {name for file in files for name in pq.read_schema(file).names}
    chosen = ", ".join(quote(each) if each in there else f"NULL AS {quote(each)}" for each in schema.names)
    return f"SELECT {chosen} FROM read_parquet([{listed}], union_by_name = true)"  # noqa: S608 - the table's own names


def checksum(database: duckdb.DuckDBPyConnection, rows: str, schema: pa.Schema) -> tuple[int, ...]:
    """How many rows a query has, and sums over all columns of all of them, whatever their order."""
    columns = ", ".join(quote(each) for each in schema.names)
    [found] = database.execute(
        f"SELECT count(*), sum(hash({columns})::HUGEINT), bit_xor(hash({columns})) FROM ({rows})"  # noqa: S608 - as above
    ).fetchall()
    return tuple(found)


def write_ordered(
    database: duckdb.DuckDBPyConnection, rows: str, schema: pa.Schema, directory: Path, rows_a_file: int
) -> Iterator[Path]:
    """The rows of a query by store and time, in files of so many. The order is total: equal rows make equal files."""
    order = ", ".join(quote(each) for each in _ORDER if each in schema.names)
    reader = database.sql(f"{rows} ORDER BY {order}").to_arrow_reader(_BATCH_ROWS)
    left, number, writer = 0, 0, None
    try:
        for batch in reader:
            place = 0
            while place < len(batch):
                if writer is None:
                    file, left = directory / f"new-{number}", rows_a_file
                    writer = pq.ParquetWriter(
                        file, schema, compression="zstd", compression_level=3, write_statistics=list(present(schema))
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


def put(tables: DeltaTables, name: str, file: Path, values: Values, why: str) -> Written:
    """Put a file into the lake as an object of this partition; `why` begins its name."""
    body = file.read_bytes()
    path = rewritten_path(values, why, body)
    tables.store.put(f"{name}/{path}", body)
    rows = pq.read_table(file, columns=list(present(pq.read_schema(file))))
    return Written(path, values, len(body), rows.num_rows, json.dumps(statistics(rows)))


def exchange(
    tables: DeltaTables,
    name: str,
    replaced: Sequence[Replaced],
    written: Sequence[Written],
    *,
    changes_data: bool,
    said: Mapping[str, str],
    compared: Collection[str] | None = None,
) -> int | None:
    """Exchange the objects in one commit; return its version. None, and nothing is changed, where one of the old
    ones has left the table meanwhile. What is both old and new stays.

    `compared` are the objects that the new rows were held against: None is returned, too, where their partitions have
    got another one since that was rewritten, and so may hold the same rows. What the stream adds does not.

    Delta-rs does not refuse to remove what another commit has removed. So each try is for the version after the one
    that was looked at, and a commit that came first means to look again.
    """
    old, new = {each.path for each in replaced}, {each.path for each in written}
    partitions = {path.rpartition("/")[0] for path in (*old, *new)}
    now_ms = int(time.time() * 1000)
    actions: list[AddAction | RemoveAction] = [
        *(
            RemoveAction(each.path, changes_data, now_ms, each.size, dict(each.values))
            for each in replaced
            if each.path not in new
        ),
        *(
            AddAction(each.path, each.size, dict(each.values), now_ms, changes_data, each.stats)
            for each in written
            if each.path not in old
        ),
    ]
    for _ in range(_ATTEMPTS):
        table = tables.table(name)
        prefix = f"{tables.table_uri(name)}/"
        present = {uri.removeprefix(prefix) for uri in table.file_uris()}
        if not old <= present:
            return None
        if compared is not None and _rewritten_beside(present - new, compared, partitions):
            return None
        try:
            table.create_write_transaction(
                actions,
                "append",
                table.schema(),
                table.metadata().partition_columns,
                commit_properties=CommitProperties(custom_metadata=dict(said), max_commit_retries=0),
                post_commithook_properties=_NO_HOOKS,
            )
        except CommitFailedError:
            continue
        tables.refresh(name)
        return tables.last_seen(name).version()
    raise LakeError(
        f"{name} was not changed: other commits came first {_ATTEMPTS} times. Run it again when less is written."
    )


def _rewritten_beside(present: Collection[str], compared: Collection[str], partitions: Collection[str]) -> bool:
    return any(
        parse(path) is None and path not in compared and path.rpartition("/")[0] in partitions for path in present
    )
