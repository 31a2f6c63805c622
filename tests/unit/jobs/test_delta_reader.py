"""An object's rows come in the table's columns, whatever the object was written with."""

import io

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.delta_reader import rows_of

SCHEMA = pa.schema([("store_id", pa.string()), ("total", pa.int64()), ("tip", pa.int64())])


def test_a_column_that_came_later_is_null() -> None:
    """An object older than a column has no value for it; columns that nobody asked for are left out."""
    content = io.BytesIO()
    pq.write_table(pa.table({"note": ["x"], "total": pa.array([3], pa.int32()), "store_id": ["330"]}), content)
    found = pa.Table.from_batches(rows_of(pq.ParquetFile(content), SCHEMA))
    assert found.to_pylist() == [{"store_id": "330", "total": 3, "tip": None}]
    assert found.schema == SCHEMA
