"""One till system of a simulated store: an outbox, its sender, and how it dies and comes back."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stores.errors import FleetError
from stores.fleet.injections import FEED, damaged
from stores.fleet.trouble import Damage
from stores.metrics import StoreMetrics
from stores.outbox import Draft, Outbox, Pending
from stores.sealing import Message, Seal
from stores.sender import Sender
from topics.settings import KafkaSettings

FLUSH_SECONDS = 30


@dataclass(frozen=True)
class DamagingSeal:
    """Seals as the store does; then some receipts are damaged, each time they pass. Event ids repeat between feeds."""

    seal: Seal
    damages: Mapping[str, Damage]

    def __call__(self, row: Pending) -> Message:
        message = self.seal(row)
        damage = self.damages.get(row.event_id)
        if damage is None or row.feed != FEED:
            return message
        return damaged(message, damage, random.Random(row.event_id))  # noqa: S311 - a simulation


class Unit:
    """An outbox with its sender. A store has one, and one more for each till that was replaced."""

    def __init__(self, outbox: Outbox, settings: KafkaSettings, seal: Seal, metrics: StoreMetrics) -> None:
        self.outbox = outbox
        self.waiting = 0
        """Messages that were appended and are not marked as sent."""
        self._wiring = (settings, seal, metrics)
        self._sender = Sender(outbox, *self._wiring)

    def connect(self) -> None:
        self._sender.connect()

    def append(self, drafts: Sequence[Draft], seqs: Sequence[int] | None = None) -> None:
        """Append; raise FleetError where the outbox gives other seqs than those that were planned."""
        names = self.outbox.append_many(drafts)
        self.waiting += len(names)
        store_id, epoch = self.outbox.store_id, self.outbox.epoch
        for name, draft, seq in zip(names, drafts, seqs or (), strict=seqs is not None):
            if name != f"{store_id}:{draft.register_id}:{epoch}:{seq}":
                raise FleetError(
                    f"{self.outbox.path} made {name} where seq {seq} was planned: it holds more than this replay. "
                    "The replay stopped, its ledger would be wrong. Give an empty directory."
                )

    def pump(self) -> None:
        """Send what fits, without waiting."""
        all_on_their_way = self._sender.in_flight == self.waiting
        self.waiting -= self._sender.settle() if all_on_their_way else self._sender.pump()

    def kill_sender(self) -> int:
        """Let the sender die after Kafka has acknowledged all and before it marks it; return how many that were."""
        self._sender.send()
        session = self._sender.session
        unmarked = 0
        if session:
            session.finish(FLUSH_SECONDS)
            unmarked = len(session.acknowledged)
        self._sender.abandon()
        self._sender = Sender(self.outbox, *self._wiring)
        return unmarked

    def close(self) -> None:
        self._sender.abandon()
        self.outbox.close()
