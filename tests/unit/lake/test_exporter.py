"""What the exporter makes of what it has read."""

import threading
from collections.abc import Iterator
from datetime import date

import pytest
from prometheus_client import CollectorRegistry, Metric

from lake.exporter.completeness import State, Total, claimed, judge
from lake.exporter.exporter import Exporter
from lake.exporter.families import Family
from lake.exporter.tables import SMALL_BYTES, small
from lake.request_metrics import RequestMetrics
from lake.sequences import SeqState
from tests.support.waiting import wait_for

REGISTER = "330:1:0123456789ab"
SEEN = SeqState({REGISTER: (1, 3, 5, 7, 10, 12)})


@pytest.mark.parametrize(
    ("first", "last", "refused", "closed", "state", "absent"),
    [
        (1, 3, set(), True, State.COMPLETE, 0),
        (5, 4, set(), True, State.COMPLETE, 0),
        (1, 7, {4}, True, State.QUARANTINED, 0),
        (1, 7, set(), False, State.PENDING, 1),
        (1, 7, set(), True, State.MISSING, 1),
        (6, 14, {8}, True, State.MISSING, 3),
        (8, 9, {1, 2}, True, State.MISSING, 2),
        (10, 20, set(), True, State.MISSING, 8),
    ],
)
def test_a_registers_day(first: int, last: int, refused: set[int], closed: bool, state: State, absent: int):  # noqa: FBT001 - a table of cases
    """A day is judged by the holes in its range, less those in quarantine; an empty day is complete."""
    total = Total("330", "1", "0123456789ab", date(2026, 11, 20), first, last)
    assert judge(total, SEEN, {REGISTER: frozenset(refused)}, closed=closed) == (state, absent)


def test_a_register_nobody_has_heard_of():
    """A total whose register has no receipt in the lake lacks all of them."""
    total = Total("330", "9", "0123456789ab", date(2026, 11, 20), 1, 4)
    assert judge(total, SEEN, {}, closed=True) == (State.MISSING, 4)


def test_only_headers_that_name_an_event_are_claims():
    """Messages without headers, without an event id or with nonsense in it claim nothing."""
    event = {"key": "event_id", "value": f"{REGISTER}:4".encode()}
    wrong = [
        {"key": "event_id", "value": value} for value in (None, b"", b"x", b"\xff\xfe:1a", f"{REGISTER}:".encode())
    ]
    wrong.append({"key": "event_id", "value": f"{REGISTER}:{'9' * 5000}".encode()})
    other = {"key": "signature", "value": b"330:1:0123456789ab:5"}
    assert list(claimed([None, [], [other, event], *[[each] for each in wrong]])) == [(REGISTER, 4)]


def test_objects_that_could_be_joined():
    """Counted are small objects in partitions of ended days, less the one that each partition keeps."""
    objects = [
        ("dt=2026-11-20/hour=12/a", 10),
        ("dt=2026-11-20/hour=12/b", 10),
        ("dt=2026-11-20/hour=12/c", 10),
        ("dt=2026-11-20/hour=12/large", SMALL_BYTES),
        ("dt=2026-11-20/hour=13/alone", 10),
        ("dt=2026-11-21/hour=0/a", 10),
        ("dt=2026-11-21/hour=0/b", 10),
        ("feed=pos.receipts/dt=2026-11-19/a", 10),
        ("feed=pos.receipts/dt=2026-11-19/b", 10),
        ("without-a-date-a", 10),
        ("without-a-date-b", 10),
    ]
    assert small(objects, date(2026, 11, 20)) == 3


def test_answers_of_s3_are_counted_and_some_are_no_errors():
    """Each try counts; that an object is not there, or was changed, is an answer and no error."""
    registry = CollectorRegistry()
    metrics = RequestMetrics(registry)
    for code in ("", "NoSuchKey", "PreconditionFailed", "AccessDenied", "SlowDown"):
        metrics.count("response-received.s3.GetObject", parsed_response={"Error": {"Code": code}} if code else {})
    metrics.count("response-received.s3.GetObject", exception=TimeoutError())
    operation = {"operation": "GetObject"}
    assert registry.get_sample_value("tillstream_s3_requests_total", operation) == 6
    errors = {
        code: registry.get_sample_value("tillstream_s3_errors_total", operation | {"code": code})
        for code in ("NoSuchKey", "PreconditionFailed", "AccessDenied", "SlowDown", "TimeoutError")
    }
    assert errors == {
        "NoSuchKey": None,
        "PreconditionFailed": None,
        "AccessDenied": 1,
        "SlowDown": 1,
        "TimeoutError": 1,
    }


class Slow:
    """A part that is looked at every five minutes, once there is something to be seen."""

    name = "slow"
    every_seconds = 300.0
    families = (Family("seen", "It was seen."),)

    def __init__(self, *samples: tuple[list[str], float]) -> None:
        self._samples = samples

    def look(self) -> None:
        """There is nothing else to see."""

    def metrics(self) -> Iterator[Metric]:
        yield self.families[0].of(self._samples)


@pytest.mark.parametrize(
    ("part", "times_as_often", "least_pause", "expected"),
    [
        (Slow(([], 1)), 1, 0, 300),
        (Slow(), 1, 0, 15),
        (Slow(([], 1)), 10, 5, 30),
        (Slow(), 10, 5, 5),
        (Slow(([], 1)), 60, 1, 5),
    ],
)
def test_a_part_is_looked_at_at_its_own_pace(part: Slow, times_as_often: int, least_pause: float, expected: float):
    """Sooner where nothing was there; more often where a run has less time, but never without the pause."""
    exporter = Exporter([part], CollectorRegistry(), times_as_often, least_pause)
    assert exporter._pause_seconds(part) == expected


class Failing(Slow):
    """A part whose look ends in something that nobody has thought of."""

    name = "failing"

    def look(self) -> None:
        raise ValueError("a row as nobody has seen one")


class Hanging(Slow):
    """A part whose look does not come back until it is let go."""

    name = "hanging"

    def __init__(self, stop: threading.Event) -> None:
        super().__init__()
        self._stop = stop

    def look(self) -> None:
        self._stop.wait()


class Quick(Slow):
    """A part that says when it was looked at a second time."""

    name = "quick"
    every_seconds = 0.001

    def __init__(self) -> None:
        super().__init__(([], 1))
        self.looks = 0
        self.again = threading.Event()

    def look(self) -> None:
        self.looks += 1
        if self.looks > 1:
            self.again.set()


def test_no_part_holds_up_another():
    """A part that hangs or fails by a fault of the exporter's own is counted and told of by its age; the others are
    looked at all the same.
    """
    stop, registry, quick = threading.Event(), CollectorRegistry(), Quick()
    exporter = Exporter([Hanging(stop), Failing(([], 1)), quick], registry)
    failures = "tillstream_exporter_look_failures_total"
    running = threading.Thread(target=exporter.run, args=(stop,))
    running.start()
    try:
        assert quick.again.wait(60)
        # In a thread of its own, which may come to its look later.
        wait_for(lambda: registry.get_sample_value(failures, {"part": "failing"}), 60, "a look that fails")
    finally:
        stop.set()
        running.join(60)
    assert not running.is_alive()
    assert registry.get_sample_value(failures, {"part": "failing"}) == 1
    assert registry.get_sample_value(failures, {"part": "quick"}) == 0
