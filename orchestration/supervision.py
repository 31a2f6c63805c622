"""When a stream is well, when it is to be restarted, and when to give up: a pure function of what was seen.

    starting -> watching -> restarting -> starting …, with growing delays; after so many in a row: given up
    stopping -> stopped

Every step from one phase to the next goes through Airflow's database, so a triggerer that dies forgets nothing but
how long it has looked.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, Self

from orchestration.runtime import RUNNING, Application


class Phase(StrEnum):
    STARTING = "starting"
    WATCHING = "watching"
    # Down to be started again, not before `not_before`.
    RESTARTING = "restarting"
    STOPPING = "stopping"


class Outcome(StrEnum):
    """What an operator has to do about it."""

    RUNS = "runs"
    RESTART = "restart"
    START = "start"
    STOPPED = "stopped"
    RELIEVED = "relieved"
    GIVE_UP = "give up"


@dataclass(frozen=True)
class Policy:
    """`stuck_seconds`: so long may messages wait with nothing committed. The n-th restart in a row waits
    `first_delay_seconds` times 2 to the n-1, at most `longest_delay_seconds`; after `restarts` the watch gives up.
    A stream that has run for `settled_seconds` begins to count anew.
    """

    poll_seconds: float = 5
    health_seconds: float = 30
    start_seconds: float = 600
    stop_seconds: float = 300
    stuck_seconds: float = 600
    restarts: int = 5
    first_delay_seconds: float = 15
    longest_delay_seconds: float = 300
    settled_seconds: float = 1800

    def delay_seconds(self, restarts: int) -> float:
        return float(min(self.first_delay_seconds * 2**restarts, self.longest_delay_seconds))


@dataclass(frozen=True)
class Watch:
    """What is known from one phase to the next. Times are Unix seconds."""

    phase: Phase
    since: float
    restarts: int = 0
    not_before: float = 0

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        return cls(**{**fields, "phase": Phase(fields["phase"])})

    def fields(self) -> dict[str, Any]:
        return asdict(self) | {"phase": self.phase.value}


@dataclass(frozen=True)
class Health:
    """`lag_seconds`: for how long the oldest message that is not in the lake has waited, as far as was watched; 0 when
    none waits. `idle_seconds`: the age of the last committed batch. Both of the feed that is worst off.
    """

    feed: str
    lag_seconds: float
    idle_seconds: float

    def __str__(self) -> str:
        last = "no batch yet" if self.idle_seconds == float("inf") else f"last batch {self.idle_seconds:.0f} s ago"
        return f"{self.feed}: lag {self.lag_seconds:.0f} s, {last}"


@dataclass(frozen=True)
class Decision:
    outcome: Outcome
    reason: str
    watch: Watch


def decide(  # noqa: PLR0911 - one return a finding
    watch: Watch,
    seen: Application,
    health: Health | None,
    *,
    watcher: str,
    not_running_since: float | None,
    now: float,
    policy: Policy,
) -> Decision | None:
    """What is to be done, or None: go on looking. `not_running_since` is None while it runs; `health` while unknown."""
    if seen.watcher not in {watcher, ""}:
        return Decision(Outcome.RELIEVED, f"{seen.watcher} watches it now", watch)
    if watch.phase in {Phase.STOPPING, Phase.RESTARTING}:
        return _while_going_down(watch, seen, now, policy)
    if not seen.watcher:
        return _restart(watch, "its object was removed and made again", now, policy)
    if seen.suspend:
        return _give_up(watch, "it was suspended by somebody outside Airflow")
    if seen.has_ended:
        return _restart(watch, f"it is {seen.state}: {seen.message or 'no reason is given'}", now, policy)
    if seen.state != RUNNING:
        absent = watch.since if watch.phase == Phase.STARTING else (not_running_since or now)
        if now - absent <= policy.start_seconds:
            return None
        return _restart(watch, f"it is {seen.state or 'NEW'} after {now - absent:.0f} s", now, policy)
    if watch.phase == Phase.STARTING:
        return Decision(Outcome.RUNS, "it runs", replace(watch, phase=Phase.WATCHING, since=now))
    if health and is_stuck(health, now - watch.since, policy):
        return _restart(watch, f"it is stuck ({health})", now, policy)
    return None


def is_stuck(health: Health, watched_seconds: float, policy: Policy) -> bool:
    """Messages wait, and nothing was committed: neither for so long, nor since it was started so long ago."""
    return min(health.lag_seconds, health.idle_seconds, watched_seconds) > policy.stuck_seconds


def _while_going_down(watch: Watch, seen: Application, now: float, policy: Policy) -> Decision | None:
    if not seen.is_down:
        if now - watch.since <= policy.stop_seconds:
            return None
        return _give_up(watch, f"it is still {seen.state or 'NEW'} {now - watch.since:.0f} s after it was asked to end")
    if watch.phase == Phase.STOPPING:
        return Decision(Outcome.STOPPED, f"it is {seen.state}", watch)
    if now < watch.not_before:
        return None
    return Decision(Outcome.START, "it is down", replace(watch, phase=Phase.STARTING, since=now))


def _restart(watch: Watch, reason: str, now: float, policy: Policy) -> Decision:
    settled = watch.phase == Phase.WATCHING and now - watch.since > policy.settled_seconds
    restarts = 0 if settled else watch.restarts
    if restarts >= policy.restarts:
        return _give_up(watch, f"{reason}; it was restarted {restarts} times in a row")
    not_before = now + policy.delay_seconds(restarts)
    return Decision(Outcome.RESTART, reason, Watch(Phase.RESTARTING, now, restarts + 1, not_before))


def _give_up(watch: Watch, reason: str) -> Decision:
    return Decision(Outcome.GIVE_UP, reason, watch)
