"""What a drill is made of: faults, the alerts that they set off, and what was seen of each."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum

from drill.scene import Scene


class Part(StrEnum):
    """What a fault may break, or need as it is."""

    AIRFLOW = "Airflow"
    ALERTMANAGER = "Alertmanager"
    EXPORTER = "the lake exporter"
    INVENTORY = "the feed store.inventory"
    KAFKA = "the broker"
    LEDGER = "the quality ledger"
    RECEIPTS = "the feed pos.receipts"
    PROMPTNESS = "how soon a message is taken in"
    SECOND_BROKER = "a second broker"
    STORES = "the stores' heartbeats"
    STREAM = "the stream into the lake"
    TOTALS = "the feed store.control-totals"


FLOW = frozenset({Part.KAFKA, Part.STREAM, Part.EXPORTER})
"""The way from a store to what Prometheus is told of it."""


@dataclass(frozen=True)
class Alert:
    """An alert by its name and some of its labels."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    def is_(self, labels: Mapping[str, str]) -> bool:
        """Whether these are the labels of such an alert."""
        return labels.get("alertname") == self.name and self.labels.items() <= labels.items()

    def __str__(self) -> str:
        return f"{self.name}{{{', '.join(self.labels.values())}}}" if self.labels else self.name


@dataclass(frozen=True)
class Fault:
    """`told` says in a few words what is broken. `inject` breaks it on entry, and mends it on exit, whatever happens;
    `prepare` does before all faults what needs time to be old.

    `sets_off` must fire, reach the receiver of its severity, and resolve. `follows` must do so as well, but another
    alert of the fault may hold it back until that one has resolved. With `falls_silent` it is the other way round: the
    alert fires in any case, and its silence is what is noticed.

    `may_set_off` is what need not come, but is no surprise.

    No fault runs beside one that breaks what it breaks or needs. `stand_in`: why the real part cannot be broken here.
    """

    told: str
    inject: Callable[[Scene], AbstractContextManager[None]]
    sets_off: tuple[Alert, ...]
    follows: tuple[Alert, ...] = ()
    may_set_off: tuple[Alert, ...] = ()
    breaks: frozenset[Part] = frozenset()
    needs: frozenset[Part] = FLOW
    prepare: Callable[[Scene], None] | None = None
    falls_silent: bool = False
    stand_in: str = ""

    @property
    def alerts(self) -> tuple[Alert, ...]:
        return (*self.sets_off, *self.follows)

    def must_set_off(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert of these labels is one that this fault is there for."""
        return any(alert.is_(labels) for alert in self.alerts)

    def may_follow(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert of these labels is one that need not come of this fault, but may."""
        return any(alert.is_(labels) for alert in self.may_set_off)

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Whether an alert of these labels comes from this fault."""
        return self.must_set_off(labels) or self.may_follow(labels)

    def spoils(self, other: "Fault") -> bool:
        return bool(self.breaks & (other.breaks | other.needs))
