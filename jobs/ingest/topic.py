"""What the broker says of a topic, asked beside Spark: its id, its partitions, where it begins."""

from dataclasses import dataclass

from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import OffsetSpec

from jobs.errors import IngestError
from topics.connection import connect
from topics.settings import KafkaSettings
from topics.watermarks import topic_id

TIMEOUT_SECONDS = 20


@dataclass(frozen=True)
class TopicFacts:
    topic_id: str
    partitions: int


class Topics:
    """Asks the broker with the rights of the stream itself. Raises TopicsError where it cannot be reached."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._admin = connect(settings)

    def facts(self, topic: str) -> TopicFacts:
        """Raise IngestError where the broker does not know the topic or does not answer."""
        try:
            described = self._admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_SECONDS)[
                topic
            ].result()
        except KafkaException as error:
            raise _unanswered(topic, error) from error
        return TopicFacts(topic_id(described.topic_id), len(described.partitions))

    def earliest(self, topic: str, partitions: int) -> dict[int, int]:
        """By partition, the first offset that the broker still has."""
        asked = {
            TopicPartition(topic, partition): OffsetSpec.earliest()  # type: ignore[no-untyped-call] # confluent-kafka's own
            for partition in range(partitions)
        }
        try:
            answers = self._admin.list_offsets(asked, request_timeout=TIMEOUT_SECONDS)
            return {where.partition: answer.result().offset for where, answer in answers.items()}
        except KafkaException as error:
            raise _unanswered(topic, error) from error


def _unanswered(topic: str, error: KafkaException) -> IngestError:
    return IngestError(
        f"The broker does not describe {topic}: {error}. Nothing was started; `tillstream topics plan` says whether it "
        "exists and who may read it."
    )
