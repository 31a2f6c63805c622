"""Looks up what the tables kept of events that came again: the same message is a duplicate, another one a conflict."""

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import pyarrow as pa
import pyarrow.parquet as pq

from lake import names
from lake.objects import ObjectStore
from lake.tables import DeltaTables

COLUMNS = ["event_id", "key_generation", "signature"]
# Messages come again soon, so the objects that answer are few. Each holds one hour of one task.
OBJECTS_REMEMBERED = 256


@dataclass(frozen=True)
class Suspect:
    """An event seen before, and the partition of the table where its like must lie if it is the same event."""

    event_id: str
    business_date: date
    hour: int


@dataclass(frozen=True)
class Kept:
    key_generation: int
    signature: bytes


class KeptRows:
    """Reads a feed's parent table, newest objects first; remembers objects, which never change."""

    def __init__(self, store: ObjectStore, tables: DeltaTables, table: str) -> None:
        self._store = store
        self._tables = tables
        self._table = table
        self._read: Callable[[str], pa.Table] = lru_cache(OBJECTS_REMEMBERED)(self._read_object)

    def find(self, suspects: Iterable[Suspect], kafka_partition: int) -> Mapping[str, Kept]:
        """The kept rows by event id. A store lives in one Kafka partition, so only that one's objects are read."""
        wanted: dict[tuple[date, int], set[str]] = {}
        for suspect in suspects:
            wanted.setdefault((suspect.business_date, suspect.hour), set()).add(suspect.event_id)
        found: dict[str, Kept] = {}
        handle = self._tables.table(self._table)
        for (day, hour), ids in wanted.items():
            paths = handle.file_uris([("dt", "=", day.isoformat()), ("hour", "=", str(hour))])
            for path in _newest_first(paths, kafka_partition):
                if not ids:
                    break
                rows = self._read(path.removeprefix(f"{self._store.uri}/"))
                matches = rows.filter(pa.compute.is_in(rows["event_id"], value_set=pa.array(sorted(ids), pa.string())))
                for row in matches.to_pylist():
                    found[row["event_id"]] = Kept(row["key_generation"], row["signature"])
                    ids.discard(row["event_id"])
        return found

    def _read_object(self, key: str) -> pa.Table:
        return pq.read_table(io.BytesIO(self._store.get(key)), columns=COLUMNS)


def _newest_first(paths: Iterable[str], kafka_partition: int) -> list[str]:
    """Objects of that Kafka partition by falling offsets, and those that a compaction renamed."""
    named = [(names.parse(path), path) for path in paths]
    own = [(name.last, path) for name, path in named if name and name.partition == kafka_partition]
    return [path for _, path in sorted(own, reverse=True)] + [path for name, path in named if name is None]
