"""From where on a rollup follows the logs of receipts and of their lines."""

from datetime import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake

from jobs.delta_reader import Hour, Snapshot
from jobs.rollup import step
from jobs.rollup.sales_per_minute import DEFINITION, SCHEMA
from tests.support.lake_rows import DAY, Receipt, receipt_tables

NINE, TEN = Hour(DAY, 9), Hour(DAY, 10)


class Tables:
    """Receipts, lines and the curated table in a folder; one receipt at nine and one at ten."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.curated = DeltaTable.create(
            str(folder / "curated"), SCHEMA, partition_by=list(DEFINITION.partition_columns)
        )
        self.raw = {
            name: DeltaTable.create(str(folder / name), rows.schema, partition_by=["dt", "hour"])
            for name, rows in receipt_tables([Receipt(1)]).items()
        }
        self.ingest(Receipt(1, at=time(9)), Receipt(2, at=time(10)))

    def ingest(self, *receipts: Receipt) -> None:
        """As a batch of the stream, which carries its number."""
        for name, rows in receipt_tables(receipts).items():
            batch = CommitProperties(app_transactions=[Transaction("pos.receipts/1", self.raw[name].version())])
            write_deltalake(self.raw[name], rows, mode="append", commit_properties=batch)

    def sources(self) -> step.Sources:
        receipts, lines = (Snapshot.of(self.raw[name]) for name in (step.RAW, step.LINES))
        return step.Sources(receipts, lines, pa.table({}), pa.table({}))

    def changed(self) -> set[Hour]:
        store = SimpleNamespace(get=lambda key: (self.folder / key).read_bytes())
        return step._changed_hours(self.curated, self.sources(), store)  # type: ignore[arg-type]

    def note(self, *names: str) -> None:
        """What a rollup notes that has come to the newest versions of these tables."""
        sources = self.sources()
        reached = {step.RAW: sources.receipts, step.LINES: sources.lines}
        self.curated.create_write_transaction(
            [],
            "append",
            self.curated.schema(),
            list(DEFINITION.partition_columns),
            commit_properties=CommitProperties(
                app_transactions=[
                    Transaction(step._application(each), each.version) for each in map(reached.get, names) if each
                ]
            ),
        )
        self.curated.update_incremental()

    def change_lines(self, hour: int) -> None:
        self.raw[step.LINES].update(updates={"quantity": "7"}, predicate=f"hour = {hour}")


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def test_what_changes_lines_alone_is_followed(tables: Tables):
    """An hour whose lines changed without their receipts is computed again."""
    tables.note(step.RAW, step.LINES)
    assert tables.changed() == set()
    tables.change_lines(9)
    assert tables.changed() == {NINE}
    tables.note(step.RAW, step.LINES)
    assert tables.changed() == set()


def test_lines_of_a_batch_wait_for_their_receipts(tables: Tables):
    """Lines that a batch has committed are no reason to compute: its receipts, which come after them, are."""
    tables.note(step.RAW, step.LINES)
    receipts = tables.raw[step.RAW].version()
    tables.ingest(Receipt(3, at=time(9)))
    newest = DeltaTable(tables.raw[step.RAW].table_uri)
    tables.raw[step.RAW] = DeltaTable(newest.table_uri, version=receipts)
    assert tables.changed() == set()
    tables.raw[step.RAW] = newest
    assert tables.changed() == {NINE}


def test_a_table_of_an_older_release_is_not_computed_anew(tables: Tables):
    """Where the rollup did not follow lines so far, it begins at those of now, and computes nothing for that."""
    tables.note(step.RAW)
    assert tables.changed() == set()
    step._follow_lines(tables.curated, tables.sources())
    tables.change_lines(10)
    assert tables.changed() == {TEN}
