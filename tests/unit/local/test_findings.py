"""Latency is measured from what the tables themselves say."""

import json
from datetime import UTC, datetime

import pyarrow as pa

from local.findings import _arrivals

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def commit(timestamp_ms: int, **ranges: list[int]) -> dict[str, object]:
    return {"timestamp": timestamp_ms, "offsets": json.dumps({name[1:]: each for name, each in ranges.items()})}


def test_a_row_was_committed_with_the_batch_that_holds_its_offset():
    """Offsets and partitions find their commit, whatever the order of rows and of the log."""
    receipts = pa.table(
        {
            "kafka_partition": pa.array([1, 0, 0, 0], pa.int32()),
            "kafka_offset": [5, 11, 9, 10],
            "kafka_timestamp": pa.array([NOON] * 4, pa.timestamp("us", "UTC")),
            "event_time": pa.array([NOON] * 4, pa.timestamp("us", "UTC")),
        }
    )
    noon_ms = int(NOON.timestamp() * 1000)
    history = [
        commit(noon_ms + 3000, p0=[10, 12], p1=[5, 5]),
        commit(noon_ms + 1500, p0=[0, 10], p1=[0, 5]),
        {"timestamp": noon_ms - 1, "operation": "CREATE TABLE"},
        commit(noon_ms + 4000, p0=[12, 12], p1=[5, 6]),
    ]
    arrivals = _arrivals(receipts, history)
    assert arrivals.latency_seconds.tolist() == [4.0, 3.0, 1.5, 3.0]
