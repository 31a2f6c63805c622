"""One hour of the curated table as one object."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.rollup.hour_object import serialise
from jobs.rollup.sales_per_minute import SCHEMA
from tests.support.lake_rows import curated_minute


def test_the_same_rows_are_the_same_object():
    """In whichever order Spark hands the rows over, the object has the same bytes and the same name."""
    rows = [curated_minute(1, 100), curated_minute(2, -40)]
    one, content = serialise(pa.Table.from_pylist(rows, SCHEMA))
    other, again = serialise(pa.Table.from_pylist(rows[::-1], SCHEMA))
    assert (one, content) == (other, again)


def test_the_object_is_described_for_the_log():
    """Path, size, statistics and money are those of the rows; partition columns are in the path alone."""
    described, content = serialise(pa.Table.from_pylist([curated_minute(1, 100), curated_minute(2, -40)], SCHEMA))
    [row] = described.to_pylist()
    assert row["path"].startswith("dt=2026-11-20/hour=9/")
    assert (row["size_bytes"], row["receipts"], row["amount"], row["lines_amount"]) == (len(content), 2, 60, 60)
    assert json.loads(row["stats"]) == {
        "numRecords": 2,
        "minValues": {"store_id": "330", "minute": "2026-11-20T09:01:00.000Z"},
        "maxValues": {"store_id": "330", "minute": "2026-11-20T09:02:00.000Z"},
    }
    assert pq.read_table(io.BytesIO(content)).column_names == [n for n in SCHEMA.names if n not in {"dt", "hour"}]
