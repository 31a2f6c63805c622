"""What the broker holds of a topic: which topic it is, and from where to where each partition goes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaException, TopicCollection, TopicPartition, Uuid
from confluent_kafka.admin import AdminClient, OffsetSpec

from topics.errors import TopicsError

TIMEOUT_SECONDS = 20


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


def watermarks(admin: AdminClient, topic: str) -> Watermarks:
    """Raise TopicsError where the broker does not know the topic or does not answer."""
    try:
        described = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_SECONDS)[topic].result()
        partitions = [each.id for each in described.partitions]
        low = _offsets(admin, topic, partitions, OffsetSpec.earliest())  # type: ignore[no-untyped-call] # confluent-kafka's
        high = _offsets(admin, topic, partitions, OffsetSpec.latest())  # type: ignore[no-untyped-call] # as above
    except KafkaException as error:
        raise TopicsError(
            f"The broker does not describe {topic}: {error}. Nothing was changed; `tillstream topics plan` says "
            "whether it exists and who may read it."
        ) from error
    return Watermarks(topic, topic_id(described.topic_id), low, high)


def _offsets(admin: AdminClient, topic: str, partitions: Iterable[int], spec: OffsetSpec) -> dict[int, int]:
    asked = {TopicPartition(topic, partition): spec for partition in partitions}
    answers = admin.list_offsets(asked, request_timeout=TIMEOUT_SECONDS)
    return {where.partition: answer.result().offset for where, answer in answers.items()}
