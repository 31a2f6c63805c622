"""Small Arrow tables as the ingest job would have written them: receipts with lines and tenders, totals, quarantine."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import cache
from typing import Any

import pyarrow as pa

import contracts
from contracts.events import event_id
from contracts.model import Table
from contracts.system_tables import QUARANTINE_SCHEMA
from jobs.rollup.sales_per_minute import SCHEMA as SALES_PER_MINUTE

TOPIC_ID = "dG9waWMtaWQ"
EPOCH = "0123456789ab"
DAY = date(2026, 11, 20)


@cache
def table(name: str) -> Table:
    return next(t for contract in contracts.load().values() for t in contract.tables if t.name == name)


def arrow(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """Rows of a contract's table; columns that are not given are null."""
    schema = table(name).arrow_schema()
    return pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in rows], schema)


@dataclass(frozen=True)
class Receipt:
    """One receipt with one line and one tender a given amount; its offset is its seq unless given."""

    seq: int
    amounts: tuple[int, ...] = (1000,)
    type: str = "sale"
    store_id: str = "330"
    register_id: str = "1"
    epoch: str = EPOCH
    business_date: date = DAY
    at: time = time(15, 30)
    currency: str = "USD"
    tender_type: str = "card"
    sku: str = "p1"
    partition: int = 0
    offset: int | None = None

    @property
    def total(self) -> int:
        return sum(self.amounts)

    def _row(self, ordinal: int) -> dict[str, Any]:
        return {
            "kafka_topic_id": TOPIC_ID,
            "kafka_partition": self.partition,
            "kafka_offset": self.seq if self.offset is None else self.offset,
            "ordinal": ordinal,
            "kafka_timestamp": datetime.combine(self.business_date, self.at, UTC),
            "event_id": event_id(self.store_id, self.register_id, self.epoch, self.seq),
            "store_id": self.store_id,
            "register_id": self.register_id,
            "epoch": self.epoch,
            "seq": self.seq,
            "event_time": datetime.combine(self.business_date, self.at, UTC),
            "business_date": self.business_date,
            "type": self.type,
            "currency": self.currency,
            "receipt_no": str(self.seq),
            "schema_version": "1.0",
            "signature": bytes(32),
            "key_generation": 1,
            "total": self.total,
            "dt": self.business_date,
            "hour": self.at.hour,
        }

    def parent(self) -> dict[str, Any]:
        return self._row(0)

    def lines(self) -> list[dict[str, Any]]:
        return [
            {**self._row(i), "line_no": i + 1, "sku": self.sku, "quantity": 1, "amount": amount}
            for i, amount in enumerate(self.amounts)
        ]

    def tenders(self) -> list[dict[str, Any]]:
        return [{**self._row(0), "tender_no": 1, "tender_type": self.tender_type, "amount": self.total}]


def receipt_tables(receipts: Sequence[Receipt]) -> dict[str, pa.Table]:
    return {
        "receipt_lines": arrow("receipt_lines", [row for each in receipts for row in each.lines()]),
        "receipt_tenders": arrow("receipt_tenders", [row for each in receipts for row in each.tenders()]),
        "receipts": arrow("receipts", [each.parent() for each in receipts]),
    }


@dataclass(frozen=True)
class ControlTotal:
    """What a till says of its day: made from the receipts it rang up, all of one register."""

    receipts: tuple[Receipt, ...]
    revision: int = 1
    off_by: int = 0
    """Cents that the till's sales, total and first tender are higher than its receipts."""

    def _row(self, ordinal: int) -> dict[str, Any]:
        first = self.receipts[0]
        return {
            "kafka_topic_id": TOPIC_ID + "-totals",
            "kafka_partition": 0,
            "kafka_offset": self.revision * 1000 + int(first.register_id),
            "ordinal": ordinal,
            "kafka_timestamp": datetime.combine(first.business_date, time(23), UTC),
            "event_id": event_id(first.store_id, first.register_id, first.epoch, self.revision),
            "store_id": first.store_id,
            "register_id": first.register_id,
            "epoch": first.epoch,
            "seq": self.revision,
            "business_date": first.business_date,
            "revision": self.revision,
            "currency": first.currency,
            "dt": first.business_date,
            "hour": 23,
        }

    def parent(self) -> dict[str, Any]:
        row = self._row(0)
        row |= {"first_seq": self.receipts[0].seq, "last_seq": self.receipts[-1].seq}
        row |= {"receipts_count": len(self.receipts), "total": sum(r.total for r in self.receipts) + self.off_by}
        for plural, kind in (("sales", "sale"), ("returns", "return"), ("voids", "void")):
            of_kind = [receipt for receipt in self.receipts if receipt.type == kind]
            row[f"{plural}_count"] = len(of_kind)
            row[f"{plural}_amount"] = sum(receipt.total for receipt in of_kind)
        row["sales_amount"] += self.off_by
        return row

    def tenders(self) -> list[dict[str, Any]]:
        kinds = sorted({receipt.tender_type for receipt in self.receipts})
        rows = []
        for ordinal, kind in enumerate(kinds):
            amounts = [receipt.total for receipt in self.receipts if receipt.tender_type == kind]
            amount = sum(amounts) + (self.off_by if ordinal == 0 else 0)
            rows.append({**self._row(ordinal), "tender_type": kind, "count": len(amounts), "amount": amount})
        return rows


def total_tables(totals: Sequence[ControlTotal]) -> dict[str, pa.Table]:
    return {
        "control_total_tenders": arrow("control_total_tenders", [row for each in totals for row in each.tenders()]),
        "control_totals": arrow("control_totals", [each.parent() for each in totals]),
    }


@dataclass(frozen=True)
class Refused:
    """A message in quarantine. `header` is its event_id header, `payload` its bytes."""

    header: bytes | None = None
    payload: bytes | None = None
    reason: str = "bad_signature"
    feed: str = "pos.receipts"

    def row(self, offset: int) -> dict[str, Any]:
        return {
            "feed": self.feed,
            "dt": DAY,
            "kafka_topic_id": TOPIC_ID,
            "kafka_partition": 0,
            "kafka_offset": offset,
            "topic": f"{self.feed}.v1",
            "key": b"330",
            "payload": self.payload,
            "headers": [] if self.header is None else [{"key": "event_id", "value": self.header}],
            "reason": self.reason,
            "detail": "",
        }


def quarantine_table(refused: Sequence[Refused]) -> pa.Table:
    return pa.Table.from_pylist([each.row(9000 + i) for i, each in enumerate(refused)], QUARANTINE_SCHEMA)


def payload(receipt: Receipt, **changed: Any) -> bytes:
    """Enough of the receipt's message to name it."""
    parent = receipt.parent()
    body = {name: parent[name] for name in ("event_id", "store_id", "register_id", "epoch", "seq", "total")}
    return json.dumps({**body, "business_date": str(receipt.business_date), **changed}).encode()


def day_of_receipts(count: int, **changed: Any) -> tuple[Receipt, ...]:
    """Receipts 1 to count of one register: mostly sales, every fifth a return, every seventh a void, two tenders."""
    made = []
    for seq in range(1, count + 1):
        kind = "void" if seq % 7 == 0 else "return" if seq % 5 == 0 else "sale"
        sign = 1 if kind == "sale" else -1
        tender = "cash" if seq % 3 == 0 else "card"
        made.append(replace(Receipt(seq, (sign * seq * 100, sign * 99), kind, tender_type=tender), **changed))
    return tuple(made)


def curated_minute(minute: int, amount: int, hour: int = 9) -> dict[str, Any]:
    """A row of sales_per_minute: one receipt with one line."""
    return {
        **dict.fromkeys(SALES_PER_MINUTE.names),
        **dict.fromkeys(("receipts", "sales", "lines", "units"), 1),
        "store_id": "330",
        "minute": datetime.combine(DAY, time(hour, minute), UTC),
        "currency": "USD",
        "amount": amount,
        "departments": [{"department": "DELI", "lines": 1, "units": 1, "amount": amount}],
        "dt": DAY,
        "hour": hour,
    }
