"""What the lake no longer needs, found first and removed after: the plan is the same, dry or not.

Nothing that a table, a stream or a proof could still ask for is in a plan: rows go by the retention of their contract,
objects when no log names them and nobody can be about to, checkpoints and state when a newer one has taken over.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError

from contracts import Contract, system_tables
from lake import curated, expired, inventory, names
from lake.commits import commit_order
from lake.errors import LakeError
from lake.inventory import Pending
from lake.objects import ObjectInfo, ObjectStore
from lake.status import Committed, committed, decided
from lake.tables import DeltaTables, scan

TOMBSTONE_HOURS = 7 * 24
"""An object that the newest version does not name is kept so long for readers of older versions."""

ORPHAN_AGE = timedelta(days=1)
"""An object that no log names is kept so long for whoever wrote it."""

SNAPSHOTS_KEPT = 3
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
Needed = Callable[[str], Collection[str]]


@dataclass(frozen=True)
class Item:
    """Something to remove. `kind` is for programs, `what` for people; `count` is of rows or objects."""

    kind: str
    where: str
    count: int
    size: int
    what: str


@dataclass(frozen=True)
class Plan:
    """Items with what removes each, in the order in which it must be done."""

    steps: tuple[tuple[Item, Callable[[], None]], ...]

    @property
    def items(self) -> list[Item]:
        return [item for item, _ in self.steps]

    def carry_out(self, done: Callable[[Item], None] = lambda _: None) -> None:
        """Each step may be repeated after a kill: what is gone already is not missed."""
        for item, step in self.steps:
            step()
            done(item)


def plan(tables: DeltaTables, checkpoints: ObjectStore, contracts: Mapping[str, Contract], now: datetime) -> Plan:
    """What could go as of `now`. Nothing is changed."""
    steps: list[tuple[Item, Callable[[], None]]] = []
    claims = {feed: claim for feed, contract in contracts.items() if (claim := committed(tables, contract))}
    for feed in claims:
        steps += _expired_rows(tables, contracts[feed], now)
    pending = Pending.of(tables.store, claims.values())
    needed = partial(_needed, tables, contracts)
    for name in _tables(tables, contracts, claims):
        steps += _replaced_objects(tables, name, needed, now)
        steps += _orphans(tables, name, pending, needed, now)
    for feed, claim in claims.items():
        steps += _old_checkpoints(checkpoints, feed, claim)
        steps += _old_snapshots(tables.store, feed, claim)
    return Plan(tuple(steps))


def _expired_rows(tables: DeltaTables, contract: Contract, now: datetime) -> Iterator[tuple[Item, Callable[[], None]]]:
    """Partitions older than the contract keeps them, of the feed's tables and of its part of the shared ones.

    The parent goes first of all: its offsets are written down as expired, and a child without its parent is then no
    finding, while a parent without its children would be.
    """
    if contract.retention_days is None:
        return
    before = now.astimezone(UTC).date() - timedelta(days=contract.retention_days)
    for name in reversed(commit_order(contract)):
        table = tables.table(name)
        shared = name in system_tables.SCHEMAS
        old = [row for row in _added(table) if _is_old(row, before, contract.feed if shared else None)]
        if not old:
            continue
        predicate = f"dt < '{before}'" + (f" AND feed = '{contract.feed}'" if shared else "")
        rows, size = sum(row["num_records"] for row in old), sum(row["size_bytes"] for row in old)
        item = Item(
            "expired_rows", name, rows, size, f"rows of {contract.feed} before {before}, which its contract lets go"
        )
        yield item, _let_go(tables, contract, name, predicate)


def _let_go(tables: DeltaTables, contract: Contract, name: str, predicate: str) -> Callable[[], None]:
    def step() -> None:
        table = tables.table(name)
        gone = expired.load(tables.store, contract.feed)
        for (topic_id, partition), offsets in _places(table, predicate).items():
            gone = gone.with_offsets(topic_id, partition, offsets)
        expired.save(tables.store, contract.feed, gone)
        # By partitions only: whole objects leave the log, nothing is written again.
        try:
            table.delete(
                predicate,
                commit_properties=CommitProperties(custom_metadata={"retention": predicate}),
                post_commithook_properties=_NO_HOOKS,
            )
        except CommitFailedError as error:
            raise LakeError(
                f"Expired rows of {contract.feed} are still in {name}, as another commit came first: {error}. What was "
                "removed before stays so, and verify knows of it; run it again."
            ) from error

    return step


def _places(table: DeltaTable, predicate: str) -> dict[tuple[str, int], np.ndarray[tuple[int], np.dtype[np.int64]]]:
    parts: dict[tuple[str, int], list[pa.Array]] = {}
    for batch in scan(table, ["kafka_topic_id", "kafka_partition", "kafka_offset"], predicate):
        rows = pa.table(batch)
        rows = rows.set_column(0, "kafka_topic_id", rows["kafka_topic_id"].cast(pa.string()))
        grouped = rows.group_by(["kafka_topic_id", "kafka_partition"]).aggregate([("kafka_offset", "distinct")])
        for row in grouped.to_pylist():
            place = row["kafka_topic_id"], row["kafka_partition"]
            parts.setdefault(place, []).append(np.array(row["kafka_offset_distinct"], np.int64))
    return {place: np.concatenate(offsets) for place, offsets in parts.items()}


def _is_old(row: Mapping[str, Any], before: date, feed: str | None) -> bool:
    dt = row["partition.dt"]
    return isinstance(dt, date) and dt < before and (feed is None or row["partition.feed"] == feed)


def _added(table: DeltaTable) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return rows


def _tables(tables: DeltaTables, contracts: Mapping[str, Contract], claims: Mapping[str, Committed]) -> Iterator[str]:
    names_ = [table.name for feed in claims for table in contracts[feed].tables]
    names_ += [*system_tables.SCHEMAS, curated.TABLE]
    return (name for name in names_ if tables.exists(name))


def _replaced_objects(
    tables: DeltaTables, name: str, needed: Needed, now: datetime
) -> Iterator[tuple[Item, Callable[[], None]]]:
    """What a compaction, a rollup or a retention took out of the table, once no reader can be at such a version.

    The same content is the same object: one that somebody has put again since is about to be committed again.
    """
    paths = tables.table(name).vacuum(retention_hours=TOMBSTONE_HOURS, dry_run=True, enforce_retention_duration=False)
    if not paths:
        return
    replaced = {f"{name}/{path}" for path in paths}
    before = now - timedelta(hours=TOMBSTONE_HOURS)
    found = [info for info in tables.store.list(f"{name}/") if info.key in replaced and info.modified <= before]
    if found:
        what = f"objects that the table replaced over {TOMBSTONE_HOURS // 24} days ago"
        yield _unneeded(tables.store, "replaced_objects", name, found, what, needed)


def _orphans(
    tables: DeltaTables, name: str, pending: Pending, needed: Needed, now: datetime
) -> Iterator[tuple[Item, Callable[[], None]]]:
    """What a killed writer left behind. Objects of a batch that is decided and not committed are none of these."""
    found = [
        info
        for path in inventory.take(tables, name, pending, now).unlogged
        for info in tables.store.list(f"{name}/{path}")
        if info.key == f"{name}/{path}" and info.modified <= now - ORPHAN_AGE
    ]
    if found:
        yield _unneeded(tables.store, "orphans", name, found, "objects that no log has named for a day", needed)


def _needed(tables: DeltaTables, contracts: Mapping[str, Contract], name: str) -> set[str]:
    """The keys that the table's newest version names, and those of decided batches, as of now."""
    claims = [claim for contract in contracts.values() if (claim := committed(tables, contract))]
    # Before the log: what is committed between the two is then in the log.
    decided = Pending.of(tables.store, claims).decided
    return {*decided, *(f"{name}/{path}" for path in inventory.logged(tables.table(name)))}


def _unneeded(
    store: ObjectStore, kind: str, where: str, found: Sequence[ObjectInfo], what: str, needed: Needed
) -> tuple[Item, Callable[[], None]]:
    """Objects of a table. Right before each goes it is asked again whether a commit names it, or it was put again."""

    def step() -> None:
        kept = needed(where)
        for info in found:
            if info.key not in kept and info in store.list(info.key):
                store.delete(info.key)

    return Item(kind, where, len(found), sum(info.size for info in found), what), step


def _old_checkpoints(store: ObjectStore, feed: str, claim: Committed) -> Iterator[tuple[Item, Callable[[], None]]]:
    """Spark's checkpoints of generations that were sealed: no driver can go on from them."""
    prefix = names.checkpoints_prefix(feed)
    old = [info for info in store.list(prefix) if int(info.key.removeprefix(prefix).split("/")[0]) < claim.generation]
    if old:
        what = f"objects of Spark's checkpoints before generation {claim.generation}"
        yield _objects(store, "old_checkpoints", prefix, old, what)


def _old_snapshots(store: ObjectStore, feed: str, claim: Committed) -> Iterator[tuple[Item, Callable[[], None]]]:
    """Sequence states that newer ones have taken over. The state is rebuilt from the newest one that is committed.

    A driver that was fenced off or killed leaves one that no manifest names: it goes too, and is none of those kept.
    """
    newest = (claim.generation, -1 if claim.batch is None else claim.batch)
    committed_ones = [
        info
        for info in store.list(f"{names.BATCHES}/{feed}/")
        if info.key.endswith(names.SNAPSHOT_SUFFIX) and names.snapshot_of(info.key)[1:] <= newest
    ]
    named = sorted((info.key for info in committed_ones if _is_named(store, info.key)), key=names.snapshot_of)
    kept = named[-SNAPSHOTS_KEPT:]
    if old := [info for info in committed_ones if info.key not in kept]:
        yield _objects(
            store, "old_states", f"{names.BATCHES}/{feed}/", old, "sequence states with newer ones after them"
        )


def _is_named(store: ObjectStore, key: str) -> bool:
    """Whether the manifest of its batch names it."""
    manifest = decided(store, names.manifest_key(*names.snapshot_of(key)))
    return manifest is not None and manifest.snapshot == key


def _objects(
    store: ObjectStore, kind: str, where: str, found: Sequence[ObjectInfo], what: str
) -> tuple[Item, Callable[[], None]]:
    def step() -> None:
        for info in found:
            store.delete(info.key)

    return Item(kind, where, len(found), sum(info.size for info in found), what), step
