"""What can go wrong with the lake."""

from contracts.errors import TillstreamError


class LakeError(TillstreamError):
    """The lake could not be read or written, or holds what it must not."""


class SettingsError(LakeError):
    """The lake's addresses are missing or malformed."""


class ObjectExists(LakeError):  # noqa: N818 - an answer more than a fault: somebody wrote it first
    """A conditional put found the object there, or changed, already."""


class ObjectMissing(LakeError):  # noqa: N818 - an answer more than a fault
    """There is no such object."""


class Unreadable(LakeError):  # noqa: N818 - what a table is
    """A table's objects cannot be read: one is gone or is not what the log says."""


class Fenced(LakeError):  # noqa: N818 - the state of a driver that must stop
    """Another driver writes this feed. This one must stop; it has added nothing that the other did not."""
