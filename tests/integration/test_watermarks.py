import re

import pytest
from confluent_kafka import Uuid

from tests.support.broker import Kafka
from topics.errors import TopicsError
from topics.watermarks import topic_id, watermarks

pytestmark = pytest.mark.integration


def test_a_topic_says_where_it_begins_and_ends(kafka: Kafka) -> None:
    """A reader learns each partition's first offset and next one, and the topic's id as Kafka spells it."""
    topic = kafka.new_topic(partitions=2)
    producer = kafka.producer()
    for _ in range(3):
        producer.produce(topic, b"x", partition=1)
    assert producer.flush(60) == 0
    found = watermarks(kafka.connection_of("quality"), topic)
    assert (found.low, found.high) == ({0: 0, 1: 0}, {0: 0, 1: 3})
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", found.topic_id)


def test_a_topic_that_does_not_exist_is_an_error(kafka: Kafka) -> None:
    """Asking for an unknown topic ends with a sentence that says how to go on."""
    with pytest.raises(TopicsError, match="topics plan"):
        watermarks(kafka.connection_of("quality"), "no.such.topic")


def test_ids_are_fit_for_names() -> None:
    """An id with the two characters that librdkafka spells otherwise is spelled as Kafka does."""
    assert topic_id(Uuid(-1, -5)) == "____________________-w"
