"""What comes in: broken, twice, or more than the stream takes."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from drill.registers import FRIDGE, INVENTORY, MOVEMENT, OPERATIONS, RECEIPT, RECEIPTS, Register
from drill.scene import Scene
from local.beside import meanwhile

EVERY_SECONDS = 1.0
# A batch that the stream has taken is made up for at once, or fewer messages would wait.
TOP_UP_SECONDS = 0.5
# Of ten messages a second there are enough to be a share beside what all stores report.
AT_ONCE = 10
# The rule begins to count at 10,000, and a batch is a thousand. The contract of inventory allows 25 seconds on this
# clock: a stream that takes in half of what it can is still in time, or its being late would hold the alert back.
LAG_MESSAGES, LAG_GROWS_PER_SECOND = 11_500, 15
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
    sent, began, begun = 0, time.monotonic(), scene.committed(register.feed)

    def fill() -> None:
        nonlocal sent
        wanted = messages + round(grows_per_second * (time.monotonic() - began))
        missing = max(0, wanted - (begun + sent - scene.committed(register.feed)))
        scene.stores.send(register.store_id, [register.message(body) for _ in range(missing)])
        sent += missing

    with _again_and_again(scene, register.feed, fill, TOP_UP_SECONDS):
        yield


@contextmanager
def _again_and_again(
    scene: Scene, feed: str, act: Callable[[], None], pause_seconds: float = EVERY_SECONDS
) -> Iterator[None]:
    """Act at once, and then again and again until it is over and all of the feed is in the lake."""

    def go_on(stop: threading.Event) -> None:
        while not stop.wait(pause_seconds):
            act()

    act()
    try:
        with meanwhile(go_on):
            yield
    finally:
        scene.await_in_lake(feed)
