from contracts.errors import TillstreamError


class OutboxError(TillstreamError):
    """The outbox cannot be used."""


class OutboxFull(OutboxError):  # noqa: N818 - a state to be handled, as queue.Full is
    """The outbox holds as many unsent messages as it may. Nothing was taken; nothing was dropped."""


class Conflict(OutboxError):  # noqa: N818 - as above
    """A receipt of that register, business date and number is in the outbox already, with another content."""


class TooLarge(OutboxError):  # noqa: N818 - as above
    """A message is longer than what the topic takes; it would block everything behind it."""


class SenderError(TillstreamError):
    """The sender stopped, because waiting would not help. What was not sent is in the outbox."""


class FleetError(TillstreamError):
    """The simulated fleet cannot run as asked."""


class KeyFileError(TillstreamError):
    """A file holds no key to sign with."""
