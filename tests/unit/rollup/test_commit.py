"""The commit that replaces hours of the curated table."""

from dataclasses import replace
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
LINES = replace(SOURCE, uri="s3://lake/receipt_lines", table_id="lines-table")
NINE, TEN = Hour(DAY, 9), Hour(DAY, 10)


@pytest.fixture
def curated(tmp_path: Path) -> DeltaTable:
    return DeltaTable.create(str(tmp_path / "curated"), SCHEMA, partition_by=list(DEFINITION.partition_columns))


def commit(table: DeltaTable, version: int, hours: set[Hour], *rows: dict[str, object], lines: int = 0) -> None:
    """Write the hours' objects as the tasks do, and commit them as computed from these versions."""
    described = []
    for hour in {row["hour"] for row in rows}:
        description, content = serialise(pa.Table.from_pylist([row for row in rows if row["hour"] == hour], SCHEMA))
        [row] = description.to_pylist()
        file = Path(table.table_uri.removeprefix("file://")) / row["path"]
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        described.append(row)
    step._commit(table, replace(SOURCE, version=version), hours, described, lines=replace(LINES, version=lines))


def raw(rows: int) -> Snapshot:
    objects = {"path": ["a"], "size_bytes": [1], "num_records": [rows], "dt": [DAY], "hour": [9]}
    schema = pa.schema(
        [
            ("path", pa.string()),
            ("size_bytes", pa.int64()),
            ("num_records", pa.int64()),
            ("dt", pa.date32()),
            ("hour", pa.int32()),
        ]
    )
    return replace(SOURCE, objects=pa.table(objects, schema))


def written(*rows: dict[str, object]) -> list[dict[str, object]]:
    described: list[dict[str, object]] = serialise(pa.Table.from_pylist(list(rows), SCHEMA))[0].to_pylist()
    return described


def test_whole_hours_pass_the_check():
    """Every row counted once, and lines that add up to their receipts, may be committed."""
    step._check(raw(2), {NINE}, written(curated_minute(1, 100), curated_minute(2, 50)))


@pytest.mark.parametrize(
    ("rows", "computed", "said"),
    [
        (3, [curated_minute(1, 100), curated_minute(2, 50)], "3 rows, 2 counted"),
        (1, [curated_minute(1, 100), curated_minute(2, 50)], "1 rows, 2 counted"),
        (1, [curated_minute(1, 100) | {"departments": []}], "receipts of 100 minor units, lines of 0"),
        (0, [curated_minute(1, 7, hour=10)], "hour 10: 0 rows, 1 counted"),
    ],
    ids=["a row lost", "a row doubled", "lines lost", "an hour nobody touched"],
)
def test_what_is_not_whole_is_refused(rows: int, computed: list[dict[str, object]], said: str):
    """A rollup that does not hold the raw rows once, or whose lines' money differs, is not committed."""
    with pytest.raises(step.RollupError, match=said):
        step._check(raw(rows), {NINE}, written(*computed))


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


def test_a_backfill_beside_it_only_makes_a_step_look_again(curated: DeltaTable):
    """A commit that is no step, as a backfill's, comes first: the step then replaces what the backfill left."""
    commit(curated, 3, {NINE}, curated_minute(1, 100))
    late = DeltaTable(curated.table_uri)
    commit(curated, 3, {NINE}, curated_minute(1, 700))
    commit(late, 4, {NINE}, curated_minute(1, 100), curated_minute(2, 50))
    curated.update_incremental()
    assert amounts(curated) == [50, 100]


def test_a_backfill_never_replaces_what_is_newer(curated: DeltaTable):
    """A backfill that a step has outrun commits nothing: its hours are those of older receipts."""
    commit(curated, 3, {NINE}, curated_minute(1, 100))
    late = DeltaTable(curated.table_uri)
    commit(curated, 4, {NINE}, curated_minute(1, 100), curated_minute(2, 50))
    with pytest.raises(Fenced):
        commit(late, 3, {NINE}, curated_minute(1, 700))
    curated.update_incremental()
    assert amounts(curated) == [50, 100]


def test_a_backfill_that_finds_nothing_different_commits_nothing(curated: DeltaTable):
    """The same rows at the same version of receipts are no commit: a backfill done twice is done once."""
    commit(curated, 3, {NINE}, curated_minute(1, 100))
    before = curated.version()
    commit(curated, 3, {NINE}, curated_minute(1, 100))
    curated.update_incremental()
    assert curated.version() == before


def test_a_step_that_only_lines_made_fences_as_well(curated: DeltaTable):
    """Of two drivers at the same receipts, one that saw older lines replaces nothing of one that saw newer ones."""
    commit(curated, 3, {NINE}, curated_minute(1, 100))
    late = DeltaTable(curated.table_uri)
    commit(curated, 3, {NINE}, curated_minute(1, 100), curated_minute(2, 50), lines=2)
    with pytest.raises(Fenced):
        commit(late, 3, {NINE}, curated_minute(1, 700), lines=1)
    curated.update_incremental()
    assert amounts(curated) == [50, 100]
