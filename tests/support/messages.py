"""Messages of stores as Kafka gets them: receipts with signature and headers, and the same with something wrong."""

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


@dataclass(frozen=True)
class Message:
    """`headers` in order; a payload of None is a tombstone."""

    key: bytes | None
    payload: bytes | None
    headers: tuple[tuple[str, bytes], ...]

    def send(self, producer: Producer, topic: str) -> None:
        """Queue it; flush the producer to be sure that it is there."""
        producer.produce(topic, key=self.key, value=self.payload, headers=list(self.headers))


@dataclass
class Till:
    """Rings up receipts 1, 2, 3, … now, two lines each; signs with its store's key."""

    store_id: str = "330"
    register_id: str = "1"
    epoch: str = EPOCH
    generation: int = 1
    seq: int = field(default=0)

    def receipt(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
        """The next receipt, with fields replaced; a change to None takes the field out."""
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
            "type": "sale",
            "receipt_no": str(self.seq),
            "currency": "USD",
            "total": 300,
            "lines": [
                {"line_no": 1, "sku": "1004906", "quantity": 1, "amount": 100},
                {"line_no": 2, "sku": "1033142", "quantity": 2, "amount": 200, "retail_discount": 10},
            ],
            "tenders": [{"tender_no": 1, "type": "card", "amount": 300}],
        } | changes
        return {name: value for name, value in body.items() if value is not None}

    def message(self, **changes: Any) -> Message:  # noqa: ANN401 - any JSON value
        return self.signed(json.dumps(self.receipt(**changes), separators=(",", ":")).encode())

    def messages(self, count: int) -> Iterator[Message]:
        return (self.message() for _ in range(count))

    def signed(self, payload: bytes, *, key: bytes | None = None, seq: int | None = None) -> Message:
        """Any payload as this till would send it."""
        identity = event_id(self.store_id, self.register_id, self.epoch, seq or self.seq or 1)
        return Message(
            key=self.store_id.encode() if key is None else key,
            payload=payload,
            headers=(
                (EVENT_ID, identity.encode()),
                (SCHEMA_VERSION, b"1.0"),
                (SIGNATURE, sign(store_key(MASTER_KEY, self.store_id, self.generation), payload)),
                (KEY_GENERATION, str(self.generation).encode()),
            ),
        )
