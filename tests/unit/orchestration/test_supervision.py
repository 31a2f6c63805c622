"""What a watch decides, from what it sees."""

import dataclasses

import pytest

from orchestration.runtime import Application
from orchestration.supervision import Decision, Health, Outcome, Phase, Policy, Watch, decide

POLICY = Policy(
    start_seconds=100,
    stop_seconds=50,
    stuck_seconds=60,
    restarts=3,
    first_delay_seconds=10,
    longest_delay_seconds=30,
    settled_seconds=500,
)
NOW = 10_000.0


def look(
    state: str,
    watch: Watch,
    *,
    suspend: bool = False,
    watcher: str = "me#1",
    health: Health | None = None,
    not_running_since: float | None = None,
) -> Decision | None:
    seen = Application("ingest", "uid", "1", suspend=suspend, state=state, message="", watcher=watcher)
    return decide(watch, seen, health, watcher="me#1", not_running_since=not_running_since, now=NOW, policy=POLICY)


def outcome(decision: Decision | None) -> Outcome | None:
    return decision.outcome if decision else None


def watching(seconds: float = 1000, restarts: int = 0) -> Watch:
    return Watch(Phase.WATCHING, NOW - seconds, restarts)


def test_a_stream_that_runs_is_watched_on():
    """Nothing happens while it runs and nothing waits."""
    assert look("RUNNING", watching(), health=Health("f", 0, 10_000)) is None


def test_a_start_is_done_when_it_runs():
    """Starting ends with RUNNING, and the watch begins there."""
    found = look("RUNNING", Watch(Phase.STARTING, NOW - 5, restarts=2))
    assert found == Decision(Outcome.RUNS, "it runs", Watch(Phase.WATCHING, NOW, restarts=2))


@pytest.mark.parametrize("state", ["FAILED", "COMPLETED"])
def test_what_has_ended_is_restarted(state: str):
    """A stream does not end by itself: whatever it calls its end, it is started again."""
    found = look(state, watching())
    assert outcome(found) == Outcome.RESTART


@pytest.mark.parametrize(
    ("lag", "idle", "watched", "expected"),
    [
        (61, 61, 61, Outcome.RESTART),
        (60, 61, 61, None),
        (61, 60, 61, None),
        (61, 61, 60, None),
    ],
    ids=["stuck", "has not waited long", "commits", "was just started"],
)
def test_stuck_is_waiting_messages_and_no_commit(lag: float, idle: float, watched: float, expected: Outcome | None):
    """All three must last longer than the policy says: the wait, the silence, and the time since the start."""
    assert outcome(look("RUNNING", watching(watched), health=Health("f", lag, idle))) == expected


def test_the_runners_own_restart_is_waited_for():
    """Between two drivers the runner mends by itself; only when that takes too long, the watch does."""
    assert look("FAILING", watching(), not_running_since=NOW - 100) is None
    assert outcome(look("FAILING", watching(), not_running_since=NOW - 101)) == Outcome.RESTART


def test_delays_grow_to_their_limit_then_the_watch_gives_up():
    """10, 20, 30 seconds; the fourth restart in a row is not tried."""
    delays, watch = [], watching()
    while (found := look("FAILED", watch)) and found.outcome == Outcome.RESTART:
        delays.append(found.watch.not_before - NOW)
        watch = dataclasses.replace(found.watch, phase=Phase.WATCHING)
    assert delays == [10, 20, 30]
    assert found is not None
    assert found.outcome == Outcome.GIVE_UP
    assert "restarted 3 times in a row" in found.reason


def test_a_settled_stream_counts_anew():
    """Restarts of long ago do not count against it."""
    found = look("FAILED", watching(501, restarts=3))
    assert found is not None
    assert (found.outcome, found.watch.restarts) == (Outcome.RESTART, 1)
    assert outcome(look("FAILED", watching(500, restarts=3))) == Outcome.GIVE_UP


def test_a_restart_waits_for_the_end_and_for_its_time():
    """A new driver is asked for when the old one is gone and the delay is over, not before."""
    early, due = (Watch(Phase.RESTARTING, NOW - 5, 1, not_before=NOW + each) for each in (1, 0))
    assert look("SUSPENDING", due, suspend=True) is None
    assert look("SUSPENDED", early, suspend=True) is None
    assert look("SUSPENDED", due, suspend=True) == Decision(
        Outcome.START, "it is down", Watch(Phase.STARTING, NOW, 1, not_before=NOW)
    )


def test_a_stop_is_done_when_it_is_down():
    """Stopping ends with SUSPENDED, or with what had ended before."""
    stopping = Watch(Phase.STOPPING, NOW - 5)
    assert look("SUSPENDING", stopping, suspend=True) is None
    assert [outcome(look(each, stopping, suspend=True)) for each in ("SUSPENDED", "FAILED")] == [Outcome.STOPPED] * 2


def test_what_does_not_end_needs_a_person():
    """A driver that outlives its time to end is not doubled: the watch gives up."""
    for phase in (Phase.STOPPING, Phase.RESTARTING):
        assert outcome(look("SUSPENDING", Watch(phase, NOW - 51), suspend=True)) == Outcome.GIVE_UP


def test_who_was_relieved_does_nothing():
    """Another watcher's name in the object ends this watch, whatever the state."""
    for state in ("RUNNING", "FAILED", "SUSPENDED"):
        assert outcome(look(state, watching(), watcher="another#1")) == Outcome.RELIEVED


def test_an_object_made_again_is_taken_up():
    """Removed and put back by Argo CD, suspended and nobody's: that is no other watch, and it is started."""
    assert outcome(look("SUSPENDED", watching(), suspend=True, watcher="")) == Outcome.RESTART
    assert outcome(look("SUSPENDED", Watch(Phase.RESTARTING, NOW - 5), suspend=True, watcher="")) == Outcome.START


def test_a_suspension_from_outside_is_a_finding():
    """Somebody who suspends a stream behind Airflow's back is not overruled, and not ignored."""
    assert outcome(look("SUSPENDED", watching(), suspend=True)) == Outcome.GIVE_UP


def test_a_watch_survives_being_written_down():
    """What goes through Airflow's database comes back equal."""
    watch = Watch(Phase.RESTARTING, NOW, 2, NOW + 5)
    assert Watch.of(watch.fields()) == watch
