"""What a report shows: measured by the demo, drawn by `plots`, laid out by `page`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from local.progress import Step

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
GIB = 1 << 30


@dataclass(frozen=True)
class Arrivals:
    """One entry a receipt of the lake, in no order; Unix seconds."""

    appended: Floats
    committed: Floats
    rung_up: Floats

    @property
    def latency_seconds(self) -> Floats:
        return self.committed - self.appended


@dataclass(frozen=True)
class StoreMoney:
    """Per store, in minor units: what the tills rang up and what the lake holds."""

    store_ids: Sequence[str]
    till: Integers
    lake: Integers


@dataclass(frozen=True)
class Trouble:
    """One kind of trouble that was made on purpose: what should have become of it, and what did."""

    what: str
    fate: str
    expected: int
    found: int
    # Some trouble has a lower bound only.
    at_least: bool = False

    @property
    def as_expected(self) -> bool:
        return self.found >= self.expected if self.at_least else self.found == self.expected


@dataclass(frozen=True)
class Memory:
    """Resident bytes by part of the stack, at each of the seconds since the beginning."""

    seconds: Floats
    parts: Mapping[str, Integers]

    @property
    def total(self) -> Integers:
        return sum(self.parts.values(), start=np.zeros(len(self.seconds), dtype=np.int64))

    @property
    def peak_bytes(self) -> int:
        return int(self.total.max(initial=0))


@dataclass(frozen=True)
class DagRun:
    """A run that Airflow made, and how it ended."""

    dag: str
    what: str
    state: str
    seconds: float


@dataclass(frozen=True)
class Report:
    """Everything the page needs. `summary` is the demo's last line."""

    summary: Mapping[str, float]
    passed: bool
    findings: Sequence[str]
    machine: str
    began: str
    seconds: float
    stores: StoreMoney
    arrivals: Arrivals
    troubles: Sequence[Trouble]
    steps: Sequence[Step]
    memory: Memory
    # The name of the file with the boards, beside this one.
    boards: str = ""
    # Empty where the demo ran without Airflow.
    dag_runs: Sequence[DagRun] = ()
