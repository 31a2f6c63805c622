"""Validation of Delta tables in the emulated AWS: a sound day, then one fault at a time."""

import datetime as dt
from collections.abc import Collection

import pytest

import contracts
from lake.tables import DeltaTables
from quality.validation.checks import TableReport
from quality.validation.validate import Judged, validate
from tests.support.lake_rows import DAY, Receipt, receipt_tables
from tests.support.scratch_lake import ScratchLake

pytestmark = pytest.mark.integration

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
CONTRACT = contracts.load()["pos.receipts"]


def day_of(date: dt.date, first: int) -> list[Receipt]:
    """Forty receipts of two lines in each hour from 9 to 14."""
    return [
        Receipt(first + 40 * number + each, (1000 + each, 500), business_date=date, at=dt.time(hour, each))
        for number, hour in enumerate(range(9, 15))
        for each in range(40)
    ]


@pytest.fixture
def lake(scratch_lake: ScratchLake) -> ScratchLake:
    for week in range(3):
        for name, rows in receipt_tables(day_of(DAY - dt.timedelta(weeks=week), 1 + 1000 * week)).items():
            scratch_lake.append(name, rows)
    return scratch_lake


def judge(lake: ScratchLake, dates: Collection[dt.date] | None = None) -> list[TableReport]:
    return validate(DeltaTables(lake.store), CONTRACT, now=NOW, judged=Judged({}), dates=dates)


def cries(lake: ScratchLake) -> list[tuple[str, str, int]]:
    return [
        (each.table, each.expectation.name, each.violations)
        for report in judge(lake)
        for each in report.outcomes
        if not each.holds
    ]


def test_a_sound_lake_breaks_no_expectation(lake: ScratchLake):
    """Where nothing is wrong every expectation holds, in every part of every table."""
    assert cries(lake) == []
    assert {report.suite.table: report.rows for report in judge(lake)} == {
        "receipts": 720,
        "receipt_lines": 1440,
        "receipt_tenders": 720,
    }
