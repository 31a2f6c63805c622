"""Kafka: the broker killed, copies missing, a partition without a leader, log-ins refused."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from drill.scene import Scene, frozen
from drill.second_broker import NODE_ID, SecondBroker
from local.beside import meanwhile
from topics.settings import KafkaSettings

JOINS_SECONDS, ANSWER_SECONDS = 300, 60
# As often as a client tries to log in again.
TRY_AGAIN_MS = 500


@contextmanager
def killed(scene: Scene) -> Iterator[None]:
    with scene.still():
        scene.stack.broker.kill()
        try:
            yield
        finally:
            scene.stack.broker.start()
            scene.await_ingest()


@contextmanager
def copy_missing(scene: Scene) -> Iterator[None]:
    """One of the two brokers that keep a topic's partition hangs."""
    with _topic_on(scene, [1, NODE_ID], {"min.insync.replicas": "1"}) as second, frozen(second.pid):
        yield


@contextmanager
def too_few_copies(scene: Scene) -> Iterator[None]:
    """As `copy_missing`, of a topic that takes no message without its second copy."""
    with _topic_on(scene, [1, NODE_ID], {"min.insync.replicas": "2"}) as second, frozen(second.pid):
        yield


@contextmanager
def leader_missing(scene: Scene) -> Iterator[None]:
    """The only broker that keeps a topic's partition hangs."""
    with _topic_on(scene, [NODE_ID], {}) as second, frozen(second.pid):
        yield


@contextmanager
def wrong_password(scene: Scene) -> Iterator[None]:
    """A client goes on trying to log in as a workload whose password it does not know."""
    settings = KafkaSettings.from_env(scene.stack.workloads["quality"]).librdkafka()
    settings |= {"sasl.password": "wrong", "log_level": 0, "reconnect.backoff.max.ms": TRY_AGAIN_MS}
    client = AdminClient(settings)

    def try_on(stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                client.list_topics(timeout=1)
            except KafkaException:
                continue

    with meanwhile(try_on):
        yield


@contextmanager
def _topic_on(scene: Scene, nodes: list[int], configuration: Mapping[str, str]) -> Iterator[SecondBroker]:
    """A topic of one partition on these nodes, one of which is a second broker that is gone afterwards."""
    name, admin = "drill", scene.stack.broker.admin()
    with SecondBroker(scene.stack.broker, scene.directory / "second-broker") as second:
        scene.patience.await_(
            lambda: NODE_ID in admin.list_topics(timeout=ANSWER_SECONDS).brokers, JOINS_SECONDS, "a second broker"
        )
        topic = NewTopic(name, num_partitions=1, replica_assignment=[nodes], config=dict(configuration))
        admin.create_topics([topic])[name].result()
        try:
            scene.patience.await_(lambda: _in_sync(admin, name) == len(nodes), JOINS_SECONDS, "a topic on both brokers")
            yield second
        finally:
            admin.delete_topics([name])[name].result()


def _in_sync(admin: AdminClient, topic: str) -> int:
    partitions = admin.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic].partitions
    return len(partitions[0].isrs) if partitions else 0
