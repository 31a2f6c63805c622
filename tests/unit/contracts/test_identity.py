"""What identifies an event, who signed it and where it goes."""

import hashlib
import hmac

import pytest

from contracts.events import event_id
from contracts.partitioning import murmur2, partition_for
from contracts.signing import sign, store_key, verify

MASTER = b"m" * 32


def test_event_id_writes_the_four_parts():
    """An event_id is store, register, epoch and seq, joined by colons."""
    assert event_id("330", "2", "9f86d081884c", 7) == "330:2:9f86d081884c:7"


@pytest.mark.parametrize(
    "parts", [("3:30", "2", "e", 1), ("330", "", "e", 1), ("330", "2", "e/f", 1), ("3", "2", "e", 0)]
)
def test_event_id_refuses_parts_that_could_make_two_events_one(parts: tuple[str, str, str, int]):
    """A part that could be mistaken for two, or a seq no register uses, makes no event_id."""
    with pytest.raises(ValueError, match="cannot be part of an event_id"):
        event_id(*parts)


def test_signature_is_hmac_sha256_of_the_payload():
    """A signature is the 32 raw bytes of HMAC-SHA256."""
    key = store_key(MASTER, "330", 1)
    assert sign(key, b"payload") == hmac.new(key, b"payload", hashlib.sha256).digest()
    assert len(key) == len(sign(key, b"payload")) == 32


def test_keys_differ_by_store_generation_and_master():
    """No two stores, generations or masters share a key, not even where their digits run together."""
    keys = {
        store_key(MASTER, "330", 1),
        store_key(MASTER, "330", 2),
        store_key(MASTER, "331", 1),
        store_key(MASTER, "33", 1),
        store_key(MASTER, "33", 10),
        store_key(b"n" * 32, "330", 1),
    }
    assert len(keys) == 6


def test_only_the_signed_payload_verifies():
    """A changed payload, another key or half a signature does not verify."""
    key = store_key(MASTER, "330", 1)
    signature = sign(key, b"payload")
    assert verify(key, b"payload", signature)
    assert not verify(key, b"payload!", signature)
    assert not verify(store_key(MASTER, "330", 2), b"payload", signature)
    assert not verify(key, b"payload", signature[:16])


def test_short_master_key_is_refused():
    """A master key of under 32 bytes derives no key."""
    with pytest.raises(ValueError, match="at least 32"):
        store_key(b"short", "330", 1)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        # The vectors of Kafka's own UtilsTest.testMurmur2, as signed 32-bit numbers.
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_agrees_with_kafka(key: bytes, expected: int):
    """The hash is the one that Kafka's Java client publishes test vectors for."""
    assert murmur2(key) == expected % 2**32


def test_a_negative_hash_loses_its_sign_as_in_java():
    """The sign bit is cleared, not the number taken as unsigned: the hash of "21" would else go to partition 2."""
    assert partition_for(b"21", 6) == (-973932308 & 0x7FFFFFFF) % 6 == 0


def test_every_partition_is_used_and_none_beyond():
    """The keys of many stores fall on all partitions, and on no other number."""
    assert {partition_for(str(store).encode(), 6) for store in range(457)} == set(range(6))
