"""The quality ledger: two Delta tables in the lake that say what was judged, and how.

`quality_partitions` has a row for each judged part of a table: the newest one says whether a consumer should take or
skip it. `quality_results` has a row for each expectation of a run over a table: what metrics and people look at. How
far a table has been judged is an application transaction in `quality_partitions`, so that a run that is repeated, or
was killed, leaves the ledger as one run does.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction, write_deltalake

from contracts import Contract
from lake.tables import DeltaTables, TableDefinition, scan
from quality.validation.checks import Found, Outcome, Part, TableReport
from quality.validation.validate import Judged

_UTC = pa.timestamp("us", tz="UTC")
PARTITIONS = TableDefinition(
    "quality_partitions",
    pa.schema(
        [
            ("feed", pa.string()),
            ("table_name", pa.string()),
            ("version", pa.int64()),
            ("hour", pa.int32()),
            ("verdict", pa.string()),
            ("failed", pa.list_(pa.string())),
            ("judged_at", _UTC),
            ("judgement", pa.int64()),
            ("dt", pa.date32()),
        ]
    ),
    ("dt",),
)
RESULTS = TableDefinition(
    "quality_results",
    pa.schema(
        [
            ("feed", pa.string()),
            ("suite", pa.string()),
            ("table_name", pa.string()),
            ("version", pa.int64()),
            ("expectation", pa.string()),
            ("description", pa.string()),
            ("severity", pa.string()),
            ("success", pa.bool_()),
            ("violations", pa.int64()),
            ("parts_judged", pa.int64()),
            ("parts_failing", pa.int64()),
            ("sample", pa.string()),
            ("judged_at", _UTC),
            ("judgement", pa.int64()),
            ("judged_on", pa.date32()),
        ]
    ),
    ("judged_on",),
)
PASS, WARN, FAIL = "pass", "warn", "fail"
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
_CHECKPOINT_EVERY = 50


@dataclass(frozen=True)
class Mark:
    """How a part of a table stands, as the newest judgement of it has it."""

    table: str
    part: Part
    verdict: str
    failed: tuple[str, ...]
    version: int
    judgement: int


def ensure(tables: DeltaTables) -> None:
    for definition in (PARTITIONS, RESULTS):
        tables.ensure(definition)


def judged(tables: DeltaTables, contract: Contract) -> Judged:
    """How far each table of the feed has been judged, and the parts that failed then."""
    done = tables.table(PARTITIONS.name)
    versions = {
        table.name: version
        for table in contract.tables
        if (version := done.transaction_version(_application(tables, table.name))) is not None
    }
    own = {table.name for table in contract.tables}
    failing = frozenset(each.part for each in marks(tables) if each.verdict == FAIL and each.table in own)
    return Judged(versions, failing)


def marks(tables: DeltaTables, since: date | None = None) -> list[Mark]:
    """The newest mark of every part, or of those of dates from `since` on."""
    newest: dict[tuple[str, Part], Mark] = {}
    for row in _rows(tables.table(PARTITIONS.name), PARTITIONS, f"dt >= '{since}'" if since else None):
        part = Part(row["dt"], row["hour"])
        mark = Mark(row["table_name"], part, row["verdict"], tuple(row["failed"]), row["version"], row["judgement"])
        known = newest.get((mark.table, part))
        if known is None or known.judgement < mark.judgement:
            newest[mark.table, part] = mark
    return list(newest.values())


def latest_results(tables: DeltaTables) -> list[dict[str, Any]]:
    """Of each table and expectation the newest result: rows of RESULTS."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _rows(tables.table(RESULTS.name), RESULTS):
        key = row["table_name"], row["expectation"]
        if key not in newest or newest[key]["judgement"] < row["judgement"]:
            newest[key] = row
    return [newest[key] for key in sorted(newest)]


def record(
    tables: DeltaTables,
    contract: Contract,
    reports: Sequence[TableReport],
    judged_at: datetime,
    *,
    dates: Collection[date] | None = None,
) -> bool:
    """Write down what was judged. Return False, and write nothing, where the ledger says all of it already.

    A run over these `dates` alone only marks their parts: it has seen nothing of what changed elsewhere, so neither has
    a table been judged up to its version, nor does an expectation hold in it. What fails is judged again by the next
    run over what changed, which says so in the results.
    """
    known = {(mark.table, mark.part): mark for mark in marks(tables)}
    fresh = [row for report in reports for row in _marks(contract, report, judged_at) if _says_more(known, row)]
    fresh = [row for row in fresh if dates is None or row["dt"] in dates]
    if dates is not None:
        if fresh:
            _append(tables, PARTITIONS, fresh, [])
        return bool(fresh)
    before = {(row["table_name"], row["expectation"]): row for row in latest_results(tables)}
    results = [
        row
        for report in reports
        for outcome in report.outcomes
        if _differs(before.get((outcome.table, outcome.expectation.name)), row := _result(contract, outcome, judged_at))
    ]
    if results:
        # First: what metrics show may be ahead of the marks, never behind them.
        _append(tables, RESULTS, results, [])
    moved = [
        Transaction(_application(tables, report.suite.table), report.version)
        for report in reports
        if (done := tables.table(PARTITIONS.name).transaction_version(_application(tables, report.suite.table))) is None
        or done < report.version
    ]
    if fresh or moved:
        _append(tables, PARTITIONS, fresh, moved)
    return bool(fresh or results)


def _application(tables: DeltaTables, table: str) -> str:
    """A table that was made anew is judged anew."""
    return f"validate/{table}/{tables.last_seen(table).metadata().id}"


def _marks(contract: Contract, report: TableReport, judged_at: datetime) -> Iterable[dict[str, Any]]:
    by_part: dict[Part, list[Found]] = {part: [] for part in report.parts}
    for each in report.found:
        if each.part is not None:
            by_part.setdefault(each.part, []).append(each)
    for part, found in by_part.items():
        failed = [each for each in found if not each.holds]
        severe = any(each.expectation.severity == "error" for each in failed)
        yield {
            "feed": contract.feed,
            "table_name": report.suite.table,
            "version": report.version,
            "hour": part.hour,
            "verdict": FAIL if severe else WARN if failed else PASS,
            "failed": sorted(each.expectation.name for each in failed),
            "judged_at": judged_at,
            "dt": part.dt,
        }


def _result(contract: Contract, outcome: Outcome, judged_at: datetime) -> dict[str, Any]:
    return {
        "feed": contract.feed,
        "suite": outcome.suite,
        "table_name": outcome.table,
        "version": outcome.version,
        "expectation": outcome.expectation.name,
        "description": outcome.expectation.description,
        "severity": outcome.expectation.severity,
        "success": outcome.holds,
        "violations": outcome.violations,
        "parts_judged": outcome.judged,
        "parts_failing": len(outcome.failing),
        "sample": json.dumps(outcome.sample, default=str),
        "judged_at": judged_at,
        "judged_on": judged_at.date(),
    }


def _says_more(known: dict[tuple[str, Part], Mark], row: dict[str, Any]) -> bool:
    mark = known.get((row["table_name"], Part(row["dt"], row["hour"])))
    return mark is None or (mark.verdict, list(mark.failed)) != (row["verdict"], row["failed"])


def _differs(before: dict[str, Any] | None, row: dict[str, Any]) -> bool:
    """When it was judged, and how much of it, makes no other result."""
    compared = ("version", "severity", "success", "violations", "parts_failing")
    return before is None or any(before[name] != row[name] for name in compared)


def _append(
    tables: DeltaTables, definition: TableDefinition, rows: list[dict[str, Any]], transactions: list[Transaction]
) -> None:
    table = tables.table(definition.name)
    # Judgements are numbered, as a run may be asked to judge as of any moment.
    numbered = [row | {"judgement": table.version() + 1} for row in rows]
    write_deltalake(
        table,
        pa.Table.from_pylist(numbered, definition.schema),
        mode="append",
        commit_properties=CommitProperties(app_transactions=transactions),
        post_commithook_properties=_NO_HOOKS,
    )
    tables.refresh(definition.name)
    if tables.last_seen(definition.name).version() % _CHECKPOINT_EVERY == 0:
        tables.checkpoint(definition.name)


def _rows(table: DeltaTable, definition: TableDefinition, condition: str | None = None) -> Iterable[dict[str, Any]]:
    for batch in scan(table, definition.schema.names, condition):
        yield from batch.to_pylist()
