"""What the drill's registers send keeps the contracts, but where a fault is that it does not."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

import contracts
from contracts.decoding import Decoder
from contracts.signing import store_key, verify
from drill.registers import (
    HEARTBEAT,
    INVENTORY,
    MOVEMENT,
    OPERATIONS,
    RECEIPT,
    RECEIPTS,
    TOTALS,
    Register,
    total_of,
)
from stores.sealing import StoreSeal, topics_of

CONTRACTS = contracts.load()
KEY = store_key(b"m" * 32, "330", 1)
SEAL = StoreSeal("330", KEY, 1, topics_of(CONTRACTS))


@pytest.mark.parametrize(
    ("feed", "body"),
    [(RECEIPTS, RECEIPT), (INVENTORY, MOVEMENT), (OPERATIONS, HEARTBEAT), (TOTALS, total_of(2)), (TOTALS, total_of(0))],
)
def test_messages_keep_their_contract(feed: str, body: Mapping[str, Any]):
    """A register's messages are signed by its store and accepted; their seqs go up one by one."""
    register = Register(SEAL, feed)
    messages = [register.message(body) for _ in range(3)]
    decoded = Decoder(CONTRACTS[feed]).decode(pa.array([each.value for each in messages], pa.binary()))
    assert not decoded.verdicts.refused
    assert decoded.rows["seq"].to_pylist() == [1, 2, 3]
    for each in messages:
        assert each.value
        assert each.topic == CONTRACTS[feed].topic.name
        assert verify(KEY, each.value, dict(each.headers)["signature"])


def test_a_broken_message_is_broken_in_its_payload_only():
    """A payload that is no JSON is signed, too, and counts as one message of the register."""
    register = Register(SEAL, RECEIPTS)
    message = register.broken(b"{")
    assert message.value == b"{"
    assert dict(message.headers)["event_id"].endswith(b":1")
    assert verify(KEY, b"{", dict(message.headers)["signature"])
