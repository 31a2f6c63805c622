"""Which hours a table's commits touched, on real logs."""

from collections.abc import Iterator
from datetime import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from jobs.delta_reader import Hour, Snapshot
from jobs.rollup.touched import touched_hours
from tests.support.lake_rows import DAY, Receipt, receipt_tables


@pytest.fixture
def receipts(tmp_path: Path) -> DeltaTable:
    return DeltaTable.create(str(tmp_path / "receipts"), rows().schema, partition_by=["dt", "hour"])


def rows(*receipts: Receipt) -> pa.Table:
    return receipt_tables(receipts)["receipts"]


def commits(table: DeltaTable, after: int) -> Iterator[bytes]:
    folder = Path(table.table_uri.removeprefix("file://")) / "_delta_log"
    return (file.read_bytes() for file in sorted(folder.glob("*.json"))[after + 1 :])


def test_appends_touch_their_hours(receipts: DeltaTable):
    """Every hour that a commit added rows to is named once, also by several commits."""
    write_deltalake(receipts, rows(Receipt(1, at=time(9)), Receipt(2, at=time(10))), mode="append")
    write_deltalake(receipts, rows(Receipt(3, at=time(9, 30))), mode="append")
    assert touched_hours(commits(receipts, -1)) == {Hour(DAY, 9), Hour(DAY, 10)}
    assert touched_hours(commits(receipts, 1)) == {Hour(DAY, 9)}


def test_compaction_touches_nothing(receipts: DeltaTable):
    """Rows that only moved to another object are no reason to compute an hour again."""
    for seq in (1, 2):
        write_deltalake(receipts, rows(Receipt(seq)), mode="append")
    before = receipts.version()
    receipts.optimize.compact()
    assert receipts.version() == before + 1
    assert touched_hours(commits(receipts, before)) == set()


def test_a_deletion_touches_its_hours(receipts: DeltaTable):
    """An hour that lost rows is computed again, too."""
    write_deltalake(receipts, rows(Receipt(1, at=time(9)), Receipt(2, at=time(10))), mode="append")
    receipts.delete("seq = 2")
    assert touched_hours(commits(receipts, 1)) == {Hour(DAY, 10)}


def test_a_snapshot_is_cut_by_hour_and_by_date(receipts: DeltaTable):
    """A step reads the objects of its hours only."""
    write_deltalake(receipts, rows(Receipt(1, at=time(9)), Receipt(2, at=time(10))), mode="append")
    snapshot = Snapshot.of(receipts)
    assert snapshot.hours() == {Hour(DAY, 9), Hour(DAY, 10)}
    assert snapshot.of_hours([Hour(DAY, 9)]).hours() == {Hour(DAY, 9)}
    assert snapshot.of_date(DAY).objects.num_rows == 2
    assert snapshot.of_date(DAY.replace(day=1)).objects.num_rows == 0
