"""`tillstream reconcile`: do the tills and the lake agree?"""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import contracts
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables
from quality.lake_tables import pinned
from quality.moments import moment_of
from quality.reconcile import reconcile as judge_all
from quality.register_days import RegisterDay, State

_COLOURS = {
    State.AGREED: "green",
    State.QUARANTINED: "yellow",
    State.PENDING: "cyan",
    State.MISSING: "red",
    State.UNEXPLAINED: "red",
}


@dataclass
class Summary:
    """All register days counted, and those that are not agreed, whole. Money is minor units by currency."""

    states: Counter[State] = field(default_factory=Counter)
    till: Counter[str] = field(default_factory=Counter)
    lake: Counter[str] = field(default_factory=Counter)
    open_days: list[RegisterDay] = field(default_factory=list)

    @classmethod
    def of(cls, days: Iterable[RegisterDay]) -> "Summary":
        summary = cls()
        for day in days:
            summary.states[day.state] += 1
            summary.till[day.currency] += day.till_amount or 0
            summary.lake[day.currency] += day.lake_amount
            if day.state is not State.AGREED:
                summary.open_days.append(day)
        return summary

    @property
    def clean(self) -> bool:
        return not any(state.is_finding for state in self.states)


@click.command()
@click.option("--store", help="Only this store.")
@click.option("--business-date", type=click.DateTime(["%Y-%m-%d"]), help="Only this business date.")
@click.option(
    "--now", help="Judge as of this moment (ISO 8601 with zone) instead of now: decides what is past its cut-off."
)
@click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")
def reconcile(store: str | None, business_date: datetime | None, now: str | None, as_data: bool) -> None:
    """Compare every register's day with its control total, to the cent.

    A day is agreed, quarantined (all that is absent waits in quarantine), pending (may still arrive), missing or
    unexplained. Quarantined and pending days are listed and are no findings.

    Exit 0: nothing is missing or unexplained; 1: something is.
    """
    moment = moment_of(now)
    tables, versions = pinned(DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri)))
    wanted: date | None = business_date.date() if business_date else None
    cutoff_hours = contracts.load()["store.control-totals"].cutoff_hours
    with Console(stderr=True).status("reconciling"):
        summary = Summary.of(
            judge_all(tables, now=moment, cutoff_hours=cutoff_hours, business_date=wanted, store_id=store)
        )
    if as_data:
        click.echo(json.dumps(_data(summary, moment, versions)))
    else:
        _show(summary)
    sys.exit(0 if summary.clean else 1)


def _data(summary: Summary, moment: datetime, versions: dict[str, int]) -> dict[str, Any]:
    return {
        "clean": summary.clean,
        "as_of": moment.isoformat(),
        "versions": versions,
        "states": {state.value: summary.states[state] for state in State},
        "amounts": {
            currency: {"till": summary.till[currency], "lake": summary.lake[currency]} for currency in summary.till
        },
        "days": [_day(day) for day in summary.open_days],
    }


def _day(day: RegisterDay) -> dict[str, Any]:
    return {
        "store_id": day.key.store_id,
        "register_id": day.key.register_id,
        "epoch": day.key.epoch,
        "business_date": day.business_date.isoformat(),
        "state": day.state.value,
        "closes_at": day.closes_at.isoformat(),
        "currency": day.currency,
        "revision": day.revision,
        "till": {"receipts": day.till_receipts, "amount": day.till_amount},
        "lake": {"receipts": day.lake_receipts, "amount": day.lake_amount},
        "absent": [
            {"event_id": event_id, "state": absence.state.value, "reason": absence.reason}
            for absence in day.absences
            for event_id in absence.event_ids()
        ],
        "differences": list(day.differences),
    }


def _show(summary: Summary) -> None:
    console = Console()
    if summary.open_days:
        table = Table("business date", "store", "register", "epoch", "state", "receipts", "amount", "what")
        for day in summary.open_days:
            table.add_row(
                *map(escape, (str(day.business_date), day.key.store_id, day.key.register_id, day.key.epoch)),
                f"[{_COLOURS[day.state]}]{day.state}[/]",
                f"{_count(day.till_receipts)} / {day.lake_receipts:,}",
                f"{_count(day.till_amount)} / {day.lake_amount:,} {escape(day.currency)}",
                escape("\n".join(_what(day))),
            )
        console.print(table)
    for currency in sorted(summary.till):
        console.print(f"{currency}: tills {summary.till[currency]:,}, lake {summary.lake[currency]:,} (minor units)")
    counts = ", ".join(f"[{_COLOURS[state]}]{summary.states[state]:,} {state}[/]" for state in State)
    console.print(f"register days: {counts}")


def _what(day: RegisterDay) -> list[str]:
    lines = list(day.differences)
    for absence in day.absences:
        first, last = absence.key.event_id(absence.first_seq), absence.key.event_id(absence.last_seq)
        names = first if absence.count == 1 else f"{first} to {last} ({absence.count:,})"
        lines.append(f"{absence.state}: {names}: {absence.reason}")
    return lines


def _count(value: int | None) -> str:
    return "no total" if value is None else f"{value:,}"
