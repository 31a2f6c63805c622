"""The tables that all feeds share: what was refused, and what came twice."""

import pyarrow as pa

PARTITION_COLUMNS = ("feed", "dt")

QUARANTINE = "quarantine"
QUARANTINE_SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("dt", pa.date32()),
        ("kafka_topic_id", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("topic", pa.string()),
        ("kafka_timestamp", pa.timestamp("us", tz="UTC")),
        ("key", pa.binary()),
        ("payload", pa.binary()),
        ("headers", pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("batch_time", pa.timestamp("us", tz="UTC")),
        ("job_version", pa.string()),
    ]
)

DUPLICATES = "duplicates"
DUPLICATES_SCHEMA = pa.schema(
    [
        ("feed", pa.string()),
        ("dt", pa.date32()),
        ("kafka_topic_id", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("event_id", pa.string()),
        ("store_id", pa.string()),
        ("register_id", pa.string()),
        ("epoch", pa.string()),
        ("seq", pa.int64()),
        ("signature", pa.binary()),
        ("kafka_timestamp", pa.timestamp("us", tz="UTC")),
        ("batch_time", pa.timestamp("us", tz="UTC")),
    ]
)

SCHEMAS = {QUARANTINE: QUARANTINE_SCHEMA, DUPLICATES: DUPLICATES_SCHEMA}
