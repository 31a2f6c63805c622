"""What registers of a store say, as messages that are signed and ready to be sent."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from stores.outbox import Draft, Pending, complete
from stores.sealing import Message, StoreSeal

RECEIPTS = "pos.receipts"
INVENTORY = "store.inventory"
OPERATIONS = "store.operations"
TOTALS = "store.control-totals"
AMOUNT = 300
RECEIPT: Mapping[str, Any] = {
    "type": "sale",
    "receipt_no": "1",
    "currency": "USD",
    "total": AMOUNT,
    "lines": [{"line_no": 1, "sku": "1004906", "quantity": 1, "amount": AMOUNT}],
    "tenders": [{"tender_no": 1, "type": "card", "amount": AMOUNT}],
}
MOVEMENT: Mapping[str, Any] = {
    "movement": "delivery",
    "items": [{"item_no": 1, "sku": "1004906", "quantity": 40}],
}
HEARTBEAT: Mapping[str, Any] = {"reading": "heartbeat", "value": 1}

FRIDGE: Mapping[str, Any] = {"reading": "fridge_celsius", "value": 4.5}


def total_of(receipts: int) -> dict[str, Any]:
    """The control total of a day on which a register rang up RECEIPT so often, from its first seq on."""
    amount = receipts * AMOUNT
    return {
        "revision": 1,
        "first_seq": 1,
        "last_seq": receipts,
        "receipts_count": receipts,
        "sales_count": receipts,
        "sales_amount": amount,
        "returns_count": 0,
        "returns_amount": 0,
        "voids_count": 0,
        "voids_amount": 0,
        "total": amount,
        "currency": "USD",
        "tenders": [{"type": "card", "count": receipts, "amount": amount}],
    }


class Register:
    """A register of one feed, which counts its own messages from 1 on, in an epoch of its own or in a given one."""

    def __init__(self, seal: StoreSeal, feed: str, register_id: str = "1", epoch: str | None = None) -> None:
        self.feed = feed
        self.epoch = epoch or secrets.token_hex(6)
        self._seal = seal
        self._register_id = register_id
        self._seq = 0

    @property
    def store_id(self) -> str:
        return self._seal.store_id

    def message(self, body: Mapping[str, Any], at: datetime | None = None) -> Message:
        """The next message, of this moment unless another one is given."""
        at = (at or datetime.now(UTC)).astimezone(UTC)
        self._seq += 1
        when = {"event_time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z", "business_date": f"{at:%Y-%m-%d}"}
        name, payload = complete(
            Draft(self.feed, self._register_id, json.dumps(when | dict(body)).encode()),
            store_id=self._seal.store_id,
            epoch=self.epoch,
            seq=self._seq,
        )
        return self.sealed(name, payload)

    def broken(self, payload: bytes) -> Message:
        """The next message, with a payload that no register would write."""
        self._seq += 1
        return self.sealed(f"{self._seal.store_id}:{self._register_id}:{self.epoch}:{self._seq}", payload)

    def sealed(self, event_id: str, payload: bytes) -> Message:
        now_ms = round(datetime.now(UTC).timestamp() * 1000)
        return self._seal(Pending(0, self.feed, event_id, payload, now_ms))
