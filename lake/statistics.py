"""What the log says of an object's columns, so that readers can skip it."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

# Readers skip objects by these; more columns would make the log larger than it helps.
STATISTICS = ("kafka_partition", "kafka_offset", "event_time", "batch_time")


def present(schema: pa.Schema) -> Iterator[str]:
    """Those of STATISTICS that the columns have."""
    return (name for name in STATISTICS if name in schema.names)


def statistics(rows: pa.Table) -> dict[str, Any]:
    """In Delta's own form."""
    low: dict[str, Any] = {}
    high: dict[str, Any] = {}
    missing: dict[str, int] = {}
    for name in present(rows.schema):
        bounds = pc.min_max(rows[name])
        missing[name] = rows[name].null_count
        if bounds["min"].is_valid:
            low[name], high[name] = _spelled(bounds["min"].as_py()), _spelled(bounds["max"].as_py())
    return {"numRecords": len(rows), "minValues": low, "maxValues": high, "nullCount": missing}


def _spelled(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value
