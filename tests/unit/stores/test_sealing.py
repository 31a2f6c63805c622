"""What a message says of its time is what Kafka can take, whatever the store's clock did."""

import time

import pytest

from stores.outbox import Pending
from stores.sealing import OLDEST_MS, StoreSeal

SEAL = StoreSeal("330", b"k" * 32, 1, {"pos.receipts": "t"})
HOUR_MS = 3_600_000
NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("appended_ms", "dated_ms"),
    [
        pytest.param(NOW_MS - HOUR_MS, NOW_MS - HOUR_MS, id="waited an hour"),
        pytest.param(NOW_MS - 10 * 24 * HOUR_MS, NOW_MS - OLDEST_MS, id="waited longer than the topic keeps messages"),
        pytest.param(0, NOW_MS - OLDEST_MS, id="appended by a clock that had stopped"),
        pytest.param(NOW_MS + HOUR_MS, NOW_MS, id="appended by a clock that was set back since"),
    ],
)
def test_timestamp_is_one_that_kafka_takes(monkeypatch: pytest.MonkeyPatch, appended_ms: int, dated_ms: int):
    """A message has the time of its append, but none that a topic refuses as too early or deletes as too old."""
    monkeypatch.setattr(time, "time_ns", lambda: NOW_MS * 1_000_000)
    assert SEAL(Pending(1, "pos.receipts", "330:1:0:1", b"{}", appended_ms)).timestamp_ms == dated_ms
