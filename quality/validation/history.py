"""What is usual: a business date beside the same weekday of the weeks before. Read from the log alone."""

from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime, timedelta

from contracts import Contract
from contracts.cutoff import closing_time
from quality.validation.checks import Expectation, Found, Part
from quality.validation.snapshot import Snapshot

WEEKS = 4
LOOKED_BACK_DAYS = 7
"""Dates that closed so many days ago are judged again in every run, also one of which no row came at all."""

_WESTERNMOST = "Etc/GMT+12"


def closed_dates(contract: Contract, now: datetime, dates: Collection[date]) -> list[date]:
    """Of these dates and the last few days: those that are past the cut-off everywhere."""
    today = now.astimezone(UTC).date()
    recent = {today - timedelta(days=days) for days in range(LOOKED_BACK_DAYS)}
    return sorted(
        each for each in recent | set(dates) if closing_time(each, _WESTERNMOST, contract.cutoff_hours) <= now
    )


def judge(contract: Contract, snapshot: Snapshot, dates: Collection[date]) -> tuple[list[Found], list[Part]]:
    """Volume and hours of each date; and the dates that have no usual day to be compared with."""
    rows, hours = snapshot.rows_by_date(), snapshot.hours_by_date()
    found, alone = [], []
    for each in dates:
        before = [day for week in range(1, WEEKS + 1) if rows[day := each - timedelta(weeks=week)]]
        if not before:
            alone.append(Part(each))
            continue
        found.append(_volume(contract, each, rows[each], [rows[day] for day in before]))
        if rows[each]:
            found.append(_hours(contract, each, hours[each], [hours[day] for day in before]))
    return found, alone


def _volume(contract: Contract, dt: date, rows: int, before: list[int]) -> Found:
    usual = sum(before) / len(before)
    expected = contract.expected
    inside = expected.volume_lowest * usual <= rows <= expected.volume_highest * usual
    expectation = Expectation(
        "volume_as_usual",
        f"a closed date has {expected.volume_lowest:g} to {expected.volume_highest:g} times its weekday's usual rows",
        expected.severity("volume_as_usual", "warning"),
    )
    sample: Mapping[str, object] = {"rows": rows, "usual": round(usual), "weeks": len(before)}
    return Found(expectation, Part(dt), 0 if inside else 1, sample=() if inside else (sample,))


def _hours(contract: Contract, dt: date, hours: set[int], before: list[set[int]]) -> Found:
    usual = set.intersection(*before)
    # At the edge of the usual day an hour may be absent because clocks were changed.
    inner = {hour for hour in usual if {(hour - 1) % 24, (hour + 1) % 24} <= usual}
    absent = sorted(inner - hours)
    expectation = Expectation(
        "hours_present",
        "a closed date lacks no hour (UTC) that its weekday always had before",
        contract.expected.severity("hours_present", "error"),
    )
    return Found(expectation, Part(dt), len(absent), sample=({"hours": absent},) if absent else ())
