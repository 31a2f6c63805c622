"""Which faults may begin beside one that is not over yet, and which are drilled once more."""

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace

import pytest

from drill.model import Alert, Fault, Part
from drill.runner import Outcome, clash
from drill.story import Story, Stranger
from local.monitoring.alertmanager import routes

RULES = routes()["inhibitRules"]


def fault(name: str, breaks: Iterable[Part] = (), needs: Iterable[Part] = (), *, falls_silent: bool = False) -> Fault:
    return Fault(
        "a fault",
        lambda _: nullcontext(),
        (Alert(name),),
        breaks=frozenset(breaks),
        needs=frozenset(needs),
        falls_silent=falls_silent,
    )


def beside(other: Fault, *, repaired: float = 0) -> Story:
    return Story(other, [], repaired=repaired)


@pytest.mark.parametrize(
    ("begins", "active", "expected"),
    [
        (fault("StoreSilent"), fault("ArgoApplicationOutOfSync"), (False, False)),
        # Both break the same: one after the other.
        (fault("StoreSilent", [Part.STORES]), fault("OutboxNearFull", [Part.STORES], [Part.STORES]), (True, False)),
        # One breaks what the other needs: until the one who needs it has seen the end.
        (fault("S3Denied", [Part.EXPORTER]), fault("OutboxAgeing", needs=[Part.EXPORTER]), (True, True)),
        (fault("OutboxAgeing", needs=[Part.EXPORTER]), fault("S3Throttled", [Part.EXPORTER]), (True, False)),
        # The routes let one hold the other back, whichever comes first.
        (fault("StreamDown"), fault("LagGrowing"), (True, True)),
        (fault("LagGrowing"), fault("StreamDown"), (True, True)),
        # Beside silence nothing is told.
        (fault("Watchdog", falls_silent=True), fault("StoreSilent"), (True, True)),
        (fault("StoreSilent"), fault("Watchdog", falls_silent=True), (True, True)),
    ],
)
def test_what_may_begin(begins: Fault, active: Fault, expected: tuple[bool, bool]):
    """Expected is whether they clash while the other is broken, and once it is mended and not over yet."""
    assert (clash(begins, beside(active), RULES), clash(begins, beside(active, repaired=1), RULES)) == expected


def seen(told: str, *problems: str) -> Story:
    return Story(replace(fault("StreamDown"), told=told), [], problems=list(problems))


def test_what_went_wrong_beside_others_counts_as_it_went_the_second_time():
    """A fault that went wrong, or in whose moment a stranger was told, is drilled once more; both are said."""
    fine, late, disturbed = seen("fine"), seen("late", "too late"), seen("disturbed")
    first = Outcome([fine, late, disturbed], [Stranger("StreamDown", 5, [disturbed])])
    assert [each.told for each in first.doubtful] == ["late", "disturbed"]
    again = seen("late"), seen("disturbed", "still so")
    found = first.amended(Outcome(again, []))
    assert found.stories == [fine, *again]
    assert found.problems == ["disturbed: still so"]
    assert found.excused == first.problems


def test_what_nothing_was_broken_for_is_not_excused():
    """An alert that was told while nothing was broken cannot be drilled again, and stays a problem."""
    first = Outcome([seen("late", "too late")], [Stranger("BrokerDown", 5, [])])
    found = first.amended(Outcome([seen("late")], []))
    assert found.problems == first.problems[1:]
    assert found.excused == first.problems[:1]
