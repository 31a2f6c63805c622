"""One request to Kafka each, and what came of it."""

import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.waiting import wait_for
from topics.settings import KafkaSettings


def deliver(settings: KafkaSettings, topic: str, ahead_ms: int = 0) -> KafkaError | None:
    """Send one message to the topic's first partition: the error of its delivery report, None if acknowledged."""
    reports: list[KafkaError | None] = []
    # Not idempotent: who may write nothing at all would be refused before the topic is looked at.
    producer = Producer({**settings.librdkafka(), "acks": "all", "log_level": 0})
    producer.produce(
        topic,
        key="330",
        value=b"{}",
        partition=0,
        timestamp=time.time_ns() // 1_000_000 + ahead_ms,
        on_delivery=lambda error, _: reports.append(error),
    )
    assert producer.flush(60) == 0
    return reports[0]


def read(settings: KafkaSettings, topic: str, group: str) -> KafkaError | None:
    """Read the topic's first partition from its beginning: None with the first message, else why there is none."""
    consumer = Consumer({**settings.librdkafka(), "group.id": group, "enable.auto.commit": False, "log_level": 0})

    def answers() -> list[KafkaError | None]:
        message = consumer.poll(1)
        if message is None:
            return []
        error = message.error()
        # Groups are another right: who has no group may still read, and this is about reading.
        return [] if error is not None and error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED else [error]

    try:
        hidden: KafkaError | None = consumer.list_topics(topic, timeout=60).topics[topic].error
        if hidden is not None:
            return hidden
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        return wait_for(answers, 60, f"a message of {topic}, or a refusal")[0]
    finally:
        consumer.close()


def first_error(configuration: Mapping[str, str], says: str = "") -> KafkaError | None:
    """Connect: None if the broker answers, else the first error the client saw that says so.

    A broker that dislikes a certificate says why and hangs up; on a busy machine the client may see only the latter. It
    tries again, and then sees the other.
    """
    errors: list[KafkaError] = []
    with_callback: dict[str, Any] = {**configuration, "log_level": 0, "error_cb": errors.append}
    client = AdminClient(with_callback)

    def outcome() -> list[KafkaError | None]:
        try:
            client.list_topics(timeout=1)
        except KafkaException:
            client.poll(0)
            return [error for error in errors if says in error.str()]
        return [None]

    try:
        return wait_for(outcome, 60, f"an answer, or an error that says {says!r}")[0]
    except TimeoutError as error:
        raise AssertionError(f"{error}; seen: {[each.str() for each in errors]}") from error
