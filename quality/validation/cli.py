"""`tillstream validate`: do the tables hold what the contracts promise?"""

import importlib.util
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import contracts
from contracts import Contract
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables
from quality.moments import moment_of
from quality.validation import ledger
from quality.validation.checks import Outcome, TableReport
from quality.validation.metrics import exposition
from quality.validation.publishing import publish
from quality.validation.validate import Judged
from quality.validation.validate import validate as judge_feed


@dataclass(frozen=True)
class Judgement:
    """What became of a feed. Without reports it has not been ingested yet; `page` is its Data Docs, if asked for."""

    feed: str
    reports: Sequence[TableReport] | None = None
    page: str | None = None


@click.command()
@click.argument("feeds", nargs=-1)
@click.option(
    "--business-date",
    "dates",
    type=click.DateTime(["%Y-%m-%d"]),
    multiple=True,
    help="All of this business date (repeat for more), instead of what has changed since the last run.",
)
@click.option("--everything", is_flag=True, help="Every part of every table, as if none had been judged.")
@click.option("--now", help="Judge as of this moment (ISO 8601 with zone) instead of now.")
@click.option("--docs", help="Where Data Docs go: a folder, or s3://bucket/prefix. Needs Great Expectations.")
@click.option("--metrics", type=click.Path(path_type=Path), help="Write the ledger for Prometheus into this file.")
@click.option("--without-ledger", is_flag=True, help="Only look: the ledger is neither read nor written.")
@click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")
def validate(
    feeds: tuple[str, ...],
    dates: tuple[datetime, ...],
    everything: bool,
    now: str | None,
    docs: str | None,
    metrics: Path | None,
    without_ledger: bool,
    as_data: bool,
) -> None:
    """Judge the tables of FEEDS (default: all) by the suites built from their contracts.

    Judges the parts whose rows changed since the last run, and those that failed then. The outcome goes into the
    ledger (tables quality_partitions and quality_results), from which consumers learn what to skip. With
    --business-date only the parts of those dates are marked: what changed elsewhere is left to the next run.

    Exit 0: no expectation of severity error failed; 1: one did.
    """
    chosen = _chosen(feeds)
    if docs and not importlib.util.find_spec("great_expectations"):
        raise click.UsageError(
            "--docs needs Great Expectations, which is not in this environment; that of Airflow has it"
        )
    moment = moment_of(now)
    wanted: set[date] | None = {each.date() for each in dates} or None
    tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
    if not without_ledger:
        ledger.ensure(tables)
    judgements = []
    with Console(stderr=True).status("validating") as status:
        for contract in chosen.values():
            if not all(tables.exists(table.name) for table in contract.tables):
                judgements.append(Judgement(contract.feed))
                continue
            judged = Judged({}) if everything or without_ledger else ledger.judged(tables, contract)
            reports = judge_feed(
                tables,
                contract,
                now=moment,
                judged=judged,
                dates=wanted,
                progress=lambda what: status.update(f"validating {what}"),
            )
            page = _data_docs(reports, docs, contract, moment) if docs else None
            if not without_ledger:
                ledger.record(tables, contract, reports, moment, dates=wanted)
            judgements.append(Judgement(contract.feed, reports, page))
    sound = all(report.sound for each in judgements for report in each.reports or ())
    if metrics:
        metrics.write_text(exposition(ledger.latest_results(tables)))
    if as_data:
        feeds_data = [_data(each) for each in judgements]
        click.echo(json.dumps({"sound": sound, "as_of": moment.isoformat(), "feeds": feeds_data}, default=str))
    else:
        _show(judgements)
    sys.exit(0 if sound else 1)


def _chosen(feeds: tuple[str, ...]) -> dict[str, Contract]:
    known = contracts.load()
    if unknown := [feed for feed in feeds if feed not in known]:
        raise click.UsageError(f"no feed {', '.join(unknown)}; there are {', '.join(known)}")
    return {feed: contract for feed, contract in known.items() if not feeds or feed in feeds}


def _data_docs(reports: Sequence[TableReport], place: str, contract: Contract, at: datetime) -> str:
    """Have Great Expectations judge; return the address of the page."""
    from quality.validation import great  # noqa: PLC0415 - only where it is installed, and seconds to import

    run = f"{contract.feed}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    with tempfile.TemporaryDirectory(prefix="tillstream-docs-") as made:
        great.judge(reports, Path(made), run, at)
        return publish(Path(made), place, run)


def _data(judgement: Judgement) -> dict[str, Any]:
    return {
        "feed": judgement.feed,
        "judged": judgement.reports is not None,
        "data_docs": judgement.page,
        "tables": [_table(report) for report in judgement.reports or ()],
    }


def _table(report: TableReport) -> dict[str, Any]:
    return {
        "table": report.suite.table,
        "suite": report.suite.name,
        "version": report.version,
        "rows": report.rows,
        "parts": len(report.parts),
        "sound": report.sound,
        "expectations": len(report.outcomes),
        "failed": [_failed(outcome) for outcome in report.outcomes if not outcome.holds],
        "not_judged": {reason: [str(part) for part in parts] for reason, parts in report.not_judged.items()},
    }


def _failed(outcome: Outcome) -> dict[str, Any]:
    return {
        "expectation": outcome.expectation.name,
        "description": outcome.expectation.description,
        "severity": outcome.expectation.severity,
        "violations": outcome.violations,
        "parts": [str(part) for part in outcome.failing],
        "sample": list(outcome.sample),
    }


def _show(judgements: Sequence[Judgement]) -> None:
    console = Console()
    table = Table("table", "version", "parts", "rows", "expectations", "failed")
    for each in judgements:
        if each.reports is None:
            console.print(f"{each.feed} has not been ingested yet")
        for report in each.reports or ():
            failed = [outcome for outcome in report.outcomes if not outcome.holds]
            counts = (report.version, len(report.parts), report.rows, len(report.outcomes), len(failed))
            table.add_row(report.suite.table, *(f"{count:,}" for count in counts))
    console.print(table)
    for report in (report for each in judgements for report in each.reports or ()):
        for outcome in (outcome for outcome in report.outcomes if not outcome.holds):
            colour = "red" if outcome.expectation.severity == "error" else "yellow"
            where = ", ".join(str(part) for part in outcome.failing[:5]) or "the table"
            console.print(
                f"[{colour}]{escape(outcome.expectation.name)}[/] {outcome.table}, {escape(where)}: "
                f"{outcome.violations:,} violation(s) of: {escape(outcome.expectation.description)}"
            )
            for row in outcome.sample:
                console.print(f"    {escape(json.dumps(row, default=str))}", highlight=False)
    for page in (each.page for each in judgements if each.page):
        console.print(f"Data Docs: {page}")
