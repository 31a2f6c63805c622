"""Delta tables made from contracts: created, widened, opened; handles kept while their credentials are good."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from deltalake import DeltaTable, Field, Schema
from deltalake.exceptions import TableNotFoundError

from contracts import Contract, system_tables
from lake.errors import LakeError, Unreadable
from lake.objects import ObjectStore

# A checkpoint of the log forgets removals older than this, Delta's default being a week. While they are remembered an
# object that was replaced is known as such: the clean-up may be late, and `verify` takes it for no stranger.
TOMBSTONES_KEPT = "interval 60 days"
_PROPERTIES = {"delta.deletedFileRetentionDuration": TOMBSTONES_KEPT}


@dataclass(frozen=True)
class TableDefinition:
    name: str
    schema: pa.Schema
    partition_columns: tuple[str, ...]


def definitions(contracts: Iterable[Contract]) -> list[TableDefinition]:
    """Every table that the ingest job writes: those of the feeds, then the shared ones."""
    own = [
        TableDefinition(table.name, table.arrow_schema(), table.partition_columns)
        for contract in contracts
        for table in contract.tables
    ]
    shared = [
        TableDefinition(name, schema, system_tables.PARTITION_COLUMNS) for name, schema in system_tables.SCHEMAS.items()
    ]
    return [*own, *shared]


@dataclass
class _Handle:
    """An open table, the credentials it holds, and the application transactions asked of it so far."""

    table: DeltaTable
    options: dict[str, str]
    transactions: dict[str, int | None] = field(default_factory=dict)


class DeltaTables:
    """The tables of one lake. Handles are kept (opening one costs many requests) and opened again after the
    credentials they hold have been refreshed.

    Make one for each stream: a handle has one version at a time.
    """

    def __init__(self, store: ObjectStore) -> None:
        self.store = store
        self._handles: dict[str, _Handle] = {}

    def table_uri(self, name: str) -> str:
        return f"{self.store.uri}/{name}"

    def exists(self, name: str) -> bool:
        return DeltaTable.is_deltatable(self.table_uri(name), self.store.storage_options())

    def table(self, name: str) -> DeltaTable:
        """A table at its newest version. Raise LakeError where there is no such table."""
        handle = self._handle(name)
        self.refresh(name)
        return handle.table

    def last_seen(self, name: str) -> DeltaTable:
        """A table at the version of its last look: enough for a writer, as Delta refuses what collides."""
        return self._handle(name).table

    def at_version(self, name: str, version: int) -> DeltaTable:
        """A table as it was at a version, with credentials that are good now."""
        table = self._handle(name).table
        if table.version() == version:
            return table
        return DeltaTable(self.table_uri(name), version=version, storage_options=self.store.storage_options())

    def refresh(self, name: str) -> None:
        handle = self._handle(name)
        handle.table.update_incremental()
        handle.transactions.clear()

    def transaction_version(self, name: str, application_id: str) -> int | None:
        """The last batch of the application in the table, as of its last look. Delta reads the log for it: once."""
        handle = self._handle(name)
        if application_id not in handle.transactions:
            handle.transactions[application_id] = handle.table.transaction_version(application_id)
        return handle.transactions[application_id]

    def committed(self, name: str, application_id: str, batch: int) -> None:
        """Follow a commit that was made through `last_seen`: the handle does not by itself."""
        handle = self._handle(name)
        handle.table.update_incremental()
        handle.transactions[application_id] = batch

    def checkpoint(self, name: str) -> None:
        """Write a checkpoint of the log at the version of the last look."""
        self._handle(name).table.create_checkpoint()
        # A handle replays the log from where it was opened: the next one begins at the checkpoint.
        del self._handles[name]

    def _handle(self, name: str) -> _Handle:
        options = self.store.storage_options()
        known = self._handles.get(name)
        if known and known.options == options:
            return known
        try:
            table = DeltaTable(self.table_uri(name), storage_options=options)
        except TableNotFoundError as error:
            raise LakeError(
                f"There is no table {self.table_uri(name)}. Nothing was read; the ingest job creates its tables "
                "when it starts: see `tillstream status`."
            ) from error
        self._handles[name] = _Handle(table, options)
        return self._handles[name]

    def ensure(self, definition: TableDefinition) -> None:
        """Create the table, or add the columns that the contract has gained and the properties it lacks. Raise
        LakeError where a column's type or the partitioning differs: such a change needs a new table.
        """
        wanted = Schema.from_arrow(definition.schema)
        # Neither reader nor writer features are asked for: Athena, Trino and DuckDB read these tables.
        if not self.exists(definition.name):
            DeltaTable.create(
                self.table_uri(definition.name),
                wanted,
                mode="ignore",
                partition_by=list(definition.partition_columns),
                storage_options=self.store.storage_options(),
                configuration=_PROPERTIES,
            )
        handle = self.table(definition.name)
        present = {field.name: field for field in handle.schema().fields}
        _refuse_other_types(self.table_uri(definition.name), present, wanted.fields)
        if tuple(handle.metadata().partition_columns) != definition.partition_columns:
            raise LakeError(
                f"{self.table_uri(definition.name)} is partitioned by {handle.metadata().partition_columns}, the "
                f"contract says {list(definition.partition_columns)}. Nothing was changed; give the table a new name."
            )
        if added := [field for field in wanted.fields if field.name not in present]:
            handle.alter.add_columns(added)
        if not _PROPERTIES.items() <= handle.metadata().configuration.items():
            handle.alter.set_table_properties(_PROPERTIES)


def scan(table: DeltaTable, columns: Sequence[str], predicate: str | None = None) -> Iterator[pa.RecordBatch]:
    """The rows that the predicate (SQL) is true of, in no order, a batch at a time. Raise Unreadable."""
    try:
        for batch in table.scan(list(columns), predicate):
            yield pa.record_batch(batch)
    except Exception as error:
        raise Unreadable(
            f"{table.table_uri} at version {table.version()} cannot be read: {error}. Nothing was changed."
        ) from error


def _refuse_other_types(uri: str, present: Mapping[str, Field], wanted: Sequence[Field]) -> None:
    differing = [
        f"{field.name} is {present[field.name].type}, the contract says {field.type}"
        for field in wanted
        if field.name in present and present[field.name].type != field.type
    ]
    if differing:
        raise LakeError(
            f"{uri} has columns of other types: {'; '.join(differing)}. Nothing was changed; add a new field."
        )
