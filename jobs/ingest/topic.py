"""What the broker says of a topic, asked beside Spark: its id, its partitions, where it begins."""

from topics import watermarks
from topics.connection import Connection
from topics.settings import KafkaSettings
from topics.watermarks import TopicFacts


class Topics:
    """Asks the broker with the rights of the stream itself.

    Every method raises TopicsError where the broker does not know the topic or cannot be reached.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._broker = Connection.to(settings)

    def facts(self, topic: str) -> TopicFacts:
        return watermarks.facts(self._broker, topic)

    def earliest(self, topic: str, partitions: int) -> dict[int, int]:
        """By partition, the first offset that the broker still has."""
        return watermarks.earliest(self._broker, topic, partitions)
