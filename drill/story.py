"""What was seen of a fault, from the moment it was injected until all of its alerts have resolved."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from drill.model import Alert, Fault
from drill.pace import short
from drill.witness import Labels, Notification, Sight

# What follows from a fault may be told when it is over: as long as the fast burn rate looks back, for which a hiccup is
# enough then, and a route waits.
AFTERMATH_SECONDS = short(4200)
# Whose receiver hears of an alert of a severity.
RECEIVERS = {"page": "oncall", "ticket": "tickets", "watchdog": "watchdog"}


@dataclass
class Row:
    """What was seen of one alert. Seconds count from the fault, `resolved_seconds` from its repair; of an alert whose
    silence is noticed, that is when it was heard again.
    """

    alert: Alert
    severity: str
    fired_seconds: float | None = None
    notified_seconds: float | None = None
    resolved_seconds: float | None = None
    receivers: set[str] = field(default_factory=set)


@dataclass
class Story:
    """Moments are Unix seconds, 0 before they have come: when the injection began, when the fault was there, when it
    was mended, and when nothing of it fired any more.
    """

    fault: Fault
    rows: Sequence[Row]
    began: float = field(default_factory=time.time)
    broken: float = 0.0
    repaired: float = 0.0
    ended: float = 0.0
    # Until its first look, that of an earlier fault may have ended just before.
    fired_before: float = field(default_factory=time.time)
    held_back: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, fault: Fault, severities: Mapping[str, str]) -> "Story":
        return cls(fault, [Row(alert, severities[alert.name]) for alert in fault.alerts])

    def lingers(self, sight: Sight) -> list[str]:
        """Alerts of the fault that linger, though it has not begun: nobody is told again of what fires already, nor
        before they were told that it has resolved. That may have been held back, so it counts for a while only.
        """
        found, last = [], sight.at - AFTERMATH_SECONDS
        for alert in self.fault.alerts:
            if any(alert.is_(labels) for labels in sight.firing):
                self.fired_before = sight.at
                found.append(str(alert))
            elif _still_told([each for each in sight.told if alert.is_(each.labels)]) and last < self.fired_before:
                found.append(str(alert))
        return found

    def note(self, sight: Sight) -> None:
        """Take down what is new."""
        self.held_back |= {
            name for name, causes in sight.held_back.items() if any(self.fault.must_set_off(cause) for cause in causes)
        }
        for row in self.rows:
            told = [each for each in sight.told if row.alert.is_(each.labels)]
            # Of an earlier fault somebody may be told once more that it is over.
            told_that_it_fires = [each for each in told if each.firing]
            fires = any(row.alert.is_(labels) for labels in sight.firing)
            if row.fired_seconds is None and (fires or told_that_it_fires):
                row.fired_seconds = max(0.0, sight.at - self.broken)
            row.receivers |= {each.receiver for each in told}
            if row.notified_seconds is None and told_that_it_fires:
                row.notified_seconds = max(0.0, told_that_it_fires[0].at - self.broken)
            if self.repaired and self.fault.falls_silent:
                again = [each.at for each in told if each.at >= self.repaired]
                row.resolved_seconds = again[0] - self.repaired if again else None
            elif self.repaired and told_that_it_fires and not fires and not _still_told(told):
                row.resolved_seconds = max(0.0, told[-1].at - self.repaired)

    @property
    def is_told(self) -> bool:
        """Whether all has fired that must, and was told unless it is held back by another of the fault's alerts."""
        return all(
            row.fired_seconds is not None and (row.notified_seconds is not None or row.alert in self.fault.follows)
            for row in self.rows
        )

    @property
    def is_over(self) -> bool:
        return all(row.resolved_seconds is not None for row in self.rows)

    def missing(self) -> str:
        """What has not been seen yet, in words."""
        return "; ".join(filter(None, map(self._missing, self.rows)))

    def _missing(self, row: Row) -> str:
        if row.fired_seconds is None:
            return f"{row.alert} fires"
        if row.notified_seconds is None:
            return f"{RECEIVERS[row.severity]} is told of {row.alert}"
        return f"{row.alert} resolves" if row.resolved_seconds is None else ""

    def wrong_receivers(self) -> list[str]:
        return [
            f"{', '.join(sorted(row.receivers))} was told of {row.alert}, not {RECEIVERS[row.severity]}"
            for row in self.rows
            if row.receivers - {RECEIVERS[row.severity]}
        ]


@dataclass(frozen=True)
class Stranger:
    """An alert that somebody was told of at a moment (Unix seconds) when no fault explained it. `present` are the
    stories of the faults that there were then: its cause is one of them, or nothing that was broken.
    """

    alert: str
    at: float
    present: Sequence[Story]

    def __str__(self) -> str:
        faults = "; ".join(story.fault.told for story in self.present) or "nothing was broken"
        return f"Somebody was told of {self.alert}, which nothing that was broken then sets off: {faults}"


def strangers(stories: Sequence[Story], told: Iterable[Notification], known: Iterable[str]) -> list[Stranger]:
    """What fired and was told though no fault of that moment sets it off, once for each alert and company of faults.
    `known` are the names of alerts that fire in any case.
    """
    found: dict[tuple[str, tuple[str, ...]], Stranger] = {}
    for each in told:
        if not each.firing or each.labels["alertname"] in known or any(_explains(story, each) for story in stories):
            continue
        present = [story for story in stories if story.began <= each.at <= story.ended]
        stranger = Stranger(_named(each.labels), each.at, present)
        found.setdefault((stranger.alert, tuple(story.fault.told for story in present)), stranger)
    return list(found.values())


def _explains(story: Story, told: Notification) -> bool:
    """What a fault must set off is over with it, unless it went wrong: that is no reason to doubt those beside it."""
    after = AFTERMATH_SECONDS if story.problems or story.fault.may_follow(told.labels) else 0
    return story.fault.owns(told.labels) and story.began <= told.at <= story.ended + after


def _named(labels: Labels) -> str:
    told = {name: value for name, value in labels.items() if name not in {"alertname", "severity", "environment"}}
    return str(Alert(labels["alertname"], told))


def _still_told(told: Sequence[Notification]) -> bool:
    """Whether somebody was told that it fires, and not yet that it has resolved."""
    newest = {frozenset(each.labels.items()): each.firing for each in told}
    return any(newest.values())
