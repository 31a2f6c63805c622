"""How far a stream is behind, asked of the tables' logs and the broker alone: a stream that hangs cannot deny it.

Reads as the workload `airflow-triggerer`, which sees logs, manifests and where topics end, but no row and no message.
A lag is measured by watching: whoever has just begun to look knows of none.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import contracts
from contracts import Contract
from lake.curated import TABLE as CURATED
from lake.errors import LakeError
from lake.names import rollup_id
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.status import committed
from lake.tables import DeltaTables
from orchestration.manifests import Stream
from orchestration.supervision import Health
from topics.connection import Connection
from topics.settings import KafkaSettings
from topics.watermarks import watermarks

# Further behind than this, a rollup has something to do whatever the commits say.
MANY_VERSIONS = 100
RAW = "receipts"


class Gauge(Protocol):
    """Measures one stream again and again. May raise TillstreamError while it cannot be known."""

    def measure(self) -> Health: ...


@dataclass
class Waiting:
    """Since when something has been waiting: by partition, the end that was seen first beyond what is done."""

    _seen: dict[int, tuple[int, float]] = field(default_factory=dict)

    def seconds(self, ends: Mapping[int, int], done: Mapping[int, int], now: float) -> float:
        """For how long the oldest thing has waited that is before an end and is not done; 0 when nothing waits."""
        for partition, end in ends.items():
            first, _ = self._seen.get(partition, (0, now))
            if done.get(partition, 0) >= first:
                # All that was there at the last mark is done: what is there beyond it counts from now.
                self._seen[partition] = (end, now)
        waiting = [since for partition, (end, since) in self._seen.items() if done.get(partition, 0) < end]
        return now - min(waiting) if waiting else 0


class IngestGauge:
    """Offsets of each feed, in Kafka and in the lake. Tells of the feed that has waited longest."""

    def __init__(self, described: Mapping[str, Contract], clock: Callable[[], float] = time.time) -> None:
        self._contracts = described
        self._clock = clock
        self._broker = Connection.to(KafkaSettings.from_env())
        self._tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
        self._waiting = {feed: Waiting() for feed in described}

    def measure(self) -> Health:
        return max(map(self._of_feed, self._contracts), key=lambda each: (each.lag_seconds, each.idle_seconds))

    def _of_feed(self, feed: str) -> Health:
        contract = self._contracts[feed]
        ends = watermarks(self._broker, contract.topic.name).high
        known = committed(self._tables, contract)
        now = self._clock()
        done = known.end_offsets if known else {}
        lag = self._waiting[feed].seconds(ends, done, now)
        manifest = known.manifest if known else None
        idle = now - datetime.fromisoformat(manifest.batch_time).timestamp() if manifest else float("inf")
        return Health(feed, lag, idle)


class RollupGauge:
    """Versions of the raw table that changed rows, and the one that the curated table was computed from."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._store = ObjectStore(LakeSettings.from_env().lake_uri)
        self._tables = DeltaTables(self._store)
        self._waiting = Waiting()
        self._changes: dict[int, bool] = {}

    def measure(self) -> Health:
        raw, curated = self._tables.table(RAW), self._tables.table(CURATED)
        done = curated.transaction_version(rollup_id(CURATED, str(raw.metadata().id)))
        # Nothing to do but move rows between objects, as compaction does, leaves the curated table where it is.
        reached = -1 if done is None else done
        newest = next((each for each in range(raw.version(), reached, -1) if self._has_changed(each, reached)), reached)
        now = self._clock()
        lag = self._waiting.seconds({0: newest + 1}, {0: reached + 1}, now)
        return Health(CURATED, lag, now - curated.history(1)[0]["timestamp"] / 1000)

    def _has_changed(self, version: int, reached: int) -> bool:
        if version - reached > MANY_VERSIONS:
            return True
        if version not in self._changes:
            commit = self._store.get(f"{RAW}/_delta_log/{version:020d}.json")
            actions = [json.loads(line) for line in commit.splitlines()]
            changes = [action.get("add") or action.get("remove") for action in actions]
            self._changes[version] = any(change["dataChange"] for change in changes if change)
        self._changes = {each: changed for each, changed in self._changes.items() if each > reached}
        return self._changes[version]


def newest_batch(feed: str) -> str | None:
    """The newest committed manifest of a feed; None before the first."""
    tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
    known = committed(tables, contracts.load()[feed])
    return known.manifest_key if known else None


def gauge(stream: Stream) -> Gauge:
    """What measures a stream. May raise TillstreamError while it cannot be made."""
    if stream.feeds:
        described = contracts.load()
        return IngestGauge({feed: described[feed] for feed in stream.feeds})
    if stream.name == "rollup":
        return RollupGauge()
    raise LakeError(f"Nobody knows how to measure the stream {stream.name}: add a gauge to orchestration/health.py.")
