"""Waits for what must come, and for nothing longer than that."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from contracts.errors import TillstreamError

T = TypeVar("T")
POLL_SECONDS = 0.25


class DrillError(TillstreamError):
    """What a drill waited for did not come."""


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
