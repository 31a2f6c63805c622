"""From decoded messages to rows of tables: the parent as it is, each list exploded into its child table."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.model import PARTITION_COLUMNS, Contract, Table


def split(contract: Contract, rows: pa.Table) -> dict[str, pa.Table]:
    """The contract's tables, in its order (children first), each with exactly its `Table.arrow_schema()`.

    `rows`: accepted rows of `Decoded.rows`, to which the caller has added where each message came from: the columns
    kafka_topic_id, kafka_partition, kafka_offset, kafka_timestamp, key_generation and signature. Order is kept.
    """
    rows = rows.combine_chunks()
    day, hour = PARTITION_COLUMNS
    columns = {name: _array(rows, name) for name in rows.column_names}
    columns[day.name] = columns["business_date"]
    columns[hour.name] = pc.hour(columns["event_time"]).cast(hour.type)
    return {
        table.name: _child(table, columns) if table.source else _parent(table, columns) for table in contract.tables
    }


def _array(rows: pa.Table, name: str) -> pa.Array:
    column = rows[name]
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


def _parent(table: Table, columns: dict[str, pa.Array]) -> pa.Table:
    named = columns | {field.column: columns[field.name] for field in table.fields}
    named["ordinal"] = pa.array(np.zeros(len(named["event_id"]), dtype=np.int32))
    return _shaped(table, named)


def _child(table: Table, columns: dict[str, pa.Array]) -> pa.Table:
    lists = columns[table.source]
    owners = pc.list_parent_indices(lists)
    named = {field.column: columns[field.name].take(owners) for field in table.inherit}
    for name in ("kafka_topic_id", "kafka_partition", "kafka_offset", *table.partition_columns):
        named[name] = columns[name].take(owners)
    named["ordinal"] = pa.array(_ordinals(lists))
    items = lists.flatten()
    named |= {field.column: pc.struct_field(items, field.name) for field in table.fields}
    return _shaped(table, named)


def _ordinals(lists: pa.ListArray) -> npt.NDArray[np.int32]:
    """The position of each item in its own list."""
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    starts = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum(), dtype=np.int32) - np.repeat(starts, lengths).astype(np.int32)


def _shaped(table: Table, named: dict[str, pa.Array]) -> pa.Table:
    schema = table.arrow_schema()
    return pa.table([named[field.name].cast(field.type) for field in schema], schema=schema)
