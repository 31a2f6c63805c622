"""What the tables have of a span before it is made anew."""

import io
import json
from dataclasses import dataclass
from datetime import date
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts import Contract, system_tables
from jobs.offsets import Flags, Offsets
from lake.errors import ObjectMissing
from lake.places import Place
from lake.status import Committed
from lake.tables import DeltaTables, scan
from lake.upkeep.replacing import Logged, logged

_READ = pa.schema(
    [
        ("kafka_topic_id", pa.string()),
        ("kafka_partition", pa.int32()),
        ("kafka_offset", pa.int64()),
        ("store_id", pa.string()),
    ]
)
_PLACE = ["kafka_partition", "kafka_offset"]


@dataclass(frozen=True)
class Span:
    """What is made anew: business dates, of some stores or (none named) of all."""

    dates: frozenset[date]
    stores: frozenset[str] = frozenset()

    def holds_store(self, store_ids: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
        """Row by row; null where there is no store."""
        wanted = pa.array(sorted(self.stores), store_ids.type) if self.stores else pc.unique(store_ids)
        return pc.is_in(store_ids, value_set=wanted)

    def holds_date(self, dates: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
        return pc.is_in(dates, value_set=pa.array(sorted(self.dates), pa.date32()))


@dataclass(frozen=True)
class Standing:
    """`rows`: the messages of the span that have a row. `settled`: those, of any span, that are in quarantine or
    duplicates. `lost`: objects of the parent table, of the span's dates, that cannot be read.
    """

    rows: Offsets
    settled: Offsets
    lost: tuple[Logged, ...]

    def may_be_rows(self, messages: pa.Table) -> Flags:
        """Which of these (partition and offset, of one partition) are rows or should be: all that are nothing else."""
        partition, offsets = messages["partition"][0].as_py(), messages["offset"].to_numpy().astype(np.int64)
        found: Flags = self.rows.hold(partition, offsets) | ~self.settled.hold(partition, offsets)
        return found

    @classmethod
    def of(cls, tables: DeltaTables, contract: Contract, claim: Committed, span: Span) -> Self:
        """The rows are those of the version the claim was read from: what is committed meanwhile is none of ours."""
        parent = contract.parent.name
        found, lost = [], []
        for each in logged(tables, parent, span.dates):
            rows = _read(tables, parent, each)
            if rows is None:
                lost.append(each)
            else:
                found.append(rows.filter(pc.equal(rows["kafka_topic_id"], claim.topic_id)))
        of_feed = f"feed = '{contract.feed}' AND kafka_topic_id = '{claim.topic_id}'"
        return cls(
            rows=Offsets.of(rows.filter(span.holds_store(rows["store_id"])) for rows in found),
            settled=Offsets.of(
                batch for name in system_tables.SCHEMAS for batch in scan(tables.table(name), _PLACE, of_feed)
            ),
            lost=tuple(lost),
        )


def elsewhere(
    tables: DeltaTables, contract: Contract, claim: Committed, span: Span, sought: Offsets
) -> tuple[Offsets, set[date]]:
    """Which of these messages have a row at a date outside the span; and those dates."""
    low = min(int(offsets[0]) for offsets in sought.by_partition.values())
    high = max(int(offsets[-1]) for offsets in sought.by_partition.values())
    condition = f"kafka_topic_id = '{claim.topic_id}' AND kafka_offset BETWEEN {low} AND {high}"
    condition += "".join(f" AND dt <> '{each}'" for each in sorted(span.dates))
    found: list[pa.Table] = []
    dates: set[date] = set()
    for batch in scan(tables.table(contract.parent.name), [*_PLACE, "dt"], condition):
        rows = pa.table(batch)
        rows = rows.filter(pa.array(sought.mark(rows)))
        found.append(rows)
        dates |= set(rows["dt"].to_pylist())
    return Offsets.of(found), dates


def refused_in(tables: DeltaTables, contract: Contract, span: Span) -> list[Place]:
    """The messages in quarantine whose payload says that they belong to the span, as far as it can be read."""
    found = []
    condition = f"feed = '{contract.feed}'"
    for batch in scan(tables.table(system_tables.QUARANTINE), ["topic", *_PLACE, "payload"], condition):
        for row in batch.to_pylist():
            store, day = _said(row["payload"])
            if day in {str(each) for each in span.dates} and (not span.stores or store in span.stores):
                found.append(Place(row["topic"], row["kafka_partition"], row["kafka_offset"]))
    return found


def _said(payload: bytes | None) -> tuple[object, object]:
    """Store and business date, where the payload is JSON that says them."""
    try:
        event = json.loads(payload or b"")
    except ValueError:
        return None, None
    return (event.get("store_id"), event.get("business_date")) if isinstance(event, dict) else (None, None)


def _read(tables: DeltaTables, name: str, found: Logged) -> pa.Table | None:
    """The rows' places, or None where the object is not what the log says."""
    try:
        body = tables.store.get(f"{name}/{found.path}")
        # Other writers than ours leave other kinds of text.
        rows = pq.read_table(io.BytesIO(body), columns=_READ.names).cast(_READ)
    except (ObjectMissing, OSError, pa.ArrowException):
        return None
    return rows if (len(body), len(rows)) == (found.size, found.rows) else None
