"""What the ingest job makes of messages that it must not put into the tables, and of those it nearly would not.

One driver sees all of them, in a stream of good receipts, while its credentials expire.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from confluent_kafka import Message as Delivered
from confluent_kafka import Producer

from contracts import partitioning, reasons
from contracts.events import SIGNATURE
from tests.support.broker import Kafka
from tests.support.ingest import Platform, each_once, running_platform
from tests.support.messages import RECEIPTS, Message, Till
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

TOPIC = "pos.receipts.v1"
# The SDK of AWS takes a session for expired a minute before it is.
SESSION_SECONDS = 75
MIB = 1024 * 1024
SQUARED = [{"line_no": 1, "sku": "1", "quantity": 1, "amount": -300}]


def moved(days: int = 0, hours: float = 0) -> dict[str, str]:
    """The times of an event that happened so much later than now; without days, on the same business date."""
    now = datetime.now(UTC)
    at = now + timedelta(hours=hours)
    return {
        "event_time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "business_date": (now + timedelta(days=days)).date().isoformat(),
    }


def without(message: Message, header: str) -> Message:
    return replace(message, headers=tuple(each for each in message.headers if each[0] != header))


def forged(message: Message) -> Message:
    headers = tuple((name, bytes(32) if name == SIGNATURE else value) for name, value in message.headers)
    return replace(message, headers=headers)


# Each makes one message of a register of its own, and is refused for one reason.
REFUSED: dict[str, tuple[str, Callable[[Till], Message]]] = {
    "not JSON": (reasons.NOT_JSON, lambda till: till.signed(b'{"store_id": "330"')),
    "a text": (reasons.NOT_JSON, lambda till: till.signed(b"receipt of 3 EUR")),
    "an amount in quotes": (reasons.WRONG_TYPE, lambda till: till.message(total="300")),
    "true for a number": (reasons.WRONG_TYPE, lambda till: till.message(seq=True)),
    "half a cent": (reasons.WRONG_TYPE, lambda till: till.message(total=299.5)),
    "no currency": (reasons.MISSING_FIELD, lambda till: till.message(currency=None)),
    "unknown type": (reasons.INVALID_VALUE, lambda till: till.message(type="gift")),
    "unknown major": (reasons.UNKNOWN_SCHEMA_VERSION, lambda till: till.message(schema_version="2.0")),
    "a sale below zero": (
        reasons.rule("sign_matches_type"),
        lambda till: till.message(
            total=-300, lines=SQUARED, tenders=[{"tender_no": 1, "type": "card", "amount": -300}]
        ),
    ),
    "lines that do not add up": (reasons.rule("lines_sum_to_total"), lambda till: till.message(lines=[])),
    "another seq than its event_id": (
        reasons.rule("event_id_matches_parts"),
        lambda till: till.message(event_id=f"330:{till.register_id}:{till.epoch}:7"),
    ),
    "not UTF-8": (reasons.NOT_UTF8, lambda till: till.signed(b'{"store_id": "\xff\xfe"}')),
    "nothing": (reasons.EMPTY, lambda till: till.signed(b"")),
    "1 MiB of nothing": (reasons.NOT_JSON, lambda till: till.signed(b"x" * MIB)),
    "a tombstone": (reasons.TOMBSTONE, lambda till: replace(till.signed(b""), payload=None)),
    "the future": (reasons.FUTURE_EVENT_TIME, lambda till: till.message(**moved(hours=3))),
    "a day that was not": (reasons.WRONG_BUSINESS_DATE, lambda till: till.message(**moved(days=-3))),
    "a seq far ahead": (reasons.SEQ_FAR_AHEAD, lambda till: till.message(seq=100_001)),
    "another store's key": (reasons.KEY_MISMATCH, lambda till: replace(till.message(), key=b"367")),
    "no key": (reasons.KEY_MISMATCH, lambda till: replace(till.message(), key=None)),
    "no signature": (reasons.MISSING_SIGNATURE, lambda till: without(till.message(), SIGNATURE)),
    "no headers": (reasons.MISSING_SIGNATURE, lambda till: replace(till.message(), headers=())),
    "a forged signature": (reasons.BAD_SIGNATURE, lambda till: forged(till.message())),
    "a key generation to come": (reasons.BAD_SIGNATURE, lambda till: replace(till, generation=2).message()),
    # The producer logs in as store 330, and signs with what it has: 330's key.
    "another store's id": (
        reasons.BAD_SIGNATURE,
        lambda till: replace(till.signed(Till("367", till.register_id).message().payload or b""), key=b"367"),
    ),
    "an unknown store": (reasons.UNKNOWN_STORE, lambda till: Till("999", till.register_id).message()),
}
# These are unusual, and right.
ACCEPTED: dict[str, Callable[[Till], Message]] = {
    "an unknown minor": lambda till: till.message(schema_version="1.7"),
    "an unknown field": lambda till: till.message(mood="good", loyalty={"points": 3}),
    "1 MiB of unknown field": lambda till: till.message(note="x" * MIB),
    "a return": lambda till: till.message(
        type="return", total=-300, lines=SQUARED, tenders=[{"tender_no": 1, "type": "cash", "amount": -300}]
    ),
    "yesterday's business date": lambda till: till.message(**moved(days=-1)),
    "a hole of 1,000 seqs": lambda till: till.message(seq=1001),
}
Where = tuple[int, int]


@dataclass
class Seen:
    """What was sent, where it went, and what the lake has of it."""

    platform: Platform
    sent: dict[str, Message]
    where: dict[str, Where]
    rows: dict[Where, dict[str, Any]]
    quarantine: dict[Where, dict[str, Any]]
    duplicates: dict[Where, dict[str, Any]]
    streamed_seconds: float


class Sender:
    """Sends named messages as store 330 and remembers their offsets."""

    def __init__(self, kafka: Kafka) -> None:
        settings = kafka.store_settings("330").librdkafka()
        # Idempotent: what is sent again after a slow answer would be a second message, or come after a later one.
        own = {"enable.idempotence": True, "partitioner": "murmur2_random", "message.max.bytes": 2 * MIB}
        self._producer = Producer({**settings, **own})
        self.sent: dict[str, Message] = {}
        self.where: dict[str, Where] = {}

    def send(self, name: str, message: Message, partition: int = -1) -> None:
        def delivered(error: object, record: Delivered) -> None:
            assert error is None, (name, error)
            self.where[name] = (record.partition(), record.offset())

        self.sent[name] = message
        self._producer.produce(
            TOPIC,
            key=message.key,
            value=message.payload,
            headers=list(message.headers),
            partition=partition,
            on_delivery=delivered,
        )

    def flush(self) -> None:
        assert self._producer.flush(60) == 0


@pytest.fixture(scope="module")
def platform(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with running_platform(kafka, tmp_path_factory.mktemp("bad-input"), SESSION_SECONDS) as platform:
        yield platform


@pytest.fixture(scope="module")
def seen(platform: Platform) -> Seen:
    sender = Sender(platform.kafka)
    epoch = os.urandom(6).hex()
    good = Till("330", "good", epoch)
    for number, (name, (_, make)) in enumerate(REFUSED.items()):
        sender.send(name, make(Till("330", f"r{number}", epoch)))
        sender.send(f"good after {name}", good.message())
    for number, (name, make) in enumerate(ACCEPTED.items()):
        sender.send(name, make(Till("330", f"a{number}", epoch)))
    key = b"330"
    elsewhere = (partitioning.partition_for(key, 6) + 1) % 6
    sender.send("in a partition not its own", Till("330", "elsewhere", epoch).message(), elsewhere)
    again = good.message()
    sender.send("sent", again)
    sender.send("sent again at once", again)
    other = replace(good, seq=good.seq - 1).message(receipt_no="other")
    sender.send("another receipt under the same seq at once", other)
    sender.flush()

    started = time.monotonic()
    driver = platform.start([RECEIPTS], cores=2)
    platform.wait_until_in_lake(driver, [RECEIPTS])
    # It has had its first credentials for longer than this moment is old.
    written = time.monotonic()
    wait_for(lambda: time.monotonic() > written + SESSION_SECONDS, 180, "the first credentials to expire")
    sender.send("sent again later", again)
    sender.send("another receipt under the same seq later", other)
    sender.send("good after all", good.message())
    sender.flush()
    platform.wait_until_in_lake(driver, [RECEIPTS])
    driver.process.terminate()
    assert driver.wait() == 0, driver.said()
    return Seen(
        platform,
        sender.sent,
        sender.where,
        *(
            by_offset(rows)
            for rows in (
                platform.rows("receipts"),
                platform.rows("quarantine", feed=RECEIPTS),
                platform.rows("duplicates", feed=RECEIPTS),
            )
        ),
        time.monotonic() - started,
    )


def by_offset(rows: list[dict[str, Any]]) -> dict[Where, dict[str, Any]]:
    return {(row["kafka_partition"], row["kafka_offset"]): row for row in rows}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_goes_to_quarantine_whole(seen: Seen, name: str) -> None:
    """A message that cannot be a row is in quarantine, byte by byte, with its reason."""
    row = seen.quarantine[seen.where[name]]
    message = seen.sent[name]
    assert (row["reason"], row["topic"]) == (REFUSED[name][0], TOPIC), row["detail"]
    assert (row["key"], row["payload"]) == (message.key, message.payload)
    assert tuple((header["key"], header["value"]) for header in row["headers"] or ()) == message.headers


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_unusual_is_accepted(seen: Seen, name: str) -> None:
    """What a later contract may add, and what tills really do, becomes a row."""
    payload = json.loads(seen.sent[name].payload or b"")
    row = seen.rows[seen.where[name]]
    assert (row["event_id"], row["total"]) == (payload["event_id"], payload["total"])


def test_unknown_fields_are_kept(seen: Seen) -> None:
    """They stand in `extras`, as JSON."""
    row = seen.rows[seen.where["an unknown field"]]
    assert json.loads(row["extras"]) == {"mood": "good", "loyalty": {"points": 3}}


def test_a_key_in_the_wrong_partition_is_refused(seen: Seen) -> None:
    """A store that picks its partition itself could come out of order, and past the search for duplicates."""
    row = seen.quarantine[seen.where["in a partition not its own"]]
    assert row["reason"] == reasons.WRONG_PARTITION


@pytest.mark.parametrize("when", ["at once", "later"])
def test_the_same_message_again_is_a_duplicate(seen: Seen, when: str) -> None:
    """It is recorded with its offset and signature, and is no row."""
    row = seen.duplicates[seen.where[f"sent again {when}"]]
    first = seen.rows[seen.where["sent"]]
    assert (row["event_id"], row["signature"]) == (first["event_id"], first["signature"])


@pytest.mark.parametrize("when", ["at once", "later"])
def test_another_message_under_a_seen_identity_is_a_conflict(seen: Seen, when: str) -> None:
    """It is never dropped as a duplicate: its content is nowhere else."""
    name = f"another receipt under the same seq {when}"
    row = seen.quarantine[seen.where[name]]
    assert (row["reason"], row["payload"]) == (reasons.CONFLICT, seen.sent[name].payload)


def test_no_bad_message_stops_the_stream(seen: Seen) -> None:
    """Every offset is in the lake once, and every good receipt between the bad ones is a row."""
    each_once([RECEIPTS], seen.platform)
    good = {where for name, where in seen.where.items() if name.startswith("good after")}
    assert good <= seen.rows.keys()


def test_the_stream_outlives_its_credentials(seen: Seen) -> None:
    """It streamed on for longer than a session of its role lasts."""
    assert seen.streamed_seconds > SESSION_SECONDS
    assert seen.where["good after all"] in seen.rows
