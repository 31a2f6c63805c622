"""What is in the lake after a replay, read as the workload `quality`; nothing here trusts the jobs."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lake.tables import DeltaTables
from local.report.data import Arrivals, Floats

RECEIPT_COLUMNS = [
    *("event_id", "store_id", "register_id", "epoch", "business_date", "total"),
    *("kafka_partition", "kafka_offset", "kafka_timestamp", "event_time"),
]


@dataclass(frozen=True)
class StoreDay:
    """Receipts and minor units of a store and business date."""

    receipts: int
    amount: int


@dataclass(frozen=True)
class Found:
    """The lake's side of the comparison with the fleet's ledger.

    `store_days` by (store_id, business date as ISO 8601). `epochs`: by (store_id, register_id), how many outboxes sent
    receipts. `corrected_totals`: control totals of revision 2 and later.
    """

    receipts: int
    distinct_receipts: int
    lines: int
    amount: int
    store_days: Mapping[tuple[str, str], StoreDay]
    epochs: Mapping[tuple[str, str], int]
    corrected_totals: int
    quarantined: Mapping[str, int]
    duplicates: int
    events: int
    arrivals: Arrivals


def look(tables: DeltaTables) -> Found:
    """Read the tables as they are now."""
    receipts = _read(tables, "receipts", RECEIPT_COLUMNS)
    days = receipts.group_by(["store_id", "business_date"]).aggregate([([], "count_all"), ("total", "sum")])
    epochs = receipts.group_by(["store_id", "register_id"]).aggregate([("epoch", "count_distinct")])
    quarantined = Counter(_read(tables, "quarantine", ["reason"])["reason"].to_pylist())
    duplicates = _read(tables, "duplicates", ["kafka_offset"]).num_rows
    others = sum(_rows(tables, name) for name in ("inventory_movements", "operations", "control_totals"))
    revisions = _read(tables, "control_totals", ["revision"])["revision"]
    return Found(
        receipts=receipts.num_rows,
        distinct_receipts=pc.count_distinct(receipts["event_id"]).as_py(),
        lines=_rows(tables, "receipt_lines"),
        amount=pc.sum(receipts["total"]).as_py() or 0,
        store_days={
            (row["store_id"], row["business_date"].isoformat()): StoreDay(row["count_all"], row["total_sum"])
            for row in days.to_pylist()
        },
        epochs={(row["store_id"], row["register_id"]): row["epoch_count_distinct"] for row in epochs.to_pylist()},
        corrected_totals=pc.sum(pc.greater(revisions, 1)).as_py() or 0,
        quarantined=dict(quarantined),
        duplicates=duplicates,
        events=receipts.num_rows + others + quarantined.total() + duplicates,
        arrivals=_arrivals(receipts, tables.table("receipts").history()),
    )


def _arrivals(receipts: pa.Table, history: list[dict[str, Any]]) -> Arrivals:
    return Arrivals(
        appended=_seconds(receipts["kafka_timestamp"]),
        committed=_commit_times(receipts, history),
        rung_up=_seconds(receipts["event_time"]),
    )


def _commit_times(receipts: pa.Table, history: list[dict[str, Any]]) -> Floats:
    """When each row was committed: every commit of a batch names the offsets it goes to, by partition."""
    batches = [(each["timestamp"] / 1000, json.loads(each["offsets"])) for each in history if "offsets" in each]
    commits = sorted(batches, key=itemgetter(0))
    partitions, offsets = receipts["kafka_partition"].to_numpy(), receipts["kafka_offset"].to_numpy()
    times = np.array([when for when, _ in commits])
    committed = np.zeros(len(receipts))
    for partition in np.unique(partitions):
        ends = np.array([ranges[str(partition)][1] for _, ranges in commits])
        here = partitions == partition
        # An offset is in the first commit that ends beyond it.
        committed[here] = times[np.searchsorted(ends, offsets[here], side="right")]
    return committed


def _seconds(column: pa.ChunkedArray) -> Floats:
    seconds: Floats = column.cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy() / 1e6
    return seconds


def _read(tables: DeltaTables, name: str, columns: list[str]) -> pa.Table:
    return tables.table(name).to_pyarrow_table(columns=columns)


def _rows(tables: DeltaTables, name: str) -> int:
    actions = pa.table(tables.table(name).get_add_actions(flatten=True))
    return int(pc.sum(actions["num_records"]).as_py() or 0)
