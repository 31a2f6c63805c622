"""Where our hash says a message goes, and where the client library really puts it."""

import random

import pytest

from contracts.partitioning import partition_for
from tests.support.broker import Kafka

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("partitions", [3, 6])
def test_librdkafka_sends_every_key_where_our_hash_says(kafka: Kafka, partitions: int):
    """Five hundred keys of all lengths and bytes arrive in the partition that partition_for names."""
    topic = kafka.new_topic(partitions=partitions)
    randomness = random.Random(7)
    keys = [str(store).encode() for store in range(457)]
    keys += [randomness.randbytes(length) for length in range(1, 44)]
    landed: dict[bytes, int] = {}
    producer = kafka.producer()
    for key in keys:
        producer.produce(
            topic,
            key=key,
            value=b"x",
            on_delivery=lambda _, message: landed.update({message.key(): message.partition()}),
        )
    assert producer.flush(60) == 0
    assert landed == {key: partition_for(key, partitions) for key in keys}
