"""Which of so many messages are refused, and why: the one notion of it for the decoder and for all checks after it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]


class Refusal(NamedTuple):
    """`reason` is a code of `contracts.reasons`, `detail` the same in words."""

    reason: str
    detail: str


@dataclass
class Verdicts:
    """About messages 0 to `rows` - 1. The first reason found stays; most messages are fine, and not in `refused`."""

    rows: int
    refused: dict[int, Refusal] = field(default_factory=dict)

    def refuse(self, row: int, reason: str, detail: str) -> None:
        self.refused.setdefault(row, Refusal(reason, detail))

    def refuse_where(self, rows: Mask, reason: str, detail: Callable[[int], str]) -> None:
        """Refuse each marked message; `detail` is asked only of those that nothing was found of before."""
        for row in np.flatnonzero(rows).tolist():
            if row not in self.refused:
                self.refused[row] = Refusal(reason, detail(row))

    def adopt(self, others: "Verdicts", positions: Positions) -> None:
        """Take over what was found of the messages at these positions."""
        for row, refusal in others.refused.items():
            self.refuse(int(positions[row]), *refusal)

    def extend(self, others: "Verdicts") -> None:
        """Let the messages that others are about follow one's own."""
        self.refused |= {self.rows + row: refusal for row, refusal in others.refused.items()}
        self.rows += others.rows

    def accepted(self) -> Positions:
        """The positions of those that are not refused, ascending."""
        fine = np.ones(self.rows, dtype=np.bool_)
        fine[list(self.refused)] = False
        return np.flatnonzero(fine)
