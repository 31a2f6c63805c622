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


@contextmanager
def meanwhile(act: Callable[[threading.Event], None]) -> Iterator[None]:
    """Have a thread act until the block ends, which sets the event. What the thread failed of is raised then."""
    stop = threading.Event()
    with ThreadPoolExecutor(1, "meanwhile") as pool:
        acting = pool.submit(act, stop)
        try:
            yield
        finally:
            stop.set()
        acting.result()


class Patience:
    """Ends every wait when the drill is called off."""

    def __init__(self) -> None:
        self._over = threading.Event()

    def call_off(self) -> None:
        self._over.set()

    @property
    def is_over(self) -> bool:
        return self._over.is_set()

    def pause(self, seconds: float) -> None:
        """Let time pass that the fault itself needs. Raise DrillError where the drill is called off."""
        if self._over.wait(seconds):
            raise DrillError("The drill was called off.")

    def await_(self, condition: Callable[[], T], seconds: float, what: str | Callable[[], str]) -> T:
        """The first truthy value of the condition. Raise DrillError that says `what` did not come after so long."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise DrillError(f"Not within {seconds:.0f} s: {what if isinstance(what, str) else what()}.")
            self.pause(POLL_SECONDS)
        return value
