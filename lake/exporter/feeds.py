"""How far each feed has come: what its parent table's log and its newest manifest say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import ClassVar

from prometheus_client import Metric

from contracts import Contract
from lake.errors import LakeError
from lake.exporter.families import Family
from lake.exporter.looking import look_at_each
from lake.manifests import BatchManifest, load_manifest
from lake.objects import ObjectStore
from lake.status import Committed, committed
from lake.tables import DeltaTables

OBJECTIVE = Family(
    "tillstream_feed_freshness_objective_seconds",
    "The contract's promise: so soon after the outbox had it, a message is in the lake.",
    ("feed",),
)
COMMITTED_OFFSET = Family(
    "tillstream_feed_committed_offset",
    "The first offset of a partition that is not in the lake. Kafka's LogEndOffset less this is the lag.",
    ("feed", "topic", "partition"),
)
GENERATION = Family(
    "tillstream_feed_generation", "Which checkpoint of the feed this is; a rebuild adds one.", ("feed",)
)
BATCH = Family("tillstream_feed_batch", "The newest batch that the tables have: the number of its manifest.", ("feed",))
COMMITTED_AT = Family(
    "tillstream_feed_batch_timestamp_seconds",
    "When the newest committed batch was planned, in seconds since 1970.",
    ("feed",),
)
NEWEST_EVENT = Family(
    "tillstream_feed_newest_event_timestamp_seconds",
    "The newest event time in the lake, in seconds since 1970. Tills whose clock runs ahead do not count.",
    ("feed",),
)
# A feed that rests commits empty batches: so many are looked back through for the newest event.
_LOOK_BACK = 50


@dataclass(frozen=True)
class _Seen:
    claim: Committed
    newest_event: float | None


class Feeds:
    """Costs a handful of requests a feed."""

    name: ClassVar[str] = "feeds"
    every_seconds: ClassVar[float] = 15
    families: ClassVar[tuple[Family, ...]] = (
        OBJECTIVE,
        COMMITTED_OFFSET,
        GENERATION,
        BATCH,
        COMMITTED_AT,
        NEWEST_EVENT,
    )

    def __init__(self, tables: DeltaTables, contracts: Mapping[str, Contract]) -> None:
        self._tables = tables
        self._contracts = contracts
        self._seen: dict[str, _Seen] = {}

    def look(self) -> None:
        look_at_each(self._contracts, self._look_at)

    def _look_at(self, feed: str) -> None:
        contract, before = self._contracts[feed], self._seen.get(feed)
        claim = committed(self._tables, contract)
        if claim is None:
            if before:
                # It is told on: who compares it with Kafka must see that the feed stands still.
                raise LakeError("the pointer to its generation is gone; restore it from its bucket's versions")
            return
        known = before.claim.manifest_key if before else None
        events = [event for event in self._events(contract, claim, known) if event is not None]
        if before and before.newest_event is not None:
            events.append(before.newest_event)
        # Whoever is reading what was seen before goes on with that.
        self._seen = {**self._seen, feed: _Seen(claim, max(events, default=None))}

    def _events(self, contract: Contract, claim: Committed, known: str | None) -> Iterator[float | None]:
        """The newest event of each manifest since the one known; without one, back to the first that has any."""
        for manifest in islice(_chain(self._tables.store, claim), _LOOK_BACK):
            if manifest.key == known:
                return
            newest = _newest_event(contract, manifest)
            yield newest
            if known is None and newest is not None:
                return

    def metrics(self) -> Iterator[Metric]:
        yield OBJECTIVE.of(([feed], contract.freshness_seconds) for feed, contract in self._contracts.items())
        yield COMMITTED_OFFSET.of(
            ([feed, seen.claim.topic, str(partition)], offset)
            for feed, seen in self._seen.items()
            for partition, offset in seen.claim.end_offsets.items()
        )
        claims = {feed: seen.claim for feed, seen in self._seen.items()}
        yield GENERATION.of(([feed], claim.generation) for feed, claim in claims.items())
        yield BATCH.of(([feed], claim.batch) for feed, claim in claims.items() if claim.batch is not None)
        yield COMMITTED_AT.of(
            ([feed], _seconds(claim.manifest.batch_time)) for feed, claim in claims.items() if claim.manifest
        )
        yield NEWEST_EVENT.of(
            ([feed], seen.newest_event) for feed, seen in self._seen.items() if seen.newest_event is not None
        )


def _chain(store: ObjectStore, claim: Committed) -> Iterator[BatchManifest]:
    manifest, key = claim.manifest, claim.manifest_key
    while manifest or key:
        manifest = manifest or load_manifest(store, str(key))
        if manifest is None:
            return
        yield manifest
        key, manifest = manifest.previous, None


def _newest_event(contract: Contract, manifest: BatchManifest) -> float | None:
    times = [
        each.stats.get("maxValues", {}).get("event_time") for each in manifest.objects.get(contract.parent.name, ())
    ]
    newest = max((_seconds(each) for each in times if each), default=None)
    return None if newest is None else min(newest, _seconds(manifest.batch_time))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
