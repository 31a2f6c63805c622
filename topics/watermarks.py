"""What the broker holds of a topic: which topic it is, and from where to where each partition goes.

Each question raises TopicsError where the broker does not know the topic or does not answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from confluent_kafka import KafkaException, TopicCollection, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient, OffsetSpec

from topics.connection import TIMEOUT_SECONDS, Connection
from topics.errors import TopicsError

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class TopicFacts:
    topic_id: str
    partitions: int


@dataclass(frozen=True)
class Watermarks:
    """By partition: `low` is the first offset the broker still has, `high` the one the next message gets."""

    topic: str
    topic_id: str
    low: Mapping[int, int]
    high: Mapping[int, int]


def topic_id(uuid: Uuid) -> str:
    """A topic's id as Kafka itself spells it (22 characters, URL-safe); librdkafka spells `/` and `+`."""
    return str(uuid).replace("/", "_").replace("+", "-")


def facts(broker: Connection, topic: str) -> TopicFacts:
    """One request."""
    asked = TopicCollection([topic])
    described = _ask(
        broker, topic, lambda admin: admin.describe_topics(asked, request_timeout=TIMEOUT_SECONDS)[topic].result()
    )
    return TopicFacts(topic_id(described.topic_id), len(described.partitions))


def earliest(broker: Connection, topic: str, partitions: int) -> dict[int, int]:
    """By partition, the first offset that the broker still has; one request."""
    return _offsets(broker, topic, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call] # confluent-kafka's


def watermarks(broker: Connection, topic: str) -> Watermarks:
    """Three requests."""
    found = facts(broker, topic)
    low = earliest(broker, topic, found.partitions)
    high = _offsets(broker, topic, found.partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call] # as above
    return Watermarks(topic, found.topic_id, low, high)


def _offsets(broker: Connection, topic: str, partitions: int, spec: OffsetSpec) -> dict[int, int]:
    asked = {TopicPartition(topic, partition): spec for partition in range(partitions)}

    def question(admin: AdminClient) -> dict[int, int]:
        answers = admin.list_offsets(asked, request_timeout=TIMEOUT_SECONDS)
        return {where.partition: answer.result().offset for where, answer in answers.items()}

    return _ask(broker, topic, question)


def _ask(broker: Connection, topic: str, question: Callable[[AdminClient], Answer]) -> Answer:
    try:
        return broker.ask(question)
    except KafkaException as error:
        raise TopicsError(
            f"The broker does not describe {topic}: {error}. Nothing was changed; `tillstream topics plan` says "
            "whether it exists and who may read it."
        ) from error
