"""A fleet on a real broker: what Kafka then holds is what the ledger says, read without the pipeline."""

import json
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from confluent_kafka import TopicPartition

import contracts
from contracts import reasons
from contracts.decoding import Decoder
from contracts.events import SIGNATURE
from contracts.signing import store_key, verify
from stores.errors import FleetError
from stores.fleet.fleet import Fleet, Wiring
from stores.fleet.preparation import Preparation, prepare
from stores.fleet.trouble import Trouble
from tests.support.broker import Kafka

pytestmark = pytest.mark.integration

MASTER = b"m" * 32
SEED = 5
RECEIPTS = 1_500


@dataclass(frozen=True)
class Record:
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]

    def signed(self) -> bool:
        """Whether the store that the payload claims has signed it."""
        store_id = json.loads(self.value or b"")["store_id"]
        return verify(store_key(MASTER, store_id, 1), self.value or b"", self.headers.get("signature", b""))


@dataclass(frozen=True)
class Replay:
    ledger: dict[str, Any]
    prepared: Preparation
    records: dict[str, list[Record]]
    """By feed, everything that Kafka holds."""


@pytest.fixture(scope="module")
def replay(kafka: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Replay:
    """A replay with all of the trouble. All stores log in with one certificate here: ACLs have tests of their own."""
    prepared = busiest(prepare(receipts=RECEIPTS, seed=SEED, troubles=frozenset(Trouble), now=datetime.now(UTC)))
    topics = {
        feed: replace(
            contract.topic, name=kafka.new_topic(contract.topic.partitions, config={"max.message.bytes": "2097152"})
        )
        for feed, contract in contracts.load().items()
    }
    outboxes = tmp_path_factory.mktemp("fleet") / "outboxes"
    wiring = Wiring(outboxes, topics, MASTER, lambda _: kafka.store_settings("330"))
    with Fleet(prepared, wiring, SEED) as fleet:
        ledger = fleet.replay(3, lambda *_: None)
    return Replay(ledger, prepared, {feed: read_all(kafka, topic.name) for feed, topic in topics.items()})


def busiest(prepared: Preparation) -> Preparation:
    """The same replay with the stores that trouble may choose from: the small ones only take time to log in."""
    plan = prepared.plan
    tills = [*plan.late, *plan.corrupted, *(till for till, _ in (*plan.replaced, *plan.skewed))]
    stores = {*plan.offline, *plan.restarted, *plan.untroubled, *(till.store_id for till in tills)}
    chosen = pc.field("store_id").isin(sorted(stores))
    return replace(
        prepared,
        messages=prepared.messages.filter(chosen),
        receipts=prepared.receipts.filter(chosen),
        totals=prepared.totals.filter(chosen),
        stores=prepared.stores.filter(chosen),
    )


def read_all(kafka: Kafka, topic: str) -> list[Record]:
    consumer = kafka.consumer()
    places = [
        TopicPartition(topic, number) for number in consumer.list_topics(topic, timeout=60).topics[topic].partitions
    ]
    count = sum(consumer.get_watermark_offsets(place, timeout=60)[1] for place in places)
    consumer.assign([TopicPartition(place.topic, place.partition, 0) for place in places])
    records: list[Record] = []
    while len(records) < count:
        # It waits until it has as many as it was asked for.
        for message in consumer.consume(min(1_000, count - len(records)), timeout=60):
            assert message.error() is None
            records.append(Record(message.key(), message.value(), dict(message.headers() or [])))  # type: ignore[arg-type] # headers are bytes
    consumer.close()
    return records


def accepted(replay: Replay, feed: str) -> dict[str, dict[str, Any]]:
    """The events that nothing is wrong with by payload and signature; a later copy does not replace the first one."""
    records = replay.records[feed]
    decoded = Decoder(contracts.load()[feed]).decode(pa.array([record.value for record in records], pa.binary()))
    found: dict[str, dict[str, Any]] = {}
    for record in (records[place] for place in decoded.verdicts.accepted()):
        if record.signed():
            event = json.loads(record.value or b"")
            found.setdefault(event["event_id"], event)
    return found


def test_kafka_has_what_the_tills_rang_up(replay: Replay):
    """Every receipt that was not damaged is in Kafka: as many, with as many lines and cents as the ledger says."""
    future = {row["event_id"] for row in replay.ledger["refused"] if row["reason"] == reasons.FUTURE_EVENT_TIME}
    injected = {row["event_id"] for row in replay.ledger["injected"] if row["reason"] != reasons.CONFLICT}
    receipts = [
        event for name, event in accepted(replay, "pos.receipts").items() if name not in future and name not in injected
    ]
    assert len(receipts) == replay.ledger["accepted_receipts"]
    assert sum(len(event["lines"]) for event in receipts) == replay.ledger["accepted_lines"]
    assert sum(event["total"] for event in receipts) == replay.ledger["accepted_amount_cents"]


@pytest.mark.parametrize("feed", ["store.inventory", "store.operations", "store.control-totals"])
def test_other_feeds_are_whole(replay: Replay, feed: str):
    """Every event of the other feeds that was appended is in Kafka."""
    assert len(accepted(replay, feed)) == replay.ledger["messages"][feed]


def test_what_is_wrong_is_as_often_as_expected(replay: Replay):
    """What payload and signature show to be wrong is in Kafka exactly as often as the ledger expects it."""
    found: Counter[str] = Counter()
    for feed, records in replay.records.items():
        decoded = Decoder(contracts.load()[feed]).decode(pa.array([record.value for record in records], pa.binary()))
        for place, record in enumerate(records):
            if refusal := decoded.verdicts.refused.get(place):
                found[refusal.reason] += 1
            elif json.loads(record.value or b"")["store_id"].encode() != record.key:
                found[reasons.KEY_MISMATCH] += 1
            elif SIGNATURE not in record.headers:
                found[reasons.MISSING_SIGNATURE] += 1
            elif not record.signed():
                found[reasons.BAD_SIGNATURE] += 1
    # These need the clock, the dimension, the partition or what came before to be seen.
    elsewhere = {
        reasons.FUTURE_EVENT_TIME,
        reasons.WRONG_BUSINESS_DATE,
        reasons.UNKNOWN_STORE,
        reasons.WRONG_PARTITION,
        reasons.SEQ_FAR_AHEAD,
        reasons.CONFLICT,
    }
    expected = replay.ledger["expected_quarantined_by_reason"]
    assert dict(found) == {reason: count for reason, count in expected.items() if reason not in elsewhere}
    assert elsewhere <= expected.keys()


def test_killed_senders_have_sent_twice(replay: Replay):
    """Messages of the stores whose senders died are in Kafka twice, at least as many as the ledger says."""
    copies = Counter(
        (record.headers.get("event_id"), record.value) for records in replay.records.values() for record in records
    )
    doubled = sum(count - 1 for count in copies.values())
    assert doubled >= replay.ledger["expected_duplicates_at_least"] > 0


def test_replaced_tills_have_two_epochs(replay: Replay):
    """The register of a replaced till is in Kafka under two epochs, each counting from 1."""
    events = accepted(replay, "pos.receipts")
    for store_id, register_id in replay.ledger["troubles"]["replaced"]:
        firsts = [
            event["epoch"]
            for event in events.values()
            if (event["store_id"], event["register_id"], event["seq"]) == (store_id, register_id, 1)
        ]
        assert len(firsts) == 2


def test_used_directory_is_refused(kafka: Kafka, tmp_path: Path, replay: Replay):
    """A fleet begins with new outboxes only: old ones would make its ledger wrong."""
    (tmp_path / "330-1.db").touch()
    with pytest.raises(FleetError, match="is not empty"):
        Fleet(replay.prepared, Wiring(tmp_path, {}, MASTER, lambda _: kafka.store_settings("330")), SEED)
