"""Messages that no till rang up, each wrong in exactly one way, and the reason the lake must give for it.

They claim to come from a register that no store has, so that no real receipt's identity is touched; but for the
conflicts, which repeat a real receipt's identity with another content.
"""

import json
import random
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from contracts import reasons
from contracts.events import SIGNATURE, event_id
from contracts.model import Topic
from contracts.partitioning import partition_for
from contracts.signing import sign, store_key
from stores.fleet.trouble import Trouble
from stores.outbox import MAX_PAYLOAD_BYTES
from stores.sealing import Message, StoreSeal

FEED = "pos.receipts"
REGISTER = "none"
STRANGER = "999999"
"""A store that the dimension does not know."""
FAR_AHEAD = 5_000_000

Event = dict[str, Any]


@dataclass(frozen=True)
class Injection:
    """A message, the store under whose certificate it is sent, and what must become of it."""

    trouble: Trouble
    store_id: str
    event_id: str
    message: Message
    reason: str


@dataclass(frozen=True)
class Forger:
    """Makes a store's messages, right or wrong."""

    seal: StoreSeal
    time_zone: str
    now: datetime
    topics: Mapping[str, Topic]
    neighbour: str
    """Another store's id."""
    master_key: bytes

    def event(self, *, seq: int = 1, store_id: str | None = None, at: datetime | None = None) -> Event:
        """A receipt of one line that keeps the contract, each in an epoch of its own."""
        store_id, at = store_id or self.seal.store_id, at or self.now
        epoch = secrets.token_hex(6)
        return {
            "schema_version": "1.0",
            "event_id": event_id(store_id, REGISTER, epoch, seq),
            "store_id": store_id,
            "register_id": REGISTER,
            "epoch": epoch,
            "seq": seq,
            "event_time": at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "business_date": str(at.astimezone(ZoneInfo(self.time_zone)).date()),
            "type": "sale",
            "receipt_no": "00001",
            "currency": "USD",
            "total": 250,
            "lines": [{"line_no": 1, "sku": "1000002", "quantity": 1, "amount": 250}],
            "tenders": [{"tender_no": 1, "type": "cash", "amount": 250}],
        }

    def message(self, payload: bytes | None, name: str, feed: str = FEED) -> Message:
        """Signed and keyed as the store's sender does."""
        return Message(
            topic=self.topics[feed].name,
            key=self.seal.store_id.encode(),
            value=payload,
            headers=self.seal.headers(name, payload or b""),
            timestamp_ms=int(self.now.timestamp() * 1000),
        )

    def signed_by(self, message: Message, key: bytes) -> Message:
        return _with_header(message, SIGNATURE, sign(key, message.value or b""))


def injections(forger: Forger, troubles: frozenset[Trouble]) -> list[Injection]:
    """All wrong messages of one store for the troubles that are on, conflicts apart."""
    return [
        Injection(trouble, forger.seal.store_id, name, message, reason)
        for trouble, make in _KINDS.items()
        if trouble in troubles
        for name, message, reason in make(forger)
    ]


def conflict(original: Message, seal: StoreSeal) -> Injection:
    """Another content under the identity of a receipt that Kafka has: what a till with a copied disk would send."""
    event = json.loads(original.value or b"")
    event["receipt_no"] = f"copy of {event['receipt_no']}"
    payload = _text(event)
    message = replace(original, value=payload, headers=seal.headers(event["event_id"], payload))
    return Injection(Trouble.CONFLICT, seal.store_id, event["event_id"], message, reasons.CONFLICT)


def damaged(message: Message, how: str, rng: random.Random) -> Message:
    """The message as it arrives after damage on the way, its headers whole. `how` is the reason it will be given."""
    value = message.value or b""
    if how == reasons.NOT_JSON:
        return replace(message, value=value[: rng.randrange(len(value) // 2, len(value) - 1)])
    if how == reasons.NOT_UTF8:
        place = rng.randrange(len(value))
        return replace(message, value=value[:place] + b"\xff" + value[place + 1 :])
    # A flipped bit in the middle of a text keeps everything readable; only the signature can tell.
    return replace(message, value=value.replace(b'"receipt_no":"0', b'"receipt_no":"8', 1))


Made = Iterator[tuple[str, Message, str]]


def _malformed(forger: Forger) -> Made:
    event = forger.event()
    name, good = event["event_id"], _text(event)
    for feed in forger.topics:
        yield name, forger.message(b'{"event_id":"' + name.encode(), name, feed), reasons.NOT_JSON
    yield name, forger.message(good.replace(b'"cash"', b'"ca\xc3h"'), name), reasons.NOT_UTF8
    yield name, forger.message(b"", name), reasons.EMPTY
    yield name, forger.message(None, name), reasons.TOMBSTONE
    yield name, forger.message(b"x" * MAX_PAYLOAD_BYTES, name), reasons.NOT_JSON


def _broken(forger: Forger) -> Made:
    changes: list[tuple[Event, str]] = [
        ({"total": "250"}, reasons.WRONG_TYPE),
        ({"total": 250.5}, reasons.WRONG_TYPE),
        ({"total": True}, reasons.WRONG_TYPE),
        ({"total": None}, reasons.MISSING_FIELD),
        ({"type": "gift"}, reasons.INVALID_VALUE),
        ({"currency": "dollars"}, reasons.INVALID_VALUE),
        ({"schema_version": "2.0"}, reasons.UNKNOWN_SCHEMA_VERSION),
        ({"type": "return"}, reasons.rule("sign_matches_type")),
        ({"lines": []}, reasons.rule("lines_sum_to_total")),
        ({"tenders": []}, reasons.rule("tenders_sum_to_total")),
        ({"register_id": "other"}, reasons.rule("event_id_matches_parts")),
    ]
    for change, reason in changes:
        event = forger.event() | change
        yield event["event_id"], forger.message(_text(event), event["event_id"]), reason
    early = forger.event()
    early["business_date"] = str((forger.now - timedelta(days=5)).date())
    for event, reason in (
        (early, reasons.WRONG_BUSINESS_DATE),
        (forger.event(at=forger.now + timedelta(days=2)), reasons.FUTURE_EVENT_TIME),
        (forger.event(seq=FAR_AHEAD), reasons.SEQ_FAR_AHEAD),
    ):
        yield event["event_id"], forger.message(_text(event), event["event_id"]), reason


def _forged(forger: Forger) -> Made:
    event = forger.event()
    right = forger.message(_text(event), event["event_id"])
    yield event["event_id"], forger.signed_by(right, b"guessed"), reasons.BAD_SIGNATURE
    yield event["event_id"], _with_header(right, SIGNATURE, None), reasons.MISSING_SIGNATURE

    # Under a valid certificate, in another store's name: only the signature tells.
    stolen = forger.event(store_id=forger.neighbour)
    in_its_name = replace(forger.message(_text(stolen), stolen["event_id"]), key=forger.neighbour.encode())
    yield stolen["event_id"], in_its_name, reasons.BAD_SIGNATURE

    unknown = forger.event(store_id=STRANGER)
    of_nobody = replace(forger.message(_text(unknown), unknown["event_id"]), key=STRANGER.encode())
    key = store_key(forger.master_key, STRANGER, forger.seal.generation)
    yield unknown["event_id"], forger.signed_by(of_nobody, key), reasons.UNKNOWN_STORE


def _misdirected(forger: Forger) -> Made:
    event = forger.event()
    name, right = event["event_id"], forger.message(_text(event), event["event_id"])
    yield name, replace(right, key=forger.neighbour.encode()), reasons.KEY_MISMATCH
    partitions = forger.topics[FEED].partitions
    elsewhere = (partition_for(forger.seal.store_id.encode(), partitions) + 1) % partitions
    yield name, replace(right, partition=elsewhere), reasons.WRONG_PARTITION


_KINDS: dict[Trouble, Callable[[Forger], Made]] = {
    Trouble.MALFORMED: _malformed,
    Trouble.BROKEN: _broken,
    Trouble.FORGED: _forged,
    Trouble.MISDIRECTED: _misdirected,
}


def _with_header(message: Message, name: str, value: bytes | None) -> Message:
    others = [(each, old) for each, old in message.headers if each != name]
    return replace(message, headers=others if value is None else [*others, (name, value)])


def _text(event: Event) -> bytes:
    """JSON as a till writes it, without the fields that are None."""
    known = {name: value for name, value in event.items() if value is not None}
    return json.dumps(known, separators=(",", ":")).encode()
