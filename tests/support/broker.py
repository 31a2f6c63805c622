"""A real broker for the tests of a session, with the topics and ACLs of the contracts for a few stores."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

import contracts
from local.authority import Authority, Identity
from local.kafka import Broker
from local.kafka.configuration import Listener
from topics.apply import apply_plan, read_state
from topics.connection import Connection
from topics.desired import desired_state, workload_principals
from topics.model import Acl, Store, Topic
from topics.plan import ConfigChange, Plan, make_plan
from topics.settings import KafkaSettings

TOPICS = ("pos.receipts.v1", "store.inventory.v1", "store.operations.v1", "store.control-totals.v1")
STORES = ("330", "367", "406")
READERS = ("spark-ingest", "quality")


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

    def new_topic(
        self,
        partitions: int = 3,
        prefix: str = "test",
        config: dict[str, str] | None = None,
        writers: tuple[str, ...] | None = None,
    ) -> str:
        """A topic of a test's own: every store of the fixture (or `writers`) may write, the readers may read it."""
        name = f"{prefix}-{next(self._numbers)}.v1"
        principals = [identity.principal for identity in self.identities.values()] if writers is None else writers
        plan = Plan(
            create_topics=(Topic(name, partitions, 1, config or {}),),
            add_acls=(
                *(Acl(principal, "write", "topic", name) for principal in principals),
                *(Acl(f"User:{reader}", "read", "topic", name) for reader in READERS),
            ),
        )
        apply_plan(self.admin(), plan)
        return name

    def configure(self, settings: dict[str, dict[str, str]]) -> None:
        """Change settings of topics by hand, as somebody with every right might."""
        changes = tuple(
            ConfigChange(topic, name, before=None, after=value)
            for topic, values in settings.items()
            for name, value in values.items()
        )
        apply_plan(self.admin(), Plan(change_configs=changes))

    def admin_of(self, user: str) -> AdminClient:
        """A client with the rights of one workload."""
        return AdminClient({**self.workload_settings(user).librdkafka(), "log_level": 0})

    def connection_of(self, user: str) -> Connection:
        """The same, where one broker after the other is asked."""
        return Connection.to(self.workload_settings(user))


def start_broker(
    directory: Path,
    stores: tuple[str, ...] = STORES,
    more: Sequence[Listener] = (),
    metrics_port: int | None = None,
) -> Kafka:
    """A broker without topics, for tests that make their own; stop it by `kafka.broker.stop()`."""
    authority = Authority.create(directory / "ca")
    broker = Broker(directory / "kafka", authority, more, metrics_port)
    broker.start()
    broker.create_users()
    return Kafka(broker, {store: authority.issue_store(store, generation=1) for store in stores})


def start_kafka(directory: Path, stores: tuple[str, ...] = STORES, metrics_port: int | None = None) -> Kafka:
    """A broker with the contracts' topics and ACLs, for tests that kill it; stop it by `kafka.broker.stop()`."""
    kafka = start_broker(directory, stores, metrics_port=metrics_port)
    described = contracts.load().values()
    desired = desired_state(described, [Store(store, 1) for store in stores], replication=1)
    # As the platform does it: by the user `topics`, whose rights must be enough.
    admin = kafka.admin_of("topics")
    apply_plan(admin, make_plan(desired, read_state(admin), workloads=workload_principals(described), with_stores=True))
    return kafka


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    running = start_kafka(tmp_path_factory.mktemp("kafka"))
    yield running
    running.broker.stop()
