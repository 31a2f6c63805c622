from dataclasses import replace

import pytest

from jobs.errors import OffsetsMissing, RangePlanChanged
from jobs.ingest.merging import counts, objects_by_table, offset_ranges
from jobs.ingest.results import TaskResult
from lake.manifests import DataObject, OffsetRange

OBJECT = DataObject("dt=2026-11-20/hour=12/x.parquet", 100, 5, {"dt": "2026-11-20", "hour": "12"}, {"numRecords": 5})
RESULT = TaskResult(
    partition=1,
    first=20,
    last=29,
    messages=10,
    oldest_ms=1_700_000_000_000,
    accepted=5,
    duplicates=1,
    refused={"not_json": 4},
    objects=[("receipts", OBJECT)],
    seen={"330:1:0123456789ab": (1, 5)},
)
ENDS = {0: 7, 1: 20, 2: 0}


def test_a_result_survives_its_way_to_the_driver() -> None:
    """What a task encodes, the driver decodes to the same value."""
    assert TaskResult.decode(RESULT.encode()) == RESULT


def test_ranges_name_every_partition() -> None:
    """A partition without messages in the batch ends where it did."""
    found = offset_ranges("t", ENDS, [RESULT])
    assert found == (OffsetRange(0, 7, 7), OffsetRange(1, 20, 30), OffsetRange(2, 0, 0))


@pytest.mark.parametrize("first", [19, 21])
def test_a_range_begins_where_the_tables_end(first: int) -> None:
    """Offsets that are left out, or read again, stop the batch."""
    with pytest.raises(OffsetsMissing, match="the tables end before offset 20"):
        offset_ranges("t", ENDS, [replace(RESULT, first=first)])


def test_an_unknown_partition_stops_the_batch() -> None:
    """A partition that was added while the stream ran is not read on."""
    with pytest.raises(OffsetsMissing):
        offset_ranges("t", ENDS, [replace(RESULT, partition=3, first=0)])


def test_two_tasks_of_one_partition_stop_the_batch() -> None:
    """Duplicates between them would not have been seen."""
    with pytest.raises(RangePlanChanged):
        offset_ranges("t", ENDS, [RESULT, replace(RESULT, first=30, last=40)])


def test_results_add_up() -> None:
    """Counts and objects of all tasks are the batch's."""
    other = replace(RESULT, partition=0, refused={"not_json": 1, "empty": 1})
    assert counts([RESULT, other]) == {
        "messages": 20,
        "accepted": 10,
        "duplicates": 2,
        "refused:not_json": 5,
        "refused:empty": 1,
        "rows:receipts": 10,
    }
    assert objects_by_table([RESULT, other]) == {"receipts": (OBJECT, OBJECT)}
