import pyarrow as pa
import pytest

import contracts
from jobs.errors import OffsetsMissing, RangePlanChanged
from jobs.ingest.task import BatchPlan, offset_range
from jobs.ingest.writing import OffsetRange

PLAN = BatchPlan(contracts.load()["pos.receipts"], "AbCdEfGhIjKlMnOpQrStUv", 6, "0")


def chunk(partition: int, *offsets: int) -> pa.Table:
    return pa.table(
        {"partition": pa.array([partition] * len(offsets), pa.int32()), "offset": pa.array(offsets, pa.int64())}
    )


def test_a_task_reads_one_range() -> None:
    """It may come in several chunks."""
    found = offset_range(PLAN, [chunk(1, 5, 6), chunk(1, 7)])
    assert found == OffsetRange(PLAN.topic_id, 1, 5, 7)


@pytest.mark.parametrize("chunks", [[chunk(1, 5, 7)], [chunk(1, 5), chunk(1, 7)]])
def test_a_hole_in_the_offsets_stops_the_batch(chunks: list[pa.Table]) -> None:
    """A message that Kafka left out would never be asked for again."""
    with pytest.raises(OffsetsMissing, match="the offset after 5"):
        offset_range(PLAN, chunks)


def test_a_task_of_two_partitions_stops_the_batch() -> None:
    """Its objects would be named after the first one."""
    with pytest.raises(RangePlanChanged):
        offset_range(PLAN, [chunk(1, 5), chunk(2, 6)])
