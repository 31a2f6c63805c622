"""Compaction of tables that the lake's own commits wrote, on the emulated AWS; what verify and explain make of it."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from lake.explain import explain
from lake.tables import DeltaTables
from lake.upkeep import rewriting
from lake.upkeep.compaction import Compacted, compact
from lake.upkeep.rewriting import RowsDiffer
from lake.verify import verify
from tests.support.lake import Lake, duplicate_rows, quarantine_rows, receipt_rows

pytestmark = pytest.mark.integration

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
TABLES = ("receipt_lines", "receipt_tenders", "quarantine", "duplicates", "receipts")


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Three batches of ten offsets, one object a batch in each table and partition."""
    lake.begin()
    for batch in range(3):
        first = 10 * batch
        rows = {
            # Stores alternate, so that the order of rows must change.
            **receipt_rows(range(first, first + 8), store=("331", "330")[batch % 2], first_seq=1 + 8 * batch),
            "duplicates": duplicate_rows([first + 8]),
            "quarantine": quarantine_rows([first + 9]),
        }
        lake.ingest(batch, rows, {0: first + 10}, starts={0: first})
    return lake


def compacted(lake: Lake, name: str, now: dt.datetime = LATER) -> list[Compacted]:
    return list(compact(DeltaTables(lake.store), name, now=now))


def content(table: DeltaTable) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = table.to_pyarrow_table().to_pylist()
    return sorted(rows, key=lambda row: (str(row["kafka_offset"]), row.get("ordinal") or 0))


def is_sound(lake: Lake) -> bool:
    report = verify(DeltaTables(lake.store), lake.contracts, None)
    assert report.sound, [*report.findings, *(feed.findings for feed in report.feeds)]
    return True


def test_many_small_objects_become_one(filled: Lake):
    """Each partition's objects become one, with the same rows; the lake is as sound as before, also a second time."""
    before = {name: content(filled.tables.table(name)) for name in TABLES}
    for name in TABLES:
        [done] = compacted(filled, name)
        assert (done.before, done.after, done.rows) == (3, 1, len(before[name]))
        [uri] = filled.tables.table(name).file_uris()
        assert "/compacted." in uri
        assert content(filled.tables.table(name)) == before[name]
    assert is_sound(filled)
    versions = [filled.tables.table(name).version() for name in TABLES]
    assert [compacted(filled, name) for name in TABLES] == [[]] * len(TABLES)
    assert versions == [filled.tables.table(name).version() for name in TABLES]


def test_rows_are_ordered_by_store_and_time(filled: Lake):
    """In a compacted object the rows of a store stand together."""
    compacted(filled, "receipts")
    stores = filled.tables.table("receipts").to_pyarrow_table()["store_id"].to_pylist()
    assert stores == sorted(stores)


def test_no_row_is_taken_for_changed(filled: Lake):
    """The commit says that it changes no data, so that the rollup and validation have nothing to do."""
    [done] = compacted(filled, "receipts")
    log = filled.store.get(f"receipts/_delta_log/{done.version:020d}.json").decode()
    assert log.count('"dataChange":false') == 4
    assert '"dataChange":true' not in log


def test_a_reader_of_before_is_undisturbed(filled: Lake):
    """Whoever opened the table before the compaction reads the same rows on."""
    reader = DeltaTables(filled.store).table("receipts")
    before = content(reader)
    compacted(filled, "receipts")
    assert content(reader) == before


def test_what_is_being_written_to_is_left_alone(filled: Lake):
    """A partition into which something was committed a moment ago waits."""
    assert compacted(filled, "receipts", dt.datetime.now(dt.UTC)) == []


def test_explain_finds_the_row_in_the_compacted_object(filled: Lake):
    """An offset is found in the object that holds it now, and that object has the bytes it is named for."""
    for name in ("receipts", "receipt_lines"):
        compacted(filled, name)
    [fate] = explain(DeltaTables(filled.store), filled.contracts, "pos.receipts.v1:0:12")  # type: ignore[misc]
    [uri] = filled.tables.table("receipts").file_uris()
    assert uri in fate.objects
    assert (fate.outcome, len(fate.objects)) == ("row", 3)
    found = explain(DeltaTables(filled.store), filled.contracts, uri)
    assert (found.state, found.intact) == ("in the table", True)  # type: ignore[union-attr]


def test_a_killed_compaction_is_finished_by_the_next(filled: Lake, monkeypatch: pytest.MonkeyPatch):
    """Killed between the objects and the commit, it leaves the table as it was; run again, it leaves nothing behind."""
    before = filled.tables.table("receipts").version()
    with monkeypatch.context() as patched:
        patched.setattr(rewriting, "exchange", _killed)
        with pytest.raises(KeyboardInterrupt):
            compacted(filled, "receipts")
    assert filled.tables.table("receipts").version() == before
    [done] = compacted(filled, "receipts")
    assert done.version == before + 1
    objects = [info.key for info in filled.store.list("receipts/dt=") if "compacted" in info.key]
    assert len(objects) == 1
    assert is_sound(filled)


def test_other_rows_are_never_committed(filled: Lake, monkeypatch: pytest.MonkeyPatch):
    """A compaction that would lose a row stops before its commit."""
    before = filled.tables.table("receipts").version()
    rows = rewriting.rows_of
    once = iter((" LIMIT 20", *[""] * 9))
    monkeypatch.setattr(rewriting, "rows_of", lambda *given: f"FROM ({rows(*given)}{next(once)})")
    with pytest.raises(RowsDiffer):
        compacted(filled, "receipts")
    assert filled.tables.table("receipts").version() == before


def test_commits_of_the_stream_go_on_beside_it(filled: Lake, monkeypatch: pytest.MonkeyPatch):
    """A batch that is committed while a compaction is about to commit stays, and so does the compaction."""

    def meanwhile() -> None:
        filled.ingest(3, receipt_rows(range(30, 34), first_seq=25), {0: 34}, starts={0: 30})

    _before_commit(monkeypatch, meanwhile)
    [done] = compacted(filled, "receipts")
    assert done.version is not None
    assert filled.tables.table("receipts").to_pyarrow_table().num_rows == 28
    assert is_sound(filled)


def test_two_compactions_do_not_double_a_row(filled: Lake, monkeypatch: pytest.MonkeyPatch):
    """Of two compactions of one partition, the second to commit changes nothing."""
    before = content(filled.tables.table("receipts"))
    _before_commit(monkeypatch, lambda: _appended_and_compacted(filled))
    [done] = compacted(filled, "receipts")
    assert done.version is None
    rows = filled.tables.table("receipts").to_pyarrow_table()
    assert pa.compute.count_distinct(rows["kafka_offset"]).as_py() == rows.num_rows == len(before) + 1
    assert compacted(filled, "receipts") == []


def _appended_and_compacted(lake: Lake) -> None:
    """Another row, so that the other compaction makes another object of the same ones."""
    lake.ingest(3, receipt_rows([30], first_seq=25), {0: 31}, starts={0: 30})
    [done] = compacted(lake, "receipts")
    assert (done.before, done.after) == (4, 1)


def _before_commit(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    exchange = rewriting.exchange

    def interrupted(*given: Any, **more: Any) -> int | None:
        monkeypatch.setattr(rewriting, "exchange", exchange)
        meanwhile()
        return exchange(*given, **more)

    monkeypatch.setattr(rewriting, "exchange", interrupted)


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
