"""What reconciliation says: values only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from contracts.events import event_id


class State(StrEnum):
    """How a register's day stands between its till and the lake."""

    AGREED = "agreed"
    QUARANTINED = "quarantined"
    PENDING = "pending"
    MISSING = "missing"
    UNEXPLAINED = "unexplained"

    @property
    def is_finding(self) -> bool:
        return self in (State.MISSING, State.UNEXPLAINED)


@dataclass(frozen=True)
class RegisterKey:
    store_id: str
    register_id: str
    epoch: str

    def event_id(self, seq: int) -> str:
        return event_id(self.store_id, self.register_id, self.epoch, seq)


@dataclass(frozen=True)
class Absence:
    """Consecutive receipts the till counted and the lake does not have, all for one reason."""

    key: RegisterKey
    first_seq: int
    last_seq: int
    state: State
    reason: str

    @property
    def count(self) -> int:
        return self.last_seq - self.first_seq + 1

    def event_ids(self) -> Iterator[str]:
        return (self.key.event_id(seq) for seq in range(self.first_seq, self.last_seq + 1))


@dataclass(frozen=True)
class RegisterDay:
    """One register and business date. Amounts are minor units of `currency`; the till's are None without a total."""

    key: RegisterKey
    business_date: date
    state: State
    currency: str
    revision: int | None
    till_receipts: int | None
    till_amount: int | None
    lake_receipts: int
    lake_amount: int
    absences: tuple[Absence, ...]
    differences: tuple[str, ...]
    closes_at: datetime
