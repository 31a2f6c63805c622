"""Looking at things of which some cannot be seen: that hides none of the others."""

from collections.abc import Callable, Iterable

from botocore.exceptions import BotoCoreError, ClientError
from deltalake.exceptions import DeltaError

from contracts.errors import TillstreamError
from lake.errors import LakeError

FAILURES = (TillstreamError, DeltaError, BotoCoreError, ClientError, OSError)
"""What a look at S3 may end in."""


class Unseen(LakeError):  # noqa: N818 - what became of a look
    """Some of what was looked for could not be seen; the rest was."""


def look_at_each(names: Iterable[str], look: Callable[[str], None]) -> None:
    """Look at every one, whatever becomes of the others. Raise Unseen with all that failed, after the last one."""
    failed = {}
    for name in names:
        try:
            look(name)
        except FAILURES as error:
            failed[name] = error
    if failed:
        raise Unseen("; ".join(f"{name}: {error}" for name, error in failed.items()))
