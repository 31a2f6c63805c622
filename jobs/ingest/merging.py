"""The results of a batch's tasks as one whole."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from jobs.errors import OffsetsMissing, RangePlanChanged
from jobs.ingest.results import TaskResult
from lake.manifests import DataObject, OffsetRange


def offset_ranges(topic: str, ends: Mapping[int, int], results: Sequence[TaskResult]) -> tuple[OffsetRange, ...]:
    """What the batch covers of every partition, each beginning where the batch before ended (`ends`).

    Raise RangePlanChanged where a partition was read by two tasks, OffsetsMissing where a range begins elsewhere. A
    range that ends too early is found by the next batch, which then begins elsewhere.
    """
    found = {result.partition: result for result in results}
    if len(found) < len(results):
        raise RangePlanChanged(
            f"{topic}: a partition's range was split between tasks, so duplicates could have been missed. Nothing of "
            "this batch was committed. Remove minPartitions and maxRecordsPerPartition from Spark's options."
        )
    for partition, result in found.items():
        if ends.get(partition) != result.first:
            raise OffsetsMissing(
                f"{topic}, partition {partition}: the tables end before offset {ends.get(partition)}, the batch begins "
                f"at {result.first}. Nothing of this batch was committed. Start the stream again: it says what of that "
                "Kafka no longer has, and how to go on."
            )
    return tuple(
        OffsetRange(partition, end, found[partition].last + 1 if partition in found else end)
        for partition, end in sorted(ends.items())
    )


def objects_by_table(results: Sequence[TaskResult]) -> dict[str, tuple[DataObject, ...]]:
    """Everything the tasks wrote."""
    tables: defaultdict[str, list[DataObject]] = defaultdict(list)
    for result in results:
        for table, written in result.objects:
            tables[table].append(written)
    return {table: tuple(written) for table, written in tables.items()}


def oldest_ms(results: Sequence[TaskResult]) -> int | None:
    """When the oldest message of the batch was written, or None where it has none."""
    return min((result.oldest_ms for result in results), default=None)


def counts(results: Sequence[TaskResult]) -> dict[str, int]:
    """Messages, what became of them (`refused:<reason>`), and rows by table (`rows:<table>`)."""
    total: Counter[str] = Counter()
    for result in results:
        total["messages"] += result.messages
        total["accepted"] += result.accepted
        total["duplicates"] += result.duplicates
        total.update({f"refused:{reason}": number for reason, number in result.refused.items()})
        for table, written in result.objects:
            total[f"rows:{table}"] += written.rows
    return dict(total)
