"""What a store tells Prometheus about its outbox, its sender and its door."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from stores.outbox import Outbox


class StoreMetrics:
    """Counters of the sender and the door. One object serves any number of stores."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.sent = Counter(
            "tillstream_store_sent_messages",
            "Messages that Kafka acknowledged.",
            ["store_id", "topic"],
            registry=registry,
        )
        self.errors = Counter(
            "tillstream_store_send_errors",
            "Errors of the sender by librdkafka's name of them. What failed is still in the outbox.",
            ["store_id", "kind"],
            registry=registry,
        )
        self.responses = Counter(
            "tillstream_store_door_responses",
            "Answers of the HTTP door by status.",
            ["store_id", "status"],
            registry=registry,
        )

        self.certificate_not_after = Gauge(
            "tillstream_store_certificate_not_after_seconds",
            "When the certificate ends that the sender is logged in with, in seconds since 1970.",
            ["store_id"],
            registry=registry,
        )

    def watch(self, outboxes: Iterable[Outbox]) -> None:
        """Report depth and age of these outboxes whenever somebody asks."""
        self.registry.register(_Outboxes(tuple(outboxes)))


class _Outboxes(Collector):
    def __init__(self, outboxes: tuple[Outbox, ...]) -> None:
        self._outboxes = outboxes

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Names without values: registering must not read the outboxes."""
        return self._families()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        depth, age = self._families()
        for outbox in self._outboxes:
            labels = [outbox.store_id, outbox.epoch]
            depth.add_metric(labels, outbox.depth())
            age.add_metric(labels, outbox.oldest_age_seconds())
        yield depth
        yield age

    @staticmethod
    def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily]:
        labels = ["store_id", "epoch"]
        return (
            GaugeMetricFamily("tillstream_store_outbox_depth", "Messages that wait to be sent.", labels=labels),
            GaugeMetricFamily(
                "tillstream_store_outbox_oldest_age_seconds",
                "For how long the oldest of them has been waiting.",
                labels=labels,
            ),
        )
