"""Validation of Delta tables in the emulated AWS: a sound day, then one fault at a time."""

import datetime as dt
from collections.abc import Collection

import pyarrow as pa
import pytest
from deltalake import write_deltalake

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
    """Forty receipts of two lines in each hour from 9 to 13."""
    return [
        Receipt(first + 40 * number + each, (1000 + each, 500), business_date=date, at=dt.time(hour, each))
        for number, hour in enumerate(range(9, 14))
        for each in range(40)
    ]


@pytest.fixture
def lake(scratch_lake: ScratchLake) -> ScratchLake:
    for week in range(2):
        for name, rows in receipt_tables(day_of(DAY - dt.timedelta(weeks=week), 1 + 1000 * week)).items():
            scratch_lake.append(name, rows)
    return scratch_lake


def judge(lake: ScratchLake, dates: Collection[dt.date] | None = None) -> list[TableReport]:
    return validate(DeltaTables(lake.store), CONTRACT, now=NOW, judged=Judged({}), dates=dates)


def cries(lake: ScratchLake) -> list[tuple[str, str, int]]:
    return [
        (each.table, each.expectation.name, each.violations)
        for report in judge(lake, [DAY])
        for each in report.outcomes
        if not each.holds
    ]


def test_a_sound_lake_breaks_no_expectation(lake: ScratchLake):
    """Where nothing is wrong every expectation holds, in every part of every table."""
    reports = judge(lake)
    assert [each.expectation for report in reports for each in report.found if not each.holds] == []
    assert {report.suite.table: report.rows for report in reports} == {
        "receipts": 400,
        "receipt_lines": 800,
        "receipt_tenders": 400,
    }


HOUR = 11
THIS_HOUR = f"dt = '{DAY}' AND hour = {HOUR}"


def hour_of(lake: ScratchLake, table: str, dt_: dt.date = DAY) -> pa.Table:
    filters = [("dt", "=", dt_), ("hour", "=", HOUR)]
    rows: pa.Table = lake.tables.table(table).to_pyarrow_table(filters=filters)
    return rows.sort_by([("kafka_offset", "ascending"), ("ordinal", "ascending")])


def replace_hour(lake: ScratchLake, table: str, rows: pa.Table) -> None:
    write_deltalake(lake.tables.table(table), rows, mode="overwrite", predicate=THIS_HOUR)


def the_object(lake: ScratchLake, table: str) -> str:
    [uri] = lake.tables.table(table).file_uris(file_pruning_predicate=[("dt", "=", str(DAY)), ("hour", "=", str(HOUR))])
    return uri.removeprefix(f"{lake.store.uri}/")


@pytest.mark.parametrize("table", ["receipts", "receipt_lines"])
def test_an_object_cut_short_is_found(lake: ScratchLake, table: str):
    """An object that lost its end is found by its size, and nothing else is said of what cannot be read."""
    key = the_object(lake, table)
    body = lake.store.get(key)
    lake.store.put(key, body[: len(body) // 2])
    assert cries(lake) == [(table, "objects_whole", 1)]


def test_an_object_of_other_bytes_is_found(lake: ScratchLake):
    """An object of the right size that is no Parquet any more is found when it is read."""
    key = the_object(lake, "receipt_tenders")
    lake.store.put(key, bytes(len(lake.store.get(key))))
    assert cries(lake) == [("receipt_tenders", "objects_whole", 1)]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("receipts", "total"),
        ("receipts", "event_id"),
        ("receipt_lines", "amount"),
        ("receipt_lines", "kafka_offset"),
        ("receipt_tenders", "tender_type"),
    ],
)
def test_a_column_of_nulls_is_found(lake: ScratchLake, table: str, column: str):
    """A column that lost its values is found by its own expectation; what is computed from it stays quiet."""
    lake.tables.table(table).update(updates={column: "null"}, predicate=THIS_HOUR)
    rows = len(hour_of(lake, table))
    assert cries(lake) == [(table, f"{column}.not_null", rows)]


@pytest.mark.parametrize(("table", "rows"), [("receipts", 40), ("receipt_lines", 80), ("receipt_tenders", 40)])
def test_doubled_rows_are_found(lake: ScratchLake, table: str, rows: int):
    """Rows that were committed twice are found, and do not count as wrong sums as well."""
    lake.append(table, hour_of(lake, table))
    assert cries(lake) == [(table, "unique", rows)]


def test_shifted_amounts_are_found(lake: ScratchLake):
    """Amounts that slipped by a receipt are found by the sums of the receipts."""
    lines = hour_of(lake, "receipt_lines")
    shifted = lines["amount"].to_pylist()
    shifted = [*shifted[-2:], *shifted[:-2]]
    place = lines.schema.get_field_index("amount")
    replace_hour(lake, "receipt_lines", lines.set_column(place, "amount", pa.array(shifted, pa.int64())))
    assert cries(lake) == [("receipts", "rule.lines_sum_to_total", 40)]


def test_a_missing_hour_is_found(lake: ScratchLake):
    """An hour that every such weekday had, and this one lacks, is found in each table."""
    for table in ("receipts", "receipt_lines", "receipt_tenders"):
        lake.tables.table(table).delete(THIS_HOUR)
    assert sorted(cries(lake)) == [
        (each.name, "hours_present", 1) for each in sorted(CONTRACT.tables, key=lambda t: t.name)
    ]


def test_last_weeks_data_is_found(lake: ScratchLake):
    """A partition that holds the rows of last week is found in each table, though they are sound in themselves."""
    for table in ("receipts", "receipt_lines", "receipt_tenders"):
        rows = hour_of(lake, table, DAY - dt.timedelta(weeks=1))
        place = rows.schema.get_field_index("dt")
        replace_hour(lake, table, rows.set_column(place, "dt", pa.array([DAY] * len(rows), pa.date32())))
    assert sorted(cries(lake)) == [
        ("receipt_lines", "in_its_partition", 80),
        ("receipt_tenders", "in_its_partition", 40),
        ("receipts", "in_its_partition", 40),
    ]


def test_half_a_day_is_found(lake: ScratchLake):
    """A date with far fewer rows than its weekday is found by its volume, as a warning."""
    lake.tables.table("receipts").delete(f"dt = '{DAY}' AND seq % 40 > 15")
    found = cries(lake)
    assert ("receipts", "volume_as_usual", 1) in found
    assert {name for _, name, _ in found} == {"volume_as_usual", "has_its_message"}


def test_what_was_sold_and_is_unknown_is_a_warning(lake: ScratchLake):
    """A product that nobody has described does not fail the table; a store does."""
    lake.tables.table("receipt_lines").update(updates={"sku": "'new'"}, predicate=f"{THIS_HOUR} AND line_no = 1")
    assert cries(lake) == [("receipt_lines", "product_is_known", 40)]
    assert all(report.sound for report in judge(lake, [DAY]))
    lake.tables.table("receipts").update(
        updates={"store_id": "'999'", "event_id": "'999:1:0123456789ab:1'"}, predicate="seq = 1"
    )
    assert ("receipts", "store_is_known", 1) in cries(lake)
