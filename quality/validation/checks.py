"""What is expected of a table and what was found: values only.

Every expectation is a number of violations that must not be above an allowed one, most often 0. So one kind of result
serves the judge, the ledger, the metrics and people; and the numbers are counted over every row, never over a sample.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.model import Severity


@dataclass(frozen=True, order=True)
class Part:
    """A partition of a table; without an hour, the whole business date."""

    dt: dt.date
    hour: int | None = None

    def __str__(self) -> str:
        return str(self.dt) if self.hour is None else f"{self.dt} hour {self.hour}"


@dataclass(frozen=True)
class Check:
    """What every row must be. `violated` is SQL over the table's columns that is true of a row that is not.

    A null is not true: only the check for nulls sees it, so that one fault is found by one expectation. `shown` are
    the columns that make a sample understood.
    """

    name: str
    description: str
    violated: str
    shown: tuple[str, ...] = ()
    severity: Severity = "error"


@dataclass(frozen=True)
class GroupCheck:
    """What rows must be together: a query that yields `hour`, `violations`, `sample`, a row for each hour that has any.

    It reads the views `rows` (of this table) and those named in `reads`, all of one business date, whose column `topic`
    stands for the topic's id. `$bucket(column)` in it is true of the rows whose turn it is: a large date is read in
    parts, so that memory does not grow with it.
    """

    name: str
    description: str
    query: str
    reads: tuple[str, ...] = ()
    severity: Severity = "error"


@dataclass(frozen=True)
class Suite:
    """Everything that is expected of one table of a feed."""

    feed: str
    table: str
    checks: tuple[Check, ...]
    groups: tuple[GroupCheck, ...]

    @property
    def name(self) -> str:
        return f"{self.feed}.{self.table}"


@dataclass(frozen=True)
class Expectation:
    """An expectation by name, whatever finds its violations."""

    name: str
    description: str
    severity: Severity


@dataclass(frozen=True)
class Found:
    """What one expectation found in one part of a table, or in what belongs to no part. `sample` shows a few."""

    expectation: Expectation
    part: Part | None
    violations: int
    allowed: int = 0
    sample: tuple[Mapping[str, Any], ...] = ()

    @property
    def holds(self) -> bool:
        return self.violations <= self.allowed


@dataclass(frozen=True)
class Outcome:
    """One expectation over all parts that were judged."""

    suite: str
    table: str
    version: int
    expectation: Expectation
    judged: int
    holds: bool
    failing: tuple[Part, ...]
    violations: int
    """Those of the failing parts; what is allowed does not count."""
    sample: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class TableReport:
    """A table judged at one version. `rows` are those that were read."""

    suite: Suite
    version: int
    rows: int
    parts: tuple[Part, ...]
    found: tuple[Found, ...]
    not_judged: Mapping[str, Sequence[Part]] = field(default_factory=dict)
    """By reason: parts that were not judged, or not by every expectation."""

    @property
    def outcomes(self) -> list[Outcome]:
        """By expectation, in the order of the suite."""
        by_expectation: dict[Expectation, list[Found]] = {}
        for each in self.found:
            by_expectation.setdefault(each.expectation, []).append(each)
        return [self._outcome(expectation, found) for expectation, found in by_expectation.items()]

    def _outcome(self, expectation: Expectation, found: Sequence[Found]) -> Outcome:
        failing = [each for each in found if not each.holds]
        return Outcome(
            suite=self.suite.name,
            table=self.suite.table,
            version=self.version,
            expectation=expectation,
            judged=len(found),
            holds=not failing,
            failing=tuple(sorted({each.part for each in failing if each.part}, key=_order)),
            violations=sum(each.violations for each in failing),
            sample=tuple(row for each in failing for row in each.sample)[:5],
        )

    @property
    def sound(self) -> bool:
        """Whether no expectation of severity error failed."""
        return all(each.holds or each.expectation.severity == "warning" for each in self.found)


def _order(part: Part) -> tuple[dt.date, int]:
    return part.dt, -1 if part.hour is None else part.hour
