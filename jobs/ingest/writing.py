"""Arrow tables become Parquet objects: one per table, date and hour, written whole by one PUT with a checksum."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lake import names
from lake.objects import ObjectStore
from lake.statistics import present, statistics

# Of these nearly each message has its own: a dictionary would take longer to write and more room than the values.
_DISTINCT = {"kafka_offset", "event_id", "event_time", "signature", "payload"}


@dataclass(frozen=True)
class OffsetRange:
    """The messages of one task: one topic and partition, both offsets included."""

    topic_id: str
    partition: int
    first: int
    last: int


@dataclass(frozen=True)
class PendingObject:
    """A Parquet object in memory. `path` is relative to its table; `statistics` are Delta's."""

    table: str
    path: str
    partition_values: dict[str, str]
    rows: int
    statistics: dict[str, Any]
    body: bytes


def by_partition(table: pa.Table, columns: Sequence[str]) -> Iterator[tuple[dict[str, str], pa.Table]]:
    """The rows of each partition, as slices, without the partition columns; rows keep their order.

    The values are spelled as in the paths and the log of Delta: `2026-11-23`, `7`.
    """
    if not len(table):
        return
    code = np.zeros(len(table), dtype=np.int64)
    for column in columns:
        encoded = table[column].combine_chunks().dictionary_encode()
        code = code * len(encoded.dictionary) + encoded.indices.to_numpy()
    starts = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(table)]
    if len(starts) - 1 > np.count_nonzero(np.bincount(code)):
        # A partition's rows do not stand together.
        order = np.argsort(code, kind="stable")
        table, code = table.take(order), code[order]
        starts = [0, *(np.flatnonzero(np.diff(code)) + 1).tolist(), len(table)]
    keys = table.select(list(columns))
    data = table.drop_columns(list(columns))
    for start, end in pairwise(starts):
        values = {column: str(keys[column][start].as_py()) for column in columns}
        yield values, data.slice(start, end - start)


def parquet(rows: pa.Table) -> bytes:
    """The rows as one Parquet file; the same rows give the same bytes."""
    sink = io.BytesIO()
    pq.write_table(
        rows,
        sink,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in rows.column_names if name not in _DISTINCT],
        write_statistics=list(present(rows.schema)),
    )
    return sink.getvalue()


def encode(name: str, values: dict[str, str], rows: pa.Table, offsets: OffsetRange) -> PendingObject:
    """Serialise the rows of one partition. The same rows give the same bytes, and so the same name."""
    body = parquet(rows)
    path = names.object_path(
        values, offsets.topic_id, offsets.partition, first=offsets.first, last=offsets.last, body=body
    )
    return PendingObject(name, path, values, len(rows), statistics(rows), body)


def put_all(store: ObjectStore, objects: Sequence[PendingObject]) -> None:
    """Write every object; returns when S3 has them all."""
    store.put_all([(f"{each.table}/{each.path}", each.body) for each in objects])
