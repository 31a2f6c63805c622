"""The proof that every offset of every feed is in the lake exactly once, and that its money is whole.

It trusts neither the manifests nor the job: rows are counted where they lie, ends are compared with the broker, and
objects with the log. What it takes from the lake's own word is how far a feed has been committed: that is the claim.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from contracts import Contract, system_tables
from lake import accounting, curated, expired, inventory
from lake.accounting import Fault, Partition, Span, spans
from lake.commits import commit_order
from lake.errors import Unreadable
from lake.manifests import load_generation
from lake.names import generation_key
from lake.status import Committed, Era, committed, eras, undone
from lake.tables import DeltaTables, scan
from topics.connection import Connection
from topics.watermarks import Watermarks, watermarks

_NAMED_OBJECTS = 20


@dataclass(frozen=True)
class Finding:
    """Something that is off. `kind` is for programs, `what` for people; `count` is of offsets, rows or objects."""

    kind: str
    table: str
    count: int
    what: str
    partition: int | None = None
    spans: tuple[Span, ...] = ()
    objects: tuple[str, ...] = ()


@dataclass(frozen=True)
class PartitionReport:
    """`lag` is what the broker has and the lake has not, in messages; None where the broker was not asked
    or no longer has this topic.
    """

    topic_id: str
    partition: int
    start: int
    end: int
    rows: int
    quarantined: int
    duplicates: int
    lag: int | None
    expired: int = 0


@dataclass(frozen=True)
class FeedReport:
    feed: str
    topic: str
    topic_id: str
    generation: int
    batch: int | None
    partitions: tuple[PartitionReport, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Report:
    """`not_ingested` names the feeds that no stream has begun to ingest."""

    feeds: tuple[FeedReport, ...]
    tables: tuple[inventory.Inventory, ...]
    findings: tuple[Finding, ...]
    not_ingested: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.findings and not any(feed.findings for feed in self.feeds)


def verify(
    tables: DeltaTables,
    contracts: Mapping[str, Contract],
    broker: Connection | None,
    progress: Callable[[str], None] = lambda _: None,
) -> Report:
    """Prove the feeds of these contracts. Without a broker, ends and lag are not compared with it.

    `tables` must be the caller's own: all is read at one version. `progress` is told what comes next.
    """
    claims: dict[str, Committed] = {}
    feeds = []
    findings: list[Finding] = []
    for contract in contracts.values():
        progress(contract.feed)
        claim = committed(tables, contract)
        if claim is None:
            findings += _rows_without_a_stream(tables, contract)
            continue
        claims[contract.feed] = claim
        ends = watermarks(broker, claim.topic) if broker else None
        feeds.append(_feed_report(tables, contract, claim, ends))
    progress("curated tables")
    findings += _curated_findings(tables)
    found = []
    for name, pending in _inventoried(tables, contracts, claims):
        progress(f"objects of {name}")
        found.append(inventory.take(tables, name, pending))
    findings += [finding for each in found for finding in _inventory_findings(each)]
    return Report(
        feeds=tuple(feeds),
        tables=tuple(found),
        findings=tuple(findings),
        not_ingested=tuple(feed for feed in contracts if feed not in claims),
    )


def _feed_report(tables: DeltaTables, contract: Contract, claim: Committed, broker: Watermarks | None) -> FeedReport:
    partitions: list[PartitionReport] = []
    findings: list[Finding] = []
    ingested = eras(tables.store, claim)
    read = _reader(tables, contract)
    # After the versions at which rows are counted: a retention lets offsets go first, and removes their rows after.
    gone = expired.load(tables.store, contract.feed)
    for era in ingested:
        try:
            result = accounting.account(_to_prove(contract, era, {each.topic_id for each in ingested}, gone), read)
        except Unreadable as error:
            findings.append(Finding("unreadable", contract.parent.name, 1, f"{contract.feed} was not counted: {error}"))
            continue
        findings += [_finding(fault, claim.topic) for fault in result.faults]
        findings += _unclaimed(tables, contract, era, result.ahead)
        current = broker if broker and era.topic_id == broker.topic_id else None
        partitions += [_partition(each, era, current) for _, each in sorted(result.partitions.items())]
    if broker:
        findings += _broker_findings(claim, broker)
    return FeedReport(
        feed=contract.feed,
        topic=claim.topic,
        topic_id=claim.topic_id,
        generation=claim.generation,
        batch=claim.batch,
        partitions=tuple(partitions),
        findings=tuple(findings),
    )


def _unclaimed(
    tables: DeltaTables, contract: Contract, era: Era, ahead: Mapping[tuple[str, int], set[int]]
) -> Iterator[Finding]:
    """Rows at offsets that no batch has come to, also none that was decided until they had been read."""
    if not ahead:
        return
    newest = committed(tables, contract)
    ends = dict(era.end)
    if newest and newest.topic_id == era.topic_id:
        for each in (newest.end_offsets, *(manifest.end_offsets for manifest in undone(tables.store, newest))):
            ends |= each
    for (table, partition), offsets in sorted(ahead.items()):
        if beyond := sorted(each for each in offsets if each >= ends.get(partition, 0)):
            named = spans(np.array(beyond, np.int64))
            what = (
                f"{contract.topic.name} partition {partition}, {table} has rows of {len(beyond):,} offsets that no "
                f"batch claims{_named(named)}"
            )
            yield Finding("unclaimed", table, len(beyond), what, partition, named)


def _rows_without_a_stream(tables: DeltaTables, contract: Contract) -> Iterator[Finding]:
    """Rows of a feed that was never ingested, as its missing generation says."""
    for name in (*(table.name for table in contract.tables), *system_tables.SCHEMAS):
        if not tables.exists(name):
            continue
        shared = name in system_tables.SCHEMAS
        actions = pa.table(tables.table(name).get_add_actions(flatten=True)).to_pylist()
        rows = sum(row["num_records"] for row in actions if not shared or row["partition.feed"] == contract.feed)
        # Unless its stream has begun just now.
        if rows and load_generation(tables.store, contract.feed) is None:
            where = f"{tables.store.uri}/{generation_key(contract.feed)}"
            what = (
                f"{name} has {rows:,} rows of {contract.feed}, and {where}, which says how far it was ingested, is gone"
            )
            yield Finding("unclaimed", name, rows, what)


def _to_prove(contract: Contract, era: Era, topic_ids: set[str], gone: expired.Expired) -> accounting.Feed:
    return accounting.Feed(
        topic_id=era.topic_id,
        start=era.start,
        end=era.end,
        parent=contract.parent.name,
        children=[accounting.Child(table.name, _adds_up(contract, table.name)) for table in contract.children],
        quarantine=system_tables.QUARANTINE,
        duplicates=system_tables.DUPLICATES,
        other_topics=frozenset(topic_ids - {era.topic_id}),
        expired=gone.spans.get(era.topic_id, {}),
    )


def _adds_up(contract: Contract, table: str) -> bool:
    """Whether the items of a table add up to the message's total: where both have money."""
    items = next(each for each in contract.children if each.name == table)
    return any(each.column == "amount" for each in items.fields) and any(
        each.column == "total" for each in contract.parent.fields
    )


def _reader(tables: DeltaTables, contract: Contract) -> accounting.Read:
    """Reads every table at the version it has now; the parent at that from which the feed's end was read."""
    *others, parent = commit_order(contract)
    versions = {parent: tables.last_seen(parent).version()} | {name: tables.table(name).version() for name in others}

    def read(name: str, columns: Sequence[str], predicate: str | None) -> Iterator[pa.RecordBatch]:
        shared = name in system_tables.SCHEMAS
        conditions = [f"feed = '{contract.feed}'"] if shared else []
        conditions += [predicate] if predicate else []
        table = tables.at_version(name, versions[name])
        yield from scan(table, columns, " AND ".join(conditions) or None)

    return read


def _partition(each: Partition, era: Era, broker: Watermarks | None) -> PartitionReport:
    lag = max(broker.high.get(each.partition, each.end) - each.end, 0) if broker else None
    return PartitionReport(
        topic_id=era.topic_id,
        partition=each.partition,
        start=each.start,
        end=each.end,
        rows=each.rows,
        quarantined=each.quarantined,
        duplicates=each.duplicates,
        lag=lag,
        expired=each.expired,
    )


_WORDS = {
    "gap": "neither row, quarantined nor duplicate",
    "twice": "more than once among rows, quarantined and duplicates",
    "beyond": "rows outside what has been committed",
    "stray": "rows of another topic, or without a place in it",
    "parentless": "messages with items but without a row of their own",
    "items": "messages whose items are not numbered 0, 1, 2, …: one is missing or doubled",
    "money": "messages whose items do not add up to their total",
}


def _finding(fault: Fault, topic: str) -> Finding:
    where = f"{topic} partition {fault.partition}, " if fault.partition >= 0 else ""
    return Finding(
        kind=fault.kind,
        table=fault.table,
        count=fault.count,
        what=f"{where}{fault.count:,} {_WORDS[fault.kind]}{_named(fault.spans)}",
        partition=fault.partition if fault.partition >= 0 else None,
        spans=fault.spans,
    )


def _named(spans: Iterable[Span]) -> str:
    words = [str(each.first) if each.first == each.last else f"{each.first}-{each.last}" for each in spans]
    return f": offsets {', '.join(words)}" if words else ""


def _broker_findings(claim: Committed, broker: Watermarks) -> Iterator[Finding]:
    if broker.topic_id != claim.topic_id:
        what = f"{claim.topic} was deleted and made again: its id is {broker.topic_id}, the lake has {claim.topic_id}"
        yield Finding("replaced", claim.topic, 1, what)
        return
    for partition, end in sorted(claim.end_offsets.items()):
        low, high = broker.low.get(partition, end), broker.high.get(partition, end)
        if low > end:
            what = f"{claim.topic} partition {partition}, {low - end:,} expired before they were ingested"
            yield Finding("expired", claim.topic, low - end, what, partition, (Span(end, low - 1),))
        if high < end:
            what = f"{claim.topic} partition {partition} ends at {high}, the lake has it up to {end}"
            yield Finding("ahead", claim.topic, end - high, what, partition, (Span(high, end - 1),))
    for partition in sorted(broker.high.keys() - claim.end_offsets.keys()):
        what = f"{claim.topic} has partition {partition}, which no stream ingests"
        yield Finding("unknown_partition", claim.topic, broker.high[partition], what, partition)


def _curated_findings(tables: DeltaTables) -> Iterator[Finding]:
    try:
        differing, version = curated.differences(tables)
    except Unreadable as error:
        yield Finding("unreadable", curated.TABLE, 1, f"{curated.TABLE} was not compared: {error}")
        return
    for each in differing:
        yield Finding(
            kind="curated",
            table=curated.TABLE,
            count=1,
            what=f"{each.dt} hour {each.hour}: {each.curated.receipts:,} receipts of {each.curated.amount:,} "
            f"{each.currency} minor units, raw has {each.raw.receipts:,} of {each.raw.amount:,} "
            f"(receipts at version {version})",
        )


def _inventoried(
    tables: DeltaTables, contracts: Mapping[str, Contract], claims: Mapping[str, Committed]
) -> Iterator[tuple[str, inventory.Pending]]:
    pending = inventory.Pending.of(tables.store, claims.values())
    own = [table.name for feed in claims for table in contracts[feed].tables]
    for name in [*own, *(system_tables.SCHEMAS if claims else ())]:
        yield name, pending
    if tables.exists(curated.TABLE):
        yield curated.TABLE, pending


def _inventory_findings(found: inventory.Inventory) -> Iterator[Finding]:
    for kind, paths, words in (
        ("unlogged", found.unlogged, "objects that no log names"),
        ("missing", found.missing, "objects that the log names and that are gone"),
        ("altered", found.altered, "objects of another size than the log says"),
    ):
        if paths:
            named = paths[:_NAMED_OBJECTS]
            what = f"{found.table}: {len(paths):,} {words}: {', '.join(named)}"
            yield Finding(kind, found.table, len(paths), what, objects=named)
