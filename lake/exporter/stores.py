"""How the stores are, as they report it in `store.operations`: thousands of them do not scrape well.

Each row is read once: after the first look, only offsets that were committed since.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import ClassVar

from prometheus_client import Metric

from contracts import Contract
from lake.exporter.families import Family
from lake.status import Committed, committed
from lake.tables import DeltaTables, scan

FEED = "store.operations"
STORES = "dim_stores"
HEARTBEAT = Family(
    "tillstream_store_heartbeat_timestamp_seconds",
    "When a store last said that it is there, in seconds since 1970. Two days ago also stands for longer ago.",
    ("store_id",),
)
OUTBOX_DEPTH = Family(
    "tillstream_store_reported_outbox_depth",
    "Messages that waited in a store's outbox when it last reported.",
    ("store_id",),
)
OUTBOX_AGE = Family(
    "tillstream_store_reported_outbox_age_seconds",
    "For how long the oldest of them had been waiting then.",
    ("store_id",),
)
_FAMILIES = {"heartbeat": HEARTBEAT, "outbox_depth": OUTBOX_DEPTH, "outbox_age_seconds": OUTBOX_AGE}
_COLUMNS = ("store_id", "reading", "value", "event_time", "kafka_partition")
# What a store said before is no news of it.
_FIRST_LOOK = timedelta(days=2)


@dataclass(frozen=True)
class _Reading:
    at: float
    value: float


class Stores:
    """The newest reading of each kind of every store."""

    name: ClassVar[str] = "stores"
    every_seconds: ClassVar[float] = 15
    families: ClassVar[tuple[Family, ...]] = tuple(_FAMILIES.values())

    def __init__(
        self,
        tables: DeltaTables,
        contracts: Mapping[str, Contract],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._tables = tables
        self._contract = contracts[FEED]
        self._now = now
        self._topic_id = ""
        self._read: dict[int, int] = {}
        self._newest: dict[tuple[str, str], _Reading] = {}
        self._stores: dict[str, _Reading] = {}
        self._stores_version: int | None = None

    def look(self) -> None:
        claim = committed(self._tables, self._contract)
        if claim is None:
            return
        if claim.topic_id != self._topic_id:
            self._topic_id, self._read = claim.topic_id, {}
        # Whoever is reading what was seen before goes on with that.
        newest = dict(self._newest)
        if condition := self._not_read(claim):
            # The log was looked at for the claim, so the version has all that is claimed.
            table = self._tables.last_seen(self._contract.parent.name)
            for batch in scan(table, _COLUMNS, condition):
                for row in batch.to_pylist():
                    _take(newest, row["store_id"], row["reading"], row["event_time"], row["value"])
        self._newest, self._read = newest, dict(claim.end_offsets)
        self._expect_known_stores()

    def metrics(self) -> Iterator[Metric]:
        for reading, family in _FAMILIES.items():
            yield family.of(
                ([store_id], seen.at if reading == "heartbeat" else seen.value)
                for (store_id, kind), seen in self._newest.items()
                if kind == reading
            )

    def _expect_known_stores(self) -> None:
        """Who has been silent for longer than the first look goes back is silent since then, not unheard of; a store
        that is entered later, since it was. A store that is taken out is not told of any more.
        """
        table = self._tables.table(STORES)
        if table.version() != self._stores_version:
            stores = {row["store_id"] for batch in scan(table, ["store_id"]) for row in batch.to_pylist()}
            first = self._stores_version is None
            expected = datetime.combine(self._since(), time(), UTC) if first else self._now()
            self._stores |= {store_id: _Reading(expected.timestamp(), 1) for store_id in stores - self._stores.keys()}
            self._stores = {store_id: self._stores[store_id] for store_id in stores}
            self._stores_version = table.version()
        silent = {(store_id, "heartbeat"): since for store_id, since in self._stores.items()}
        heard = {key: seen for key, seen in self._newest.items() if key[0] in self._stores}
        self._newest = silent | heard

    def _since(self) -> date:
        return (self._now() - _FIRST_LOOK).date()

    def _not_read(self, claim: Committed) -> str:
        """A condition in SQL, which delta-rs answers from few objects: the log knows their offsets. Empty: nothing."""
        if not self._read:
            return f"dt >= '{self._since()}'"
        return " OR ".join(
            f"(kafka_partition = {partition} AND kafka_offset >= {self._read.get(partition, 0)})"
            for partition, end in claim.end_offsets.items()
            if end > self._read.get(partition, 0)
        )


def _take(
    newest: dict[tuple[str, str], _Reading], store_id: str, reading: str, event_time: datetime, value: float
) -> None:
    at = event_time.timestamp()
    known = newest.get((store_id, reading))
    if known is None or known.at <= at:
        newest[store_id, reading] = _Reading(at, value)
