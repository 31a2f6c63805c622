"""From a row of the outbox to the message that goes over the wire: key, headers, signature, timestamp."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from contracts import Contract
from contracts.events import EVENT_ID, KEY_GENERATION, SCHEMA_VERSION, SIGNATURE
from contracts.signing import sign
from stores.outbox import SCHEMA_VERSION as SPOKEN_VERSION
from stores.outbox import Pending

Headers = list[tuple[str, bytes]]

OLDEST_MS = 24 * 60 * 60 * 1000
"""A message is never dated further back: Kafka counts a topic's retention from this time on, and would delete what
waited longer in the outbox as soon as it has it."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is handed to Kafka. `value` None is a tombstone; `partition` -1 lets the key decide."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    partition: int = -1


Seal = Callable[[Pending], Message]


@dataclass(frozen=True)
class StoreSeal:
    """How a store seals what it sends: `key` is its own signing key in this generation."""

    store_id: str
    key: bytes
    generation: int
    topics: Mapping[str, str]

    def __call__(self, row: Pending) -> Message:
        return Message(
            topic=self.topics[row.feed],
            key=self.store_id.encode(),
            value=row.payload,
            headers=self.headers(row.event_id, row.payload),
            timestamp_ms=_timestamp_ms(row.appended_ms),
        )

    def headers(self, event_id: str, payload: bytes) -> Headers:
        return [
            (EVENT_ID, event_id.encode()),
            (SCHEMA_VERSION, SPOKEN_VERSION.encode()),
            (SIGNATURE, sign(self.key, payload)),
            (KEY_GENERATION, str(self.generation).encode()),
        ]


def _timestamp_ms(appended_ms: int) -> int:
    """The moment of the append, as far as Kafka can take it: a clock may have been wrong then, or set back since."""
    now_ms = time.time_ns() // 1_000_000
    return min(max(appended_ms, now_ms - OLDEST_MS), now_ms)


def topics_of(contracts: Mapping[str, Contract]) -> dict[str, str]:
    """The topic of every feed."""
    return {feed: contract.topic.name for feed, contract in contracts.items()}
