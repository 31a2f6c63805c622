"""Is every receipt there that the registers counted? From their control totals and what the stream has accepted.

No receipt is read: the control totals say which seqs a register used in a day, the manifests which ones are in the
lake. Money is compared by `tillstream reconcile`, which reads the receipts.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, ClassVar

from prometheus_client import Metric

from contracts import Contract
from contracts.cutoff import closing_time
from contracts.events import EVENT_ID
from contracts.system_tables import QUARANTINE
from lake.exporter.families import Family
from lake.manifests import load_state
from lake.sequences import Bounds, SeqState
from lake.status import committed
from lake.tables import DeltaTables, scan

RECEIPTS, TOTALS = "pos.receipts", "store.control-totals"
DAYS = 7
"""So many business dates are looked at, today's included."""

# Nobody vouches for the headers of what was refused. No seq of the lake is longer, and Python reads no number of any
# length.
_SEQ_DIGITS = 18


class State(StrEnum):
    """How a register's day stands: all there; all there or in quarantine; something may still come; or is lost."""

    COMPLETE = "complete"
    QUARANTINED = "quarantined"
    PENDING = "pending"
    MISSING = "missing"


REGISTER_DAYS = Family(
    "tillstream_register_days",
    f"Days of registers with a control total, of the last {DAYS} business dates, by state: complete, quarantined, "
    "pending (the cut-off has not passed), missing.",
    ("state",),
)
MISSING_RECEIPTS = Family(
    "tillstream_store_missing_receipts",
    "Receipts that the registers of a store counted, and that are neither in the lake nor in quarantine although the "
    "cut-off has passed. Stores without any are not named.",
    ("store_id",),
)


@dataclass(frozen=True)
class Total:
    """What a register says it used of its seqs on a business date."""

    store_id: str
    register_id: str
    epoch: str
    business_date: date
    first_seq: int
    last_seq: int

    @property
    def register(self) -> str:
        return f"{self.store_id}:{self.register_id}:{self.epoch}"


Claims = Mapping[str, frozenset[int]]
"""By register, the seqs of receipts in quarantine."""


class Completeness:
    """Reads the control totals of a few days and rebuilds the state of all sequences."""

    name: ClassVar[str] = "completeness"
    every_seconds: ClassVar[float] = 300
    families: ClassVar[tuple[Family, ...]] = (REGISTER_DAYS, MISSING_RECEIPTS)

    def __init__(
        self,
        tables: DeltaTables,
        contracts: Mapping[str, Contract],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tables = tables
        self._contracts = contracts
        self._now = now
        self._days: Counter[State] | None = None
        self._missing: Counter[str] = Counter()

    def look(self) -> None:
        totals, receipts = (committed(self._tables, self._contracts[feed]) for feed in (TOTALS, RECEIPTS))
        if totals is None or receipts is None:
            return
        since = self._now().date() - timedelta(days=DAYS - 1)
        zones = self._zones()
        # Totals first: what they count was sent before them, or is late and pending.
        told = self._totals(since)
        claims = self._claims(since)
        seen = load_state(self._tables.store, receipts.manifest_key)
        days: Counter[State] = Counter(dict.fromkeys(State, 0))
        missing: Counter[str] = Counter()
        cutoff_hours = self._contracts[TOTALS].cutoff_hours
        for total in told:
            closed = self._now() >= closing_time(total.business_date, zones.get(total.store_id), cutoff_hours)
            state, absent = judge(total, seen, claims, closed=closed)
            days[state] += 1
            if state is State.MISSING:
                missing[total.store_id] += absent
        self._days, self._missing = days, missing

    def metrics(self) -> Iterator[Metric]:
        yield REGISTER_DAYS.of(([state.value], count) for state, count in (self._days or {}).items())
        yield MISSING_RECEIPTS.of(([store_id], count) for store_id, count in self._missing.items())

    def _zones(self) -> dict[str, str]:
        rows = scan(self._tables.table("dim_stores"), ["store_id", "time_zone"])
        return {row["store_id"]: row["time_zone"] for batch in rows for row in batch.to_pylist()}

    def _totals(self, since: date) -> list[Total]:
        """The newest revision of each register's day."""
        columns = ["store_id", "register_id", "epoch", "dt", "first_seq", "last_seq", "revision"]
        newest: dict[tuple[str, ...], tuple[int, Total]] = {}
        table = self._tables.last_seen(self._contracts[TOTALS].parent.name)
        for batch in scan(table, columns, f"dt >= '{since}'"):
            for row in batch.to_pylist():
                revision = row.pop("revision")
                total = Total(business_date=row.pop("dt"), **row)
                key = (total.register, str(total.business_date))
                if key not in newest or newest[key][0] < revision:
                    newest[key] = revision, total
        return [total for _, total in newest.values()]

    def _claims(self, since: date) -> Claims:
        condition = f"feed = '{RECEIPTS}' AND dt >= '{since - timedelta(days=1)}'"
        found: dict[str, set[int]] = {}
        for batch in scan(self._tables.table(QUARANTINE), ["headers"], condition):
            for register, seq in claimed(batch["headers"].to_pylist()):
                found.setdefault(register, set()).add(seq)
        return {register: frozenset(seqs) for register, seqs in found.items()}


def judge(total: Total, seen: SeqState, claims: Claims, *, closed: bool) -> tuple[State, int]:
    """How a register's day stands, and how many receipts are neither in the lake nor in quarantine."""
    bounds = seen.intervals.get(total.register, ())
    holes = list(_holes(bounds, total.first_seq, total.last_seq))
    refused = claims.get(total.register, frozenset())
    absent = sum(last - first + 1 for first, last in holes)
    waiting = sum(1 for seq in refused if any(first <= seq <= last for first, last in holes))
    if absent > waiting:
        return (State.MISSING if closed else State.PENDING), absent - waiting
    return (State.QUARANTINED if waiting else State.COMPLETE), 0


def claimed(headers: Iterable[Iterable[Mapping[str, Any]] | None]) -> Iterator[tuple[str, int]]:
    """Which events quarantined messages say they are, by their headers: register and seq. Some say none."""
    for each in headers:
        for header in each or ():
            if header["key"] == EVENT_ID and header["value"]:
                register, _, seq = header["value"].decode(errors="replace").rpartition(":")
                if register and seq.isascii() and seq.isdigit() and len(seq) <= _SEQ_DIGITS:
                    yield register, int(seq)


def _holes(bounds: Bounds, first: int, last: int) -> Iterator[tuple[int, int]]:
    """What of the seqs from `first` to `last` is in no interval, as spans with both ends included."""
    spans = [(low, high) for low, high in zip(bounds[::2], bounds[1::2], strict=True) if high >= first and low <= last]
    edges = [(0, first - 1), *spans, (last + 1, 0)]
    for (_, end), (start, _) in pairwise(edges):
        if start > end + 1:
            yield end + 1, start - 1
