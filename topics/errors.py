from contracts.errors import TillstreamError


class SettingsError(TillstreamError):
    """The settings of a Kafka client are incomplete or contradict each other."""


class TopicsError(TillstreamError):
    """Kafka could not be read or changed."""
