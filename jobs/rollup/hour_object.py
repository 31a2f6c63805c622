"""One hour of the curated table is one object, and the same rows are always the same object."""

import io
import json

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.rollup.sales_per_minute import DEFINITION, SCHEMA
from lake.names import digest

_ORDER = ("store_id", "minute", "currency")
_STATS_TIME = "%Y-%m-%dT%H:%M:%S.000Z"

# What Spark's task hands back to the driver of each hour it wrote.
WRITTEN = pa.schema(
    [
        ("dt", pa.date32()),
        ("hour", pa.int32()),
        ("path", pa.string()),
        ("size_bytes", pa.int64()),
        ("stats", pa.string()),
        ("receipts", pa.int64()),
        ("amount", pa.int64()),
        ("lines_amount", pa.int64()),
    ]
)


def serialise(rows: pa.Table) -> tuple[pa.Table, bytes]:
    """The rows of one hour as Parquet, and a row of WRITTEN that describes it.

    The path ends in the hash of the bytes, so that an hour computed again to the same rows is the object it was.
    """
    rows = rows.select(SCHEMA.names).cast(SCHEMA).sort_by([(name, "ascending") for name in _ORDER])
    dt, hour = rows["dt"][0].as_py(), rows["hour"][0].as_py()
    sink = io.BytesIO()
    pq.write_table(rows.drop_columns(list(DEFINITION.partition_columns)), sink, compression="zstd")
    content = sink.getvalue()
    departments = pc.list_flatten(rows["departments"])
    description = {
        "dt": dt,
        "hour": hour,
        "path": f"dt={dt}/hour={hour}/{digest(content)}.parquet",
        "size_bytes": len(content),
        "stats": json.dumps(_stats(rows)),
        "receipts": pc.sum(rows["receipts"]).as_py(),
        "amount": pc.sum(rows["amount"]).as_py(),
        "lines_amount": pc.sum(pc.struct_field(departments, "amount")).as_py() or 0,
    }
    return pa.Table.from_pylist([description], WRITTEN), content


def _stats(rows: pa.Table) -> dict[str, object]:
    """As Delta keeps them: how many rows, and the bounds of what readers filter by."""
    stores, minutes = pc.min_max(rows["store_id"]), pc.min_max(rows["minute"])
    bounds = {
        side: {"store_id": stores[side[:3]].as_py(), "minute": minutes[side[:3]].as_py().strftime(_STATS_TIME)}
        for side in ("minValues", "maxValues")
    }
    return {"numRecords": rows.num_rows, **bounds}
