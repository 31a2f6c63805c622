"""What a dashboard is made of, as values. `dashboards.grafana` makes Grafana's JSON of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["timeseries", "stat", "table", "tiles"]
Colour = Literal["green", "yellow", "red"]
WIDTH = 24
"""Columns of Grafana's grid."""


@dataclass(frozen=True)
class Query:
    """`legend` names a line by its labels, as `{{feed}}`."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Threshold:
    """From `value` on, a panel has this colour. The first one holds for everything below it, too."""

    value: float
    colour: Colour


ANY_IS_BAD = (Threshold(0, "green"), Threshold(1, "red"))


def red_from(value: float, yellow: float | None = None) -> tuple[Threshold, ...]:
    """Green, perhaps yellow, then red: at the value at which the alert of a panel fires."""
    between = () if yellow is None else (Threshold(yellow, "yellow"),)
    return (Threshold(0, "green"), *between, Threshold(value, "red"))


@dataclass(frozen=True)
class Panel:
    """`unit` is Grafana's name of it. `told` says what is looked at, and when it is bad. `runbook`: an alert's name.

    `thresholds_of` are those of single lines, by legend. A `stacked` panel's lines add up to a whole.
    """

    title: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str
    told: str
    width: int = 8
    height: int = 7
    thresholds: tuple[Threshold, ...] = ()
    thresholds_of: Mapping[str, tuple[Threshold, ...]] = field(default_factory=dict)
    minimum: float | None = 0
    stacked: bool = False
    runbook: str = ""


@dataclass(frozen=True)
class Variable:
    """A choice at the top: the values of a label; all of them at first. Panels filter by `label=~"$name"`."""

    name: str
    label: str
    metric: str


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    uid: str
    title: str
    told: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = ()
