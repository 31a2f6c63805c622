"""Messages read elsewhere than by Spark, in the shape in which Spark gives them to the stream's tasks."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import pyarrow as pa
from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition

from jobs.errors import IngestError
from topics.settings import KafkaSettings

SCHEMA = pa.schema(
    [
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("us", tz="UTC")),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))),
        ("batch_time", pa.timestamp("us", tz="UTC")),
    ]
)
CHUNK_MESSAGES = 50_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# The beginning of the consumer groups that the topics' ACLs give to this workload.
_GROUP = "spark-ingest-replay"
_PATIENCE_SECONDS = 30
_TIMEOUT_SECONDS = 20


def as_table(rows: Iterable[Mapping[str, Any]], now: datetime) -> pa.Table:
    """Rows with all columns but `batch_time`, which is now."""
    return pa.Table.from_pylist([{**row, "batch_time": now} for row in rows], SCHEMA)


class TopicReader:
    """Reads ranges of a topic again. No group's offsets are moved by that."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._consumer = Consumer(
            {**settings.librdkafka(), "group.id": _GROUP, "enable.auto.commit": False, "auto.offset.reset": "error"}
        )

    @classmethod
    @contextmanager
    def connected(cls, settings: KafkaSettings) -> Iterator[Self]:
        reader = cls(settings)
        try:
            yield reader
        finally:
            reader._consumer.close()

    def since(self, topic: str, partitions: Sequence[int], moment: datetime) -> dict[int, int | None]:
        """By partition the first offset of this moment or later; None where there is none."""
        moment_ms = int(moment.timestamp() * 1000)
        asked = [TopicPartition(topic, partition, moment_ms) for partition in partitions]
        try:
            found = self._consumer.offsets_for_times(asked, timeout=_TIMEOUT_SECONDS)
        except KafkaException as error:
            raise _unreadable(topic, error) from error
        return {each.partition: None if each.offset == OFFSET_END else each.offset for each in found}

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[pa.Table]:
        """The messages from `start` to before `end`, in order. Raise IngestError where Kafka does not have them all."""
        self._consumer.assign([TopicPartition(topic, partition, start)])
        now, place = datetime.now(UTC), start
        while place < end:
            try:
                messages = self._consumer.consume(min(CHUNK_MESSAGES, end - place), timeout=_PATIENCE_SECONDS)
            except KafkaException as error:
                raise _unreadable(topic, error) from error
            if not messages:
                raise _unreadable(topic, f"nothing came for {_PATIENCE_SECONDS} s at offset {place} of {partition}")
            for each in messages:
                if fault := each.error():
                    raise _unreadable(topic, fault)
                if (offset := each.offset()) != place:
                    raise _unreadable(topic, f"offset {place} of partition {partition} was not delivered")
                place = offset + 1
            yield as_table((_row(each) for each in messages), now)
        self._consumer.unassign()


def _row(message: Message) -> dict[str, Any]:
    _, timestamp_ms = message.timestamp()
    return {
        "partition": message.partition(),
        "offset": message.offset(),
        "timestamp": _EPOCH + timedelta(milliseconds=timestamp_ms),
        "key": message.key(),
        "value": message.value(),
        "headers": [{"key": key, "value": value} for key, value in _pairs(message)],
    }


def _pairs(message: Message) -> list[tuple[str, bytes]]:
    headers: list[tuple[str, bytes]] = message.headers() or []  # type: ignore[assignment] # a dict is only ever given
    return headers


def _unreadable(topic: str, error: object) -> IngestError:
    return IngestError(
        f"{topic} cannot be read again: {error}. Nothing was changed; where it begins and ends: tillstream verify"
    )
