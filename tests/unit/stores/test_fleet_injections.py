"""Every message that is wrong on purpose is wrong in the way its ledger says."""

import json
import random
from datetime import UTC, datetime

import pyarrow as pa
import pytest

import contracts
from contracts import reasons
from contracts.decoding import Decoder
from contracts.partitioning import partition_for
from contracts.signing import store_key, verify
from stores.fleet.injections import FEED, REGISTER, Forger, Injection, conflict, damaged, injections
from stores.fleet.trouble import Damage, Trouble
from stores.fleet.units import DamagingSeal
from stores.outbox import Pending
from stores.sealing import Message, StoreSeal, topics_of

MASTER = b"m" * 32
KEY = store_key(MASTER, "330", 1)
CONTRACTS = contracts.load()
SEAL = StoreSeal("330", KEY, 1, topics_of(CONTRACTS))
FORGER = Forger(
    seal=SEAL,
    time_zone="America/Chicago",
    now=datetime(2026, 11, 20, 23, 30, tzinfo=UTC),
    topics={feed: contract.topic for feed, contract in CONTRACTS.items()},
    neighbour="367",
    master_key=MASTER,
)
# What the payload alone shows; the rest is seen in key, headers, partition, clock or history.
BY_DECODER = {
    reasons.TOMBSTONE,
    reasons.EMPTY,
    reasons.NOT_UTF8,
    reasons.NOT_JSON,
    reasons.WRONG_TYPE,
    reasons.MISSING_FIELD,
    reasons.INVALID_VALUE,
    reasons.UNKNOWN_SCHEMA_VERSION,
}
ALL = injections(FORGER, frozenset(Trouble))


def header(message: Message, name: str) -> bytes | None:
    return dict(message.headers).get(name)


def good() -> Message:
    event = FORGER.event()
    return FORGER.message(json.dumps(event, separators=(",", ":")).encode(), event["event_id"])


def decode(message: Message) -> str | None:
    feed = next(feed for feed, contract in CONTRACTS.items() if contract.topic.name == message.topic)
    refused = Decoder(CONTRACTS[feed]).decode(pa.array([message.value], pa.binary())).verdicts.refused
    return refused[0].reason if refused else None


def test_the_pattern_is_right():
    """Before it is broken, the message keeps the contract, is signed, and has its own partition."""
    message = good()
    assert decode(message) is None
    assert verify(KEY, message.value or b"", header(message, "signature") or b"")
    assert message.key == b"330"


@pytest.mark.parametrize("injection", ALL, ids=lambda each: f"{each.trouble}-{each.reason}")
def test_wrong_as_written_down(injection: Injection):
    """The decoder gives the reason that the ledger expects, or none where the payload is not what is wrong."""
    by_payload = injection.reason in BY_DECODER or injection.reason.startswith("rule:")
    assert decode(injection.message) == (injection.reason if by_payload else None)


def test_no_real_register_is_touched():
    """All of them claim a register that no store has."""
    assert {each.event_id.split(":")[1] for each in ALL} == {REGISTER}


@pytest.mark.parametrize("reason", [reasons.BAD_SIGNATURE, reasons.MISSING_SIGNATURE])
def test_forged_ones_are_not_signed_by_the_store_they_claim(reason: str):
    """A forged message has no signature, or one that the claimed store's key does not verify."""
    found = [each for each in ALL if each.reason == reason]
    assert found
    for each in found:
        claimed = store_key(MASTER, each.event_id.split(":")[0], 1)
        assert not verify(claimed, each.message.value or b"", header(each.message, "signature") or b"")


def test_misdirected_ones_are_signed_and_in_the_wrong_place():
    """A misdirected message is the store's own, but for its key or its partition."""
    [by_key] = [each.message for each in ALL if each.reason == reasons.KEY_MISMATCH]
    [by_partition] = [each.message for each in ALL if each.reason == reasons.WRONG_PARTITION]
    for message in (by_key, by_partition):
        assert verify(KEY, message.value or b"", header(message, "signature") or b"")
    assert by_key.key == b"367"
    assert by_partition.key == b"330"
    assert by_partition.partition != partition_for(b"330", CONTRACTS[FEED].topic.partitions)


@pytest.mark.parametrize("trouble", [Trouble.MALFORMED, Trouble.BROKEN, Trouble.FORGED, Trouble.MISDIRECTED])
def test_each_trouble_is_switched_alone(trouble: Trouble):
    """Only what is switched on is made."""
    assert {each.trouble for each in injections(FORGER, frozenset({trouble}))} == {trouble}


def test_conflict_repeats_an_identity_with_another_content():
    """A conflicting message keeps the contract, is signed, has the original's identity, and other bytes."""
    original = good()
    copy = conflict(original, SEAL)
    assert decode(copy.message) is None
    assert header(copy.message, "event_id") == header(original, "event_id")
    assert copy.message.value != original.value
    assert verify(KEY, copy.message.value or b"", header(copy.message, "signature") or b"")


def test_only_receipts_are_damaged():
    """Another feed's event with the same id passes whole: ids are unique within a feed."""
    payload = good().value or b""
    rows = [Pending(1, feed, "330:1:0123456789ab:1", payload, 0) for feed in (FEED, "store.control-totals")]
    seal = DamagingSeal(SEAL, {"330:1:0123456789ab:1": Damage.TRUNCATED})
    assert [seal(row).value == payload for row in rows] == [False, True]


@pytest.mark.parametrize("damage", list(Damage))
@pytest.mark.parametrize("seed", range(20))
def test_damage_leaves_the_headers(damage: Damage, seed: int):
    """A damaged message has its reason wherever the damage falls; its headers still name the event."""
    original = good()
    found = damaged(original, damage, random.Random(seed))
    assert found.headers == original.headers
    assert found.value != original.value
    if damage is Damage.ALTERED:
        assert decode(found) is None
        assert not verify(KEY, found.value or b"", header(found, "signature") or b"")
    else:
        assert decode(found) == str(damage)
