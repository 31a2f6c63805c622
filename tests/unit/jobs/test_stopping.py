"""How the application ends, told from queries that end in every way there is."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from jobs.ingest import stopping

ASKED = "Traceback (most recent call last):\n    raise StopRequested\njobs.ingest.stopping.StopRequested"


class Query:
    """A query in a batch, which ends with `cause` once a stop is asked for (None: only when it is cut off)."""

    def __init__(self, name: str, stop: threading.Event, cause: str | None, *, at_once: bool = False) -> None:
        self.name = name
        self._stop = stop
        self._cause = cause
        self._at_once = at_once
        self.cut_off = False

    @property
    def isActive(self) -> bool:  # noqa: N802 - Spark's name
        return not (self.cut_off or (self._cause and (self._at_once or self._stop.is_set())))

    @property
    def status(self) -> dict[str, bool]:
        return {"isTriggerActive": True}

    def exception(self) -> Exception | None:
        return Exception(self._cause) if self._cause and not self.isActive else None

    def stop(self) -> None:
        self.cut_off = True


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "POLL_SECONDS", 0.001)
    monkeypatch.setattr(stopping, "GRACE_SECONDS", 0.05)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def ended(stop: threading.Event) -> Callable[..., tuple[int, list[tuple[str, str]]]]:
    def run(*queries: Any) -> tuple[int, list[tuple[str, str]]]:
        failures: list[tuple[str, str]] = []
        return stopping.await_end(queries, stop, lambda *failure: failures.append(failure)), failures

    return run


def test_a_stop_between_two_batches_is_no_failure(stop: threading.Event, ended: Any):
    """Queries that end as they were asked to, or are cut off in a batch that takes too long, have not failed."""
    stop.set()
    slow = Query("slow", stop, None)
    assert ended(Query("good", stop, ASKED), slow) == (0, [])
    assert slow.cut_off


def test_a_batch_that_fails_after_the_stop_has_failed(stop: threading.Event, ended: Any):
    """What goes wrong in the last batch before the end is counted, told and the exit code."""
    stop.set()
    assert ended(Query("good", stop, ASKED), Query("bad", stop, "S3 is away")) == (1, [("bad", "S3 is away")])


def test_nobody_asked_for_the_end(stop: threading.Event, ended: Any):
    """A query that Spark ends without an exception, as when its context goes, has failed: nobody asked for it."""
    gone = Query("gone", stop, None)
    gone.stop()
    assert ended(gone, Query("good", stop, ASKED)) == (
        1,
        [("gone", "it ended without an error, and nobody asked for that")],
    )


def test_a_failure_stops_the_others_and_each_is_told(stop: threading.Event, ended: Any):
    """The first failure asks the others to stop; one that then fails, too, is told beside it."""
    first, second = Query("first", stop, "S3 is away", at_once=True), Query("second", stop, "and so is Kafka")
    assert ended(first, second) == (1, [("first", "S3 is away"), ("second", "and so is Kafka")])
