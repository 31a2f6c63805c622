import pyarrow as pa
import pytest

import contracts
from jobs.errors import OffsetsMissing, RangePlanChanged
from jobs.ingest.task import BatchPlan, gathered, offset_range
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


def test_small_batches_are_decoded_together() -> None:
    """Every message is in one chunk, in its order, and each chunk but the last has as many as asked for."""
    batches = [chunk(1, *offsets).to_batches()[0] for offsets in ((5, 6), (7,), (8, 9), (10,))]
    found = list(gathered([*batches, batches[0].slice(0, 0)], at_once=3))
    assert [each["offset"].to_pylist() for each in found] == [[5, 6, 7], [8, 9, 10]]
    assert [each["offset"].num_chunks for each in found] == [1, 1]
    assert list(gathered([batches[0].slice(0, 0)])) == []


@pytest.mark.parametrize("chunks", [[chunk(1, 5, 7)], [chunk(1, 5), chunk(1, 7)]])
def test_a_hole_in_the_offsets_stops_the_batch(chunks: list[pa.Table]) -> None:
    """A message that Kafka left out would never be asked for again."""
    with pytest.raises(OffsetsMissing, match="the offset after 5"):
        offset_range(PLAN, chunks)


def test_a_task_of_two_partitions_stops_the_batch() -> None:
    """Its objects would be named after the first one."""
    with pytest.raises(RangePlanChanged):
        offset_range(PLAN, [chunk(1, 5), chunk(2, 6)])
