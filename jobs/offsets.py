"""Sets of offsets by partition: eight bytes each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_NONE: Numbers = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Offsets:
    """By partition: offsets, ascending, each once."""

    by_partition: Mapping[int, Numbers]

    @classmethod
    def of(cls, rows: Iterable[pa.Table | pa.RecordBatch]) -> Self:
        """From columns kafka_partition and kafka_offset."""
        parts: dict[int, list[Numbers]] = {}
        for each in rows:
            partitions = each["kafka_partition"].to_numpy(zero_copy_only=False)
            offsets = each["kafka_offset"].to_numpy(zero_copy_only=False).astype(np.int64)
            for partition in np.unique(partitions).tolist():
                parts.setdefault(partition, []).append(offsets[partitions == partition])
        return cls({partition: np.unique(np.concatenate(found)) for partition, found in parts.items()})

    def __len__(self) -> int:
        return sum(len(offsets) for offsets in self.by_partition.values())

    def within(self, partition: int) -> Numbers:
        return self.by_partition.get(partition, _NONE)

    def hold(self, partition: int, offsets: Numbers) -> Flags:
        """Which of these are in the set."""
        found: Flags = np.isin(offsets, self.within(partition))
        return found

    def mark(self, rows: pa.Table) -> Flags:
        """Which of these rows (kafka_partition and kafka_offset) are in the set."""
        partitions = rows["kafka_partition"].to_numpy()
        offsets = rows["kafka_offset"].to_numpy().astype(np.int64)
        found: Flags = np.zeros(len(rows), np.bool_)
        for partition in np.unique(partitions).tolist():
            here = partitions == partition
            found[here] = self.hold(partition, offsets[here])
        return found
