"""Sends what no till rang up: past the outboxes, under the certificates of a few stores that suffer nothing else."""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
from confluent_kafka import Producer

from contracts.model import Topic
from stores.errors import FleetError
from stores.fleet.injections import FEED, Forger, Injection, conflict, injections
from stores.fleet.trouble import Plan, Trouble
from stores.outbox import Draft, Pending, complete
from stores.sealing import StoreSeal
from stores.sender import producer_settings
from topics.settings import KafkaSettings

LOG = logging.getLogger(__name__)

STORES = 3
CONFLICTS_A_STORE = 2
FLUSH_SECONDS = 30


class Intruder:
    """Remembers in `sent` every message that Kafka took, and what must become of it."""

    def __init__(
        self,
        plan: Plan,
        *,
        topics: Mapping[str, Topic],
        master_key: bytes,
        settings_of: Callable[[str], KafkaSettings],
        seal_of: Callable[[str], StoreSeal],
    ) -> None:
        self.sent: list[Injection] = []
        self._producers: dict[str, Producer] = {}
        self._troubles = plan.troubles
        self._stores, self._neighbour = plan.untroubled[:STORES], plan.untroubled[-1]
        self._topics = topics
        self._master_key = master_key
        self._settings_of = settings_of
        self._seal_of = seal_of

    def intrude(self, time_zones: Mapping[str, str]) -> None:
        """Send the messages that are malformed, broken, forged or misdirected, as far as these troubles are on."""
        for store_id in self._stores:
            forger = Forger(
                seal=self._seal_of(store_id),
                time_zone=time_zones[store_id],
                now=datetime.now(UTC),
                topics=self._topics,
                neighbour=self._neighbour,
                master_key=self._master_key,
            )
            self._send(store_id, injections(forger, self._troubles))

    def contradict(self, messages: pa.Table, epoch_of: Callable[[str], str], rng: Random) -> None:
        """Send other contents under the identities of receipts that are in Kafka already."""
        if Trouble.CONFLICT not in self._troubles:
            return
        for store_id in self._stores:
            receipts = messages.filter((pc.field("feed") == FEED) & (pc.field("store_id") == store_id))
            made = []
            for place in rng.sample(range(receipts.num_rows), CONFLICTS_A_STORE):
                row = receipts.slice(place, 1).to_pylist()[0]
                name, payload = complete(
                    Draft(FEED, row["register_id"], row["body"].encode()),
                    store_id=store_id,
                    epoch=epoch_of(store_id),
                    seq=row["seq"],
                )
                seal = self._seal_of(store_id)
                original = seal(Pending(0, FEED, name, payload, int(datetime.now(UTC).timestamp() * 1000)))
                made.append(conflict(original, seal))
            self._send(store_id, made)

    def close(self) -> None:
        self._producers.clear()

    def _send(self, store_id: str, made: Sequence[Injection]) -> None:
        errors: list[str | None] = []
        if store_id not in self._producers:
            self._producers[store_id] = Producer(producer_settings(self._settings_of(store_id)), logger=LOG)
        producer = self._producers[store_id]
        for each in made:
            producer.produce(
                each.message.topic,
                value=each.message.value,
                key=each.message.key,
                partition=each.message.partition,
                headers=each.message.headers,  # type: ignore[arg-type] # its stub forgot that values may be bytes
                timestamp=each.message.timestamp_ms,
                on_delivery=lambda error, _: errors.append(error.str() if error else None),
            )
        producer.flush(FLUSH_SECONDS)
        if errors != [None] * len(made):
            raise FleetError(
                f"Kafka took {errors.count(None)} of {len(made)} messages that were to be wrong "
                f"({next(filter(None, errors), 'no answer')}). The replay stopped; its outboxes keep what was not sent."
            )
        self.sent += made
