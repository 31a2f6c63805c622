"""What comes in: broken, twice, or more than the stream takes."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from drill.registers import FRIDGE, INVENTORY, MOVEMENT, OPERATIONS, RECEIPT, RECEIPTS, Register
from drill.scene import Scene
from drill.waiting import meanwhile

EVERY_SECONDS = 1.0
# Of ten messages a second there are enough to be a share beside what all stores report.
AT_ONCE = 10
# The rule begins to count at 10,000. The contract of inventory allows 25 seconds on this clock, of a thousand each.
LAG_MESSAGES, LAG_GROWS_PER_SECOND = 11_000, 30
# Ten seconds of what the stream takes; the contract of receipts allows seven and a half.
LATE_MESSAGES = 9_500


@contextmanager
def malformed(scene: Scene) -> Iterator[None]:
    store_id = scene.stores.others[0]
    register = scene.stores.register(store_id, OPERATIONS, "broken")
    with _again_and_again(scene, OPERATIONS, lambda: scene.stores.send(store_id, [register.broken(b"{")] * AT_ONCE)):
        yield


@contextmanager
def repeated(scene: Scene) -> Iterator[None]:
    """A store sends again what it has sent, as with an outbox that was put back from a copy."""
    store_id = scene.stores.others[1]
    register = scene.stores.register(store_id, OPERATIONS, "repeated")

    def send() -> None:
        messages = [register.message(FRIDGE) for _ in range(AT_ONCE)]
        scene.stores.send(store_id, [*messages, *messages])

    with _again_and_again(scene, OPERATIONS, send):
        yield


@contextmanager
def too_late(scene: Scene) -> Iterator[None]:
    with _backlog(scene, scene.stores.register(scene.stores.others[2], RECEIPTS, "late"), RECEIPT, LATE_MESSAGES, 0):
        yield


@contextmanager
def more_and_more(scene: Scene) -> Iterator[None]:
    register = scene.stores.register(scene.stores.others[3], INVENTORY, "more")
    with _backlog(scene, register, MOVEMENT, LAG_MESSAGES, LAG_GROWS_PER_SECOND):
        yield


@contextmanager
def _backlog(
    scene: Scene, register: Register, body: Mapping[str, Any], messages: int, grows_per_second: int
) -> Iterator[None]:
    """Keep so many messages of a register waiting in Kafka, and more by so many a second."""
    query = f'sum(tillstream_feed_committed_offset{{feed="{register.feed}"}})'

    def committed() -> int:
        return int(float(scene.monitoring.prometheus.query(query)[0]["value"][1]))

    sent, wanted, begun = 0, float(messages), committed()

    def fill() -> None:
        nonlocal sent, wanted
        missing = max(0, round(wanted) - (begun + sent - committed()))
        scene.stores.send(register.store_id, [register.message(body) for _ in range(missing)])
        sent, wanted = sent + missing, wanted + grows_per_second * EVERY_SECONDS

    with _again_and_again(scene, register.feed, fill):
        yield


@contextmanager
def _again_and_again(scene: Scene, feed: str, act: Callable[[], None]) -> Iterator[None]:
    """Act at once, and then every second until it is over and all of the feed is in the lake."""
    act()
    try:
        with meanwhile(lambda stop: _every_second(stop, act)):
            yield
    finally:
        scene.await_in_lake(feed)


def _every_second(stop: threading.Event, act: Callable[[], None]) -> None:
    while not stop.wait(EVERY_SECONDS):
        act()
