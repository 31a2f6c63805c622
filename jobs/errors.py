"""What stops a stream, and what to type next."""

from contracts.errors import TillstreamError


class IngestError(TillstreamError):
    """A feed cannot be ingested safely. Nothing is committed that was not complete."""


class CheckpointLost(IngestError):  # noqa: N818 - the state that stops the stream
    """The tables hold commits of a generation whose Spark checkpoint is gone."""


class CheckpointDisagrees(IngestError):  # noqa: N818 - the state that stops the stream
    """Spark's checkpoint and the tables' log tell different stories by more than the batch in flight."""


class TopicChanged(IngestError):  # noqa: N818 - the state that stops the stream
    """The topic is not the one the tables were filled from: another id, or another number of partitions."""


class RangePlanChanged(IngestError):  # noqa: N818 - the state that stops the stream
    """A batch is not read as one contiguous range per partition."""


class OffsetsLost(IngestError):  # noqa: N818 - the state that stops the stream
    """Kafka's retention removed offsets before they were ingested."""


class OffsetsMissing(IngestError):  # noqa: N818 - the state that stops the stream
    """Kafka did not deliver offsets that the batch should contain."""
