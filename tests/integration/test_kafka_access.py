"""Who may do what on the broker: each refusal stands beside the same request allowed."""

import pytest
from confluent_kafka import KafkaError

from tests.support.broker import Kafka

pytestmark = pytest.mark.integration


def send(kafka: Kafka, store_id: str, topic: str) -> KafkaError | None:
    """Send one message as a store; its delivery report's error, or None once it is acknowledged."""
    errors: list[KafkaError | None] = []
    producer = kafka.producer(store_id)
    producer.produce(topic, key=store_id, value=b"{}", on_delivery=lambda error, _: errors.append(error))
    assert producer.flush(30) == 0
    return errors[0]


def test_store_writes_its_topics(kafka: Kafka):
    """A store's certificate may write every topic of the contracts."""
    assert send(kafka, "330", "pos.receipts.v1") is None


def test_workload_reads(kafka: Kafka):
    """What a store wrote is read by a workload that logs in by SCRAM."""
    topic = kafka.new_topic()
    assert send(kafka, "330", topic) is None
    consumer = kafka.consumer("quality")
    consumer.subscribe([topic])
    message = consumer.poll(30)
    consumer.close()
    assert message is not None
    assert message.error() is None
    assert message.value() == b"{}"
