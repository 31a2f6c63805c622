"""Judges the tables of a feed: which parts, at which versions, by which expectations.

Parts are judged when their rows have changed, and again in every run while they fail. What cannot be read is judged by
nothing else, so that one fault is one finding.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts import Contract
from lake.changes import changed_since
from lake.status import committed
from lake.tables import DeltaTables
from quality.errors import QualityError
from quality.validation import history, measuring
from quality.validation.checks import Expectation, Found, Part, Suite, TableReport
from quality.validation.measuring import Day
from quality.validation.snapshot import LoggedObject, Snapshot
from quality.validation.suites import suites

_DIMENSIONS = {"dim_stores": ["store_id"], "dim_products": ["sku"]}
_WHOLE = Expectation("objects_whole", "every object is there, as large and as long as the log says", "error")
_COLUMNS = Expectation("columns_as_promised", "every column of the contract is there, with its type", "error")


@dataclass(frozen=True)
class Judged:
    """What the ledger remembers of a feed: by table the version that was judged, and the parts that failed."""

    versions: Mapping[str, int]
    failing: frozenset[Part] = frozenset()


def validate(
    tables: DeltaTables,
    contract: Contract,
    *,
    now: datetime,
    judged: Judged,
    dates: Collection[date] | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[TableReport]:
    """Judge what has changed since `judged`, or all parts of `dates`. `tables` must be the caller's own."""
    behind = _behind(tables, contract)
    # Parents first: their children are committed before them, so what is read later has every child of theirs.
    snapshots = {table.name: Snapshot.of(tables, table.name) for table in reversed(contract.tables)}
    parts = _parts(tables, snapshots, judged, dates)
    wanted = suites(contract)
    reports = {suite.table: _Building(suite, snapshots[suite.table]) for suite in wanted}
    for name, report in reports.items():
        report.found.append(_columns(contract, snapshots[name]))
    with measuring.database(_dimensions(tables)) as database:
        for dt in sorted({part.dt for part in parts}):
            progress(f"{contract.feed} {dt}")
            hours = sorted(part.hour for part in parts if part.dt == dt and part.hour is not None)
            _judge_date(tables, contract, database, reports, dt, hours, behind)
    touched = {part.dt for part in parts} | {part.dt for part in judged.failing}
    closed = history.closed_dates(contract, now, touched if dates is None else dates)
    closed = [each for each in closed if dates is None or each in dates]
    for name, report in reports.items():
        found, alone = history.judge(contract, snapshots[name], closed)
        report.found += found
        report.skip("no weekday before to compare with", alone)
    return [report.done(parts) for report in reports.values()]


class _Building:
    """A report that grows date by date."""

    def __init__(self, suite: Suite, snapshot: Snapshot) -> None:
        self.suite, self.snapshot = suite, snapshot
        self.found: list[Found] = []
        self.rows = 0
        self._skipped: dict[str, list[Part]] = {}

    def skip(self, reason: str, parts: Sequence[Part]) -> None:
        if parts:
            self._skipped.setdefault(reason, []).extend(parts)

    def done(self, parts: Collection[Part]) -> TableReport:
        return TableReport(
            suite=self.suite,
            version=self.snapshot.version,
            rows=self.rows,
            parts=tuple(sorted(parts)),
            found=tuple(self.found),
            not_judged=self._skipped,
        )


def _judge_date(
    tables: DeltaTables,
    contract: Contract,
    database: duckdb.DuckDBPyConnection,
    reports: Mapping[str, _Building],
    dt: date,
    hours: list[int],
    behind: str,
) -> None:
    broken = {name: report.snapshot.not_whole(tables, dt, hours) for name, report in reports.items()}
    try:
        day, found = _measured(database, reports, dt, hours, broken, behind)
    except (duckdb.Error, OSError, pa.ArrowException) as error:
        # An object of the right size that cannot be read: only now is it worth looking for.
        worse = {name: report.snapshot.unreadable(dt, hours) for name, report in reports.items()}
        if not any(worse.values()):
            raise QualityError(
                f"{contract.feed} of {dt} could not be counted: {error}. Nothing was recorded; run it again, and look "
                "at the memory and the disk of this machine if that does not help."
            ) from error
        broken = {name: [*broken[name], *worse[name]] for name in broken}
        day, found = _measured(database, reports, dt, hours, broken, behind)
    for name, report in reports.items():
        report.rows += day.rows[name]
        report.found += _whole(broken[name], dt, hours)
        report.found += found[name]
        unread = [Part(dt, hour) for hour in hours if hour not in day.hours[name]]
        report.skip("an object cannot be read", unread)
    parent = reports[contract.parent.name]
    report_late = _late(contract, parent.snapshot, dt, day.hours[contract.parent.name])
    parent.found += report_late


def _measured(
    database: duckdb.DuckDBPyConnection,
    reports: Mapping[str, _Building],
    dt: date,
    hours: list[int],
    broken: Mapping[str, Sequence[LoggedObject]],
    behind: str,
) -> tuple[Day, dict[str, list[Found]]]:
    readable = {
        name: [hour for hour in hours if hour not in {each.part.hour for each in broken[name]}] for name in reports
    }
    objects = {name: report.snapshot.objects_of(dt, readable[name]) for name, report in reports.items()}
    day = Day(
        dt=dt,
        datasets={name: report.snapshot.dataset(dt, objects[name]) for name, report in reports.items()},
        hours=readable,
        rows={name: sum(each.rows for each in objects[name]) for name in reports},
        behind=behind,
    )
    return day, measuring.measure(database, [report.suite for report in reports.values()], day)


def _parts(
    tables: DeltaTables, snapshots: Mapping[str, Snapshot], judged: Judged, dates: Collection[date] | None
) -> set[Part]:
    """What to judge, for all tables of the feed alike: a rule may join any of them."""
    every = {part for snapshot in snapshots.values() for part in snapshot.parts}
    if dates is not None:
        return {part for part in every if part.dt in dates}
    changed: set[Part] = {part for part in judged.failing if part.hour is not None}
    for name, snapshot in snapshots.items():
        version = judged.versions.get(name)
        found = None if version is None else changed_since(tables, name, version, snapshot.version)
        changed |= snapshot.parts if found is None else {Part(*each) for each in found}
    return changed


def _behind(tables: DeltaTables, contract: Contract) -> str:
    claim = committed(tables, contract)
    if claim is None:
        return "false"
    ends = " ".join(f"WHEN {partition} THEN {end}" for partition, end in claim.end_offsets.items())
    return f"kafka_topic_id = '{claim.topic_id}' AND kafka_offset >= CASE kafka_partition {ends} END"


def _dimensions(tables: DeltaTables) -> dict[str, pa.Table]:
    return {name: tables.table(name).to_pyarrow_table(columns=columns) for name, columns in _DIMENSIONS.items()}


def _columns(contract: Contract, snapshot: Snapshot) -> Found:
    promised = next(table for table in contract.tables if table.name == snapshot.name).arrow_schema()
    present = {column.name: column.type for column in snapshot.schema}
    wrong = [
        {"column": column.name, "promised": str(column.type), "found": str(present.get(column.name, "nothing"))}
        for column in promised
        if not _same(column.type, present.get(column.name))
    ]
    return Found(_COLUMNS, None, len(wrong), sample=tuple(wrong[:5]))


def _same(promised: pa.DataType, found: pa.DataType | None) -> bool:
    """Whether Delta knows both as one type: it has no views, and one kind of text and bytes."""
    views = {pa.string_view(): pa.string(), pa.large_string(): pa.string(), pa.binary_view(): pa.binary()}
    return bool(promised == views.get(found, found))


def _whole(broken: Sequence[LoggedObject], dt: date, hours: Sequence[int]) -> Iterator[Found]:
    for hour in hours:
        names = sorted(each.path for each in broken if each.part.hour == hour)
        sample = tuple({"object": name} for name in names[:5])
        yield Found(_WHOLE, Part(dt, hour), len(names), sample=sample)


def _late(contract: Contract, snapshot: Snapshot, dt: date, hours: Sequence[int]) -> Iterator[Found]:
    """Rows that came into the lake later than the contract's freshness allows, measured on what the stream wrote."""
    share = contract.expected.late_share
    expectation = Expectation(
        "fresh",
        f"at most {share:.0%} of the rows are committed over {contract.freshness_seconds} s after they were sent",
        contract.expected.severity("fresh", "warning"),
    )
    for hour in hours:
        rows = late = 0
        for each in snapshot.objects_of(dt, [hour]):
            if each.is_first_hand:
                sent = snapshot.dataset(dt, [each]).to_table(columns=["kafka_timestamp"])["kafka_timestamp"]
                deadline = pa.scalar(each.committed - timedelta(seconds=contract.freshness_seconds), sent.type)
                rows += len(sent)
                late += pc.sum(pc.less(sent, deadline)).as_py() or 0
        if rows:
            sample = ({"rows": rows, "late": late},)
            found = Found(expectation, Part(dt, hour), late, allowed=int(rows * share), sample=sample)
            yield found if not found.holds else replace(found, sample=())
