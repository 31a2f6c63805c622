"""A real broker for the tests of a session, with the topics and ACLs of the contracts for a few stores."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from local.authority import Authority, Identity
from local.kafka import Broker
from tests.support.waiting import wait_for
from topics.settings import KafkaSettings

STORES = ("330", "367", "406")
TOPICS = {"pos.receipts.v1": 6, "store.inventory.v1": 3, "store.operations.v1": 3, "store.control-totals.v1": 3}
READERS = ("spark-ingest", "quality")
ANY_ACL = AclBindingFilter(
    ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
)


@dataclass
class Kafka:
    """A running broker; stores log in by certificate, workloads by SCRAM, as in production."""

    broker: Broker
    identities: dict[str, Identity] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def store_settings(self, store_id: str = "330") -> KafkaSettings:
        return KafkaSettings.from_env(self.broker.store_environment(self.identities[store_id]))

    def workload_settings(self, user: str = "spark-ingest") -> KafkaSettings:
        return KafkaSettings.from_env(self.broker.workload_environment(user))

    def producer(self, store_id: str = "330") -> Producer:
        """An idempotent producer under a store's certificate, partitioning as Java does."""
        return Producer(
            {
                **self.store_settings(store_id).librdkafka(),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
            }
        )

    def consumer(self, user: str = "quality", **settings: str) -> Consumer:
        """A consumer that starts at the beginning and commits nothing."""
        return Consumer(
            {
                **self.workload_settings(user).librdkafka(),
                "group.id": f"{user}-{next(self._numbers)}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                **settings,
            }
        )

    def admin(self) -> AdminClient:
        """A client with every right."""
        return self.broker.admin()

    def new_topic(self, partitions: int = 3, prefix: str = "test", config: dict[str, str] | None = None) -> str:
        """A topic of a test's own, which every store of the fixture may write and every reading workload read."""
        name = f"{prefix}-{next(self._numbers)}.v1"
        self.create_topics({name: partitions}, config)
        return name

    def create_topics(self, partitions: dict[str, int], config: dict[str, str] | None = None) -> None:
        admin = self.admin()
        wanted = [NewTopic(name, count, 1, config=config or {}) for name, count in partitions.items()]
        for future in admin.create_topics(wanted).values():
            future.result(30)
        writers = [identity.principal for identity in self.identities.values()]
        bindings = [
            *(_allow(name, writer, AclOperation.WRITE) for name in partitions for writer in writers),
            *(_allow(name, f"User:{reader}", AclOperation.READ) for name in partitions for reader in READERS),
        ]
        for future in admin.create_acls(bindings).values():
            future.result(30)
        # Both are made at once but known a moment later.
        wait_for(lambda: partitions.keys() <= admin.list_topics(timeout=10).topics.keys(), 30, "the new topics")
        wait_for(lambda: set(bindings) <= set(admin.describe_acls(ANY_ACL).result(30)), 30, "the new ACLs")


def start_kafka(directory: Path, stores: tuple[str, ...] = STORES) -> Kafka:
    """Start a broker of its own, for tests that kill it; stop it by `kafka.broker.stop()`."""
    authority = Authority.create(directory / "ca")
    broker = Broker(directory / "kafka", authority)
    broker.start()
    broker.create_users()
    kafka = Kafka(broker, {store: authority.issue_store(store, generation=1) for store in stores})
    groups = [
        AclBinding(
            ResourceType.GROUP,
            reader,
            ResourcePatternType.PREFIXED,
            f"User:{reader}",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        for reader in READERS
    ]
    for future in (admin := kafka.admin()).create_acls(groups).values():
        future.result(30)
    del admin
    kafka.create_topics(TOPICS)
    return kafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    running = start_kafka(tmp_path_factory.mktemp("kafka"))
    yield running
    running.broker.stop()


def _allow(topic: str, principal: str, operation: AclOperation) -> AclBinding:
    return AclBinding(
        ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, principal, "*", operation, AclPermissionType.ALLOW
    )
