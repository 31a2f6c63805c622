"""The commit that replaces hours of the curated table."""

from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from jobs.delta_reader import Hour, Snapshot
from jobs.rollup import step
from jobs.rollup.hour_object import serialise
from jobs.rollup.sales_per_minute import DEFINITION, SCHEMA
from lake.errors import Fenced
from lake.names import rollup_id
from tests.support.lake_rows import DAY, curated_minute

SOURCE = Snapshot("s3://lake/receipts", pa.schema([]), "raw-table", 0, pa.table({}))
NINE, TEN = Hour(DAY, 9), Hour(DAY, 10)


@pytest.fixture
def curated(tmp_path: Path) -> DeltaTable:
    return DeltaTable.create(str(tmp_path / "curated"), SCHEMA, partition_by=list(DEFINITION.partition_columns))


def commit(table: DeltaTable, version: int, hours: set[Hour], *rows: dict[str, object]) -> None:
    """Write the hours' objects as the tasks do, and commit them as computed from this version of receipts."""
    written = []
    for hour in {row["hour"] for row in rows}:
        described, content = serialise(pa.Table.from_pylist([row for row in rows if row["hour"] == hour], SCHEMA))
        [row] = described.to_pylist()
        file = Path(table.table_uri.removeprefix("file://")) / row["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        written.append(row)
    source = Snapshot(SOURCE.uri, SOURCE.schema, SOURCE.table_id, version, SOURCE.objects)
    step._commit(table, source, hours, written)


def amounts(table: DeltaTable) -> list[int]:
    return sorted(table.to_pyarrow_table()["amount"].to_pylist())


def test_a_commit_replaces_whole_hours(curated: DeltaTable):
    """Touched hours are replaced, the others stay, and the log says from which version of receipts."""
    commit(curated, 3, {NINE, TEN}, curated_minute(1, 100), curated_minute(1, 7, hour=10))
    commit(curated, 5, {NINE}, curated_minute(1, 100), curated_minute(2, 50))
    assert amounts(curated) == [7, 50, 100]
    assert curated.transaction_version(rollup_id("sales_per_minute", "raw-table")) == 5


def test_an_hour_without_rows_is_emptied(curated: DeltaTable):
    """An hour that has lost all of its receipts is taken out of the table."""
    commit(curated, 3, {NINE, TEN}, curated_minute(1, 100), curated_minute(1, 7, hour=10))
    commit(curated, 4, {TEN})
    assert amounts(curated) == [100]


def test_the_same_rows_again_change_no_object(curated: DeltaTable):
    """An hour computed again to the same rows keeps its object; only the progress is new."""
    commit(curated, 3, {NINE}, curated_minute(1, 100))
    before = Snapshot.of(curated)
    commit(curated, 4, {NINE}, curated_minute(1, 100))
    assert Snapshot.of(curated).objects.equals(before.objects)
    assert curated.version() == before.version + 1


def test_the_second_of_two_rollups_is_fenced(curated: DeltaTable):
    """Of two drivers that computed the same new hour, one commits; the other is told, and nothing doubles."""
    late = DeltaTable(curated.table_uri)
    commit(curated, 3, {NINE}, curated_minute(1, 100))
    with pytest.raises(Fenced, match="Nothing of this step is in the table"):
        commit(late, 4, {NINE}, curated_minute(1, 100), curated_minute(2, 50))
    curated.update_incremental()
    assert amounts(curated) == [100]
