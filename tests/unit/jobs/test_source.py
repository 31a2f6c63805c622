import pytest

from jobs.errors import RangePlanChanged
from jobs.ingest.source import check_options


@pytest.mark.parametrize("name", ["minPartitions", "maxRecordsPerPartition", "startingOffsets", "failOnDataLoss"])
def test_options_that_change_what_is_read_are_refused(name: str) -> None:
    """Ranges, start and completeness are the job's own."""
    with pytest.raises(RangePlanChanged, match=name):
        check_options({name: "1"})


def test_sizes_may_differ_between_restarts() -> None:
    """How much is read at once changes nothing of what is read."""
    check_options({"maxOffsetsPerTrigger": "5", "kafka.fetch.max.bytes": "1000"})
