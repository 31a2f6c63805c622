import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T], timeout_seconds: float, what: str | Callable[[], str], poll_seconds: float = 0.05
) -> T:
    """Return the first truthy value of `condition`, or fail with `what` after the time-out, which may be asked then."""
    deadline = time.monotonic() + timeout_seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout_seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(poll_seconds)
    return value
