"""What each table consists of, as its log has it: objects, bytes, and how many objects compaction could have joined."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

import pyarrow as pa
from prometheus_client import Metric

from lake import names
from lake.errors import LakeError
from lake.exporter.families import Family
from lake.exporter.looking import look_at_each
from lake.tables import DeltaTables

OBJECTS = Family("tillstream_table_objects", "Objects that the newest version of a table consists of.", ("table",))
BYTES = Family("tillstream_table_size_bytes", "Their size.", ("table",))
VERSION = Family("tillstream_table_version", "The table's newest version.", ("table",))
SMALL = Family(
    "tillstream_table_small_objects",
    "Objects too many in the partitions of ended days: small ones, but for one in each partition.",
    ("table",),
)
SMALL_BYTES = 128 * 2**20
"""Compaction leaves larger objects alone."""

# What ended less long ago, compaction may still have to come to.
_ENDED = timedelta(days=2)


@dataclass(frozen=True)
class _Seen:
    version: int
    objects: int
    size: int
    small: int


class Tables:
    """Reads the logs, so it takes longer the more objects there are."""

    name: ClassVar[str] = "tables"
    every_seconds: ClassVar[float] = 300
    families: ClassVar[tuple[Family, ...]] = (OBJECTS, BYTES, VERSION, SMALL)

    def __init__(
        self, tables: DeltaTables, wanted: Iterable[str], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """`wanted` that are not there yet are passed over; one that was there and is gone is a failure."""
        self._tables = tables
        self._wanted = tuple(wanted)
        self._now = now
        self._seen: dict[str, _Seen] = {}

    def look(self) -> None:
        look_at_each(self._wanted, self._look_at)

    def _look_at(self, name: str) -> None:
        # Asked each time: to an open handle, a table that is gone looks like one that rests.
        if not self._tables.exists(name):
            if name in self._seen:
                self._seen = {other: seen for other, seen in self._seen.items() if other != name}
                raise LakeError("its log is gone; restore it from its bucket's versions")
            return
        table = self._tables.table(name)
        actions = pa.table(table.get_add_actions()).select(["path", "size_bytes"])
        paths, sizes = actions["path"].to_pylist(), actions["size_bytes"].to_pylist()
        joinable = small(zip(paths, sizes, strict=True), self._now().date() - _ENDED)
        self._seen = {**self._seen, name: _Seen(table.version(), len(paths), sum(sizes), joinable)}

    def metrics(self) -> Iterator[Metric]:
        yield OBJECTS.of(([name], seen.objects) for name, seen in self._seen.items())
        yield BYTES.of(([name], seen.size) for name, seen in self._seen.items())
        yield VERSION.of(([name], seen.version) for name, seen in self._seen.items())
        yield SMALL.of(([name], seen.small) for name, seen in self._seen.items())


def small(objects: Iterable[tuple[str, int]], ended: date) -> int:
    """How many objects fewer there could be, by path and size, in the partitions of business dates up to `ended`."""
    folders = Counter(path.rpartition("/")[0] for path, size in objects if size < SMALL_BYTES)
    return sum(count - 1 for folder, count in folders.items() if (day := names.business_date(folder)) and day <= ended)
