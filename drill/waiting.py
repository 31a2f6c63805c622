"""Waits for what must come, and for nothing longer than that."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from contracts.errors import TillstreamError

T = TypeVar("T")
POLL_SECONDS = 0.25


class DrillError(TillstreamError):
    """What a drill waited for did not come."""


def said(error: BaseException) -> str:
    """An error in words, with what was noted at it, and the one that was being dealt with when it came up: where a
    repair fails, what was broken has often failed before.
    """
    words = "; ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    first = error
    while first.__cause__:
        first = first.__cause__
    before = None if first.__suppress_context__ else first.__context__
    return f"{words} (before that: {said(before)})" if before else words


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have a thread act until the block ends, which sets the event. What the thread failed of is raised then, or noted
    at what the block itself failed of: it may be the cause.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(1, "meanwhile") as pool:
        acting = pool.submit(act, stop)
        try:
            yield
        except BaseException as error:
            stop.set()
            if beside := acting.exception():
                error.add_note(f"beside it: {said(beside)}")
            raise
        finally:
            stop.set()
        acting.result()


class Patience:
    """Ends every wait when the drill is called off."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._why = ""

    def call_off(self, why: str = "") -> None:
        """The first one says why."""
        with self._lock:
            if not self._over.is_set():
                self._why = why
            self._over.set()

    def pause(self, seconds: float) -> None:
        """Let time pass that the fault itself needs. Raise DrillError where the drill is called off."""
        if self._over.wait(seconds):
            raise DrillError(f"The drill was called off. {self._why}".strip())

    def await_(self, condition: Callable[[], T], seconds: float, what: str | Callable[[], str]) -> T:
        """The first truthy value of the condition. Raise DrillError that says `what` did not come after so long."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise DrillError(f"Not within {seconds:.0f} s: {what if isinstance(what, str) else what()}.")
            self.pause(POLL_SECONDS)
        return value
