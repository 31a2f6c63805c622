"""What a contract says, as values: everything else in the project is derived from these."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import pyarrow as pa

FieldType = Literal["string", "integer", "number", "boolean", "timestamp", "date"]
Access = Literal["produce", "consume", "describe", "write", "read"]
ExportFormat = Literal["orc", "csv"]
Severity = Literal["error", "warning"]

ARROW_TYPES: Mapping[FieldType, pa.DataType] = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}

# Every row of every table: where in Kafka it came from. (topic id, partition, offset, ordinal) is the row's key.
ROW_KEY = (
    pa.field("kafka_topic_id", pa.string()),
    pa.field("kafka_partition", pa.int32()),
    pa.field("kafka_offset", pa.int64()),
    pa.field("ordinal", pa.int32()),
)
# What only the row of the message itself carries.
MESSAGE_COLUMNS = (
    pa.field("kafka_timestamp", pa.timestamp("us", tz="UTC")),
    pa.field("key_generation", pa.int32()),
    pa.field("signature", pa.binary()),
)
EXTRAS = pa.field("extras", pa.string())
PARTITION_COLUMNS = (pa.field("dt", pa.date32()), pa.field("hour", pa.int32()))


@dataclass(frozen=True)
class Field:
    """One scalar of the message. `column` is its name in the table, where that differs from the message's."""

    name: str
    type: FieldType
    column: str
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    max_length: int | None = None
    enum: tuple[str, ...] = ()
    description: str = ""

    @property
    def arrow_type(self) -> pa.DataType:
        return ARROW_TYPES[self.type]


@dataclass(frozen=True)
class Array:
    """A list of objects in the message; each of its items becomes a row of `table`."""

    name: str
    table: str
    items: tuple[Field, ...]
    description: str = ""


@dataclass(frozen=True)
class Record:
    """The message: scalars, and lists of flat objects."""

    fields: tuple[Field, ...]
    arrays: tuple[Array, ...]

    @cached_property
    def field_names(self) -> frozenset[str]:
        return frozenset(field.name for field in self.fields)

    @cached_property
    def item_names(self) -> Mapping[str, frozenset[str]]:
        """By array: the names in its items."""
        return {array.name: frozenset(field.name for field in array.items) for array in self.arrays}


@dataclass(frozen=True)
class Table:
    """One table in the lake. `source` is the array it is made of, or "" for the message itself (the parent)."""

    name: str
    fields: tuple[Field, ...]
    source: str
    inherit: tuple[Field, ...]

    @property
    def partition_columns(self) -> tuple[str, ...]:
        return tuple(column.name for column in PARTITION_COLUMNS)

    def arrow_schema(self) -> pa.Schema:
        """The schema in the lake, partition columns last.

        Every column may be null: what is required is held by the decoder, so that a later contract can relax it
        or add a field without rewriting the table.
        """
        own = [pa.field(field.column, field.arrow_type) for field in (*self.inherit, *self.fields)]
        if self.source:
            return pa.schema([*ROW_KEY, *own, *PARTITION_COLUMNS])
        return pa.schema([*ROW_KEY, *MESSAGE_COLUMNS, *own, EXTRAS, *PARTITION_COLUMNS])


@dataclass(frozen=True)
class Topic:
    name: str
    partitions: int
    config: Mapping[str, str]


@dataclass(frozen=True)
class Rule:
    """What must be true of a message: a DuckDB boolean expression over its fields.

    The decoder refuses what breaks a rule of any severity; the severity says how validation takes it in a table.
    """

    name: str
    expression: str
    description: str
    severity: Severity = "error"


@dataclass(frozen=True)
class Expected:
    """What validation expects of a table as a whole, beside what every row must be.

    A business date has from `volume_lowest` to `volume_highest` times the rows of its weekday in the weeks before; at
    most `late_share` of the rows are committed later than the freshness says.
    """

    volume_lowest: float = 0.5
    volume_highest: float = 2.0
    late_share: float = 0.05
    severities: Mapping[str, Severity] = field(default_factory=dict)

    def severity(self, expectation: str, otherwise: Severity) -> Severity:
        return self.severities.get(expectation, otherwise)


@dataclass(frozen=True)
class Role:
    """Who may do what: produce to or consume the topic, write (and read) or read the tables; or describe: see how far
    both have come, and no message or row.
    """

    name: str
    access: Access


@dataclass(frozen=True)
class Export:
    """A delivery that somebody asked for: partitions of a table, written again in another format."""

    table: str
    format: ExportFormat


@dataclass(frozen=True)
class Contract:
    """Everything that is known about a feed. `tables` stand in the order of commits: children first, parent last."""

    feed: str
    version: str
    description: str
    owner: str
    topic: Topic
    event: Record
    tables: tuple[Table, ...]
    rules: tuple[Rule, ...]
    roles: tuple[Role, ...]
    exports: tuple[Export, ...]
    freshness_seconds: int
    cutoff_hours: int
    expected: Expected = field(default_factory=Expected)
    retention_days: int | None = None
    """How long the tables keep a business date; None: for ever."""

    @property
    def major(self) -> int:
        """The only major schema_version this contract can read."""
        return int(self.version.split(".")[0])

    @property
    def parent(self) -> Table:
        return self.tables[-1]

    @property
    def children(self) -> tuple[Table, ...]:
        return self.tables[:-1]

    def who_may(self, access: Access) -> tuple[str, ...]:
        return tuple(role.name for role in self.roles if role.access == access)
