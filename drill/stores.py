"""The stores of a scene. All of them say again and again that they are there; some have more to say in a fault."""

import json
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

import contracts
from contracts.events import STORE_WIDE_REGISTER
from contracts.signing import store_key
from drill.pace import short
from drill.registers import HEARTBEAT, OPERATIONS, Register
from drill.waiting import DrillError, Patience
from local.beside import meanwhile, said
from local.stack import Stack
from stores.keys import read_master_key
from stores.metrics import StoreMetrics
from stores.outbox import Outbox
from stores.sealing import Message, StoreSeal, topics_of
from stores.sender import Sender, producer_settings

ROUND_SECONDS = 10.0
# More than a tenth of all, whose clock is behind: once they fall silent, nobody waits for hours of the rules' clock.
REGION = 50
CLOCK_BEHIND = timedelta(seconds=short(7200) - 120)
# A broker that was killed, or one of two that hangs, is gone for a while.
FLUSH_SECONDS = 300


class Stores:
    """Use it as a context manager, once the stack runs: while it is open, every store reports."""

    def __init__(self, stack: Stack, directory: Path, patience: Patience) -> None:
        known = json.loads((stack.directory / "reference" / "stores.json").read_text())
        self.ids: Sequence[str] = [store["store_id"] for store in known]
        self.silent: set[str] = set()
        self._stack = stack
        self._directory = directory
        self._patience = patience
        self._master_key = read_master_key(stack.master_key_file)
        self._generations = {store["store_id"]: store["key_generation"] for store in known}
        self._topics = topics_of(contracts.load())
        self._producers: dict[str, Producer] = {}
        self._registers = {each: self.register(each, OPERATIONS, STORE_WIDE_REGISTER) for each in self.ids}
        self._resting = threading.Lock()
        self._reporting = meanwhile(self._report)

    def __enter__(self) -> Self:
        self._reporting.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._reporting.__exit__(kind, error, trace)
        self._producers.clear()

    @property
    def region(self) -> Sequence[str]:
        """More than a tenth of all stores."""
        return self.ids[:REGION]

    @property
    def others(self) -> Sequence[str]:
        """A fault may have these send what it likes."""
        return self.ids[REGION:]

    def seal(self, store_id: str) -> StoreSeal:
        generation = self._generations[store_id]
        return StoreSeal(store_id, store_key(self._master_key, store_id, generation), generation, self._topics)

    def register(self, store_id: str, feed: str, register_id: str = "1", epoch: str | None = None) -> Register:
        return Register(self.seal(store_id), feed, register_id, epoch)

    def outbox(self, store_id: str, name: str) -> Outbox:
        return Outbox(self._directory / f"{name}.outbox", store_id)

    def sender(self, outbox: Outbox) -> Sender:
        settings, metrics = self._stack.store_settings(outbox.store_id), StoreMetrics(CollectorRegistry())
        return Sender(outbox, settings, self.seal(outbox.store_id), metrics)

    def send(self, store_id: str, messages: Iterable[Message]) -> None:
        """Send them under a store's own log-in. Raise DrillError where Kafka does not take all of them."""
        if store_id not in self._producers:
            self._producers[store_id] = Producer(producer_settings(self._stack.store_settings(store_id)))
        producer, errors = self._producers[store_id], []
        for each in messages:
            producer.produce(
                each.topic,
                value=each.value,
                key=each.key,
                headers=each.headers,  # type: ignore[arg-type] # its stub forgot that values may be bytes
                timestamp=each.timestamp_ms,
                on_delivery=lambda error, _: errors.append(error.str()) if error else None,
            )
            producer.poll(0)
        left = producer.flush(FLUSH_SECONDS)
        if left or errors:
            raise DrillError(f"Kafka has not taken {left + len(errors)} messages of store {store_id}: {errors[:1]}")

    @contextmanager
    def resting(self) -> Iterator[None]:
        """No store reports meanwhile."""
        with self._resting:
            yield

    def report(self) -> None:
        """Every store that is not silent says that it is there."""
        now = datetime.now(UTC)
        region = set(self.region)
        # One line carries the messages of all: who says something is told by its signature.
        self.send(
            self.ids[-1],
            [
                register.message(HEARTBEAT, now - CLOCK_BEHIND if store_id in region else now)
                for store_id, register in self._registers.items()
                if store_id not in self.silent
            ],
        )

    def _report(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                with self._resting:
                    self.report()
                stop.wait(ROUND_SECONDS)
        except BaseException as error:
            # From here on every store would be silent, and whatever is drilled would seem to be the cause.
            self._patience.call_off(f"The stores do not report any more: {said(error)}")
            raise
