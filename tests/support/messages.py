"""Messages of stores as Kafka gets them, of every feed, signed and with their headers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Producer

from contracts.events import EVENT_ID, KEY_GENERATION, SCHEMA_VERSION, SIGNATURE, event_id
from contracts.signing import sign, store_key

MASTER_KEY = b"m" * 32
EPOCH = "0123456789ab"
RECEIPTS = "pos.receipts"
# What each feed says besides its envelope.
BODIES: dict[str, dict[str, Any]] = {
    RECEIPTS: {
        "type": "sale",
        "receipt_no": "1",
        "currency": "USD",
        "total": 300,
        "lines": [
            {"line_no": 1, "sku": "1004906", "quantity": 1, "amount": 100},
            {"line_no": 2, "sku": "1033142", "quantity": 2, "amount": 200, "retail_discount": 10},
        ],
        "tenders": [{"tender_no": 1, "type": "card", "amount": 300}],
    },
    "store.inventory": {
        "movement": "delivery",
        "items": [{"item_no": 1, "sku": "1004906", "quantity": 40}, {"item_no": 2, "sku": "1033142", "quantity": 3}],
    },
    "store.operations": {"reading": "fridge_celsius", "value": 4.5},
    "store.control-totals": {
        "revision": 1,
        "first_seq": 1,
        "last_seq": 1,
        "receipts_count": 1,
        "sales_count": 1,
        "sales_amount": 300,
        "returns_count": 0,
        "returns_amount": 0,
        "voids_count": 0,
        "voids_amount": 0,
        "total": 300,
        "currency": "USD",
        "tenders": [{"type": "card", "count": 1, "amount": 300}],
    },
}


@dataclass(frozen=True)
class Message:
    """A payload of None is a tombstone."""

    key: bytes | None
    payload: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def send(self, producer: Producer, topic: str) -> None:
        """Queue it; flush the producer to be sure that it is there."""
        producer.produce(topic, key=self.key, value=self.payload, headers=list(self.headers))


@dataclass
class Till:
    """Makes the events 1, 2, 3, … of one register and feed, now; signs with its store's key."""

    store_id: str = "330"
    register_id: str = "1"
    epoch: str = EPOCH
    feed: str = RECEIPTS
    generation: int = 1
    seq: int = field(default=0)

    def event(self, **changes: Any) -> dict[str, Any]:
        """The next event, with fields replaced; a change to None takes the field out."""
        self.seq += 1
        now = datetime.now(UTC)
        body: dict[str, Any] = {
            "schema_version": "1.0",
            "event_id": event_id(self.store_id, self.register_id, self.epoch, changes.get("seq", self.seq)),
            "store_id": self.store_id,
            "register_id": self.register_id,
            "epoch": self.epoch,
            "seq": self.seq,
            "event_time": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "business_date": now.date().isoformat(),
            **BODIES[self.feed],
            **changes,
        }
        return {name: value for name, value in body.items() if value is not None}

    def message(self, **changes: Any) -> Message:
        return self.signed(json.dumps(self.event(**changes), separators=(",", ":")).encode())

    def messages(self, count: int) -> Iterator[Message]:
        return (self.message() for _ in range(count))

    def signed(self, payload: bytes) -> Message:
        """Any payload as this till would send it, under the identity of its newest event."""
        identity = event_id(self.store_id, self.register_id, self.epoch, max(self.seq, 1))
        return Message(
            key=self.store_id.encode(),
            payload=payload,
            headers=(
                (EVENT_ID, identity.encode()),
                (SCHEMA_VERSION, b"1.0"),
                (SIGNATURE, sign(store_key(MASTER_KEY, self.store_id, self.generation), payload)),
                (KEY_GENERATION, str(self.generation).encode()),
            ),
        )
