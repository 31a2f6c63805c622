"""Decoded messages on their way to the rows of the lake's tables."""

import pyarrow as pa

from contracts import Contract
from contracts.system_tables import DUPLICATES_SCHEMA, QUARANTINE_SCHEMA


def located(decoded: pa.Table, messages: pa.Table, topic_id: str) -> pa.Table:
    """Decoded messages with where each came from and who signed it, as `contracts.splitting` wants them."""
    for name, column in _kafka_columns(messages, topic_id).items():
        decoded = decoded.append_column(name, column)
    for name, column in (("kafka_timestamp", "timestamp"), ("key_generation",) * 2, ("signature",) * 2):
        decoded = decoded.append_column(name, messages[column])
    return decoded


def quarantine(
    contract: Contract, topic_id: str, messages: pa.Table, *, reasons: list[str], details: list[str], job_version: str
) -> pa.Table:
    """Whole messages with why they were refused."""
    columns = _kafka_columns(messages, topic_id) | {
        "feed": contract.feed,
        "dt": messages["batch_time"].cast(pa.date32(), safe=False),
        "topic": contract.topic.name,
        "kafka_timestamp": messages["timestamp"],
        "key": messages["key"],
        "payload": messages["value"],
        "headers": messages["headers"],
        "reason": pa.array(reasons, pa.string()),
        "detail": pa.array(details, pa.string()),
        "batch_time": messages["batch_time"],
        "job_version": job_version,
    }
    return _shaped(columns, QUARANTINE_SCHEMA, len(messages))


def duplicates(contract: Contract, topic_id: str, messages: pa.Table, decoded: pa.Table) -> pa.Table:
    """What is recorded of messages that were in the tables already."""
    columns = _kafka_columns(messages, topic_id) | {
        "feed": contract.feed,
        "dt": messages["batch_time"].cast(pa.date32(), safe=False),
        **{name: decoded[name] for name in ("event_id", "store_id", "register_id", "epoch", "seq")},
        "signature": messages["signature"],
        "kafka_timestamp": messages["timestamp"],
        "batch_time": messages["batch_time"],
    }
    return _shaped(columns, DUPLICATES_SCHEMA, len(messages))


def _kafka_columns(messages: pa.Table, topic_id: str) -> dict[str, pa.ChunkedArray | pa.Array]:
    return {
        "kafka_topic_id": pa.repeat(pa.scalar(topic_id), len(messages)),
        "kafka_partition": messages["partition"],
        "kafka_offset": messages["offset"],
    }


def _shaped(columns: dict[str, pa.ChunkedArray | pa.Array | str], schema: pa.Schema, rows: int) -> pa.Table:
    arrays = [
        pa.repeat(pa.scalar(value), rows) if isinstance(value := columns[field.name], str) else _array(value)
        for field in schema
    ]
    return pa.table([array.cast(field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema)


def _array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
