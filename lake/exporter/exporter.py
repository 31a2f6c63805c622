"""Looks at every part of the lake at its own pace, and tells Prometheus what was seen last and when."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Metric
from prometheus_client.registry import Collector

from contracts import Contract
from lake import curated
from lake.exporter.completeness import Completeness
from lake.exporter.families import Family, Part
from lake.exporter.feeds import Feeds
from lake.exporter.looking import FAILURES
from lake.exporter.quality import Quality
from lake.exporter.stores import Stores
from lake.exporter.tables import Tables
from lake.tables import DeltaTables, definitions

log = logging.getLogger(__name__)

LOOKED = Family(
    "tillstream_exporter_look_timestamp_seconds",
    "When the exporter last saw a part of the lake, or was started if it never has, in seconds since 1970. "
    "What it tells of that part is as old.",
    ("part",),
)
TOOK = Family("tillstream_exporter_look_duration_seconds", "How long that look took.", ("part",))
# Where nothing was there to be seen, it is looked for again so soon, whatever the part's own pace.
SOON_SECONDS = 15.0


def parts(tables: Callable[[], DeltaTables], contracts: Mapping[str, Contract]) -> tuple[Part, ...]:
    """Everything there is to see. `tables` makes handles: one set for each part, which look at different times."""
    wanted = [definition.name for definition in definitions(contracts.values())] + [curated.TABLE]
    return (
        Feeds(tables(), contracts),
        Stores(tables(), contracts),
        Tables(tables(), wanted),
        Completeness(tables(), contracts),
        Quality(tables()),
    )


class Exporter(Collector):
    """Register it where Prometheus asks. `run` looks until it is told to stop.

    A part that fails or hangs is told on with its age, and holds up no other: each has a thread of its own.
    """

    def __init__(
        self,
        watched: Sequence[Part],
        registry: CollectorRegistry,
        times_as_often: int = 1,
        least_pause_seconds: float = 0,
    ) -> None:
        """Each part is looked at at its own pace, or so many times as often, but with that pause between two looks."""
        self._parts = watched
        self._times_as_often = times_as_often
        self._least_pause_seconds = least_pause_seconds
        # A part that cannot be seen from the start is missed, too.
        self._looked_at = {part.name: datetime.now(UTC).timestamp() for part in watched}
        self._took: dict[str, float] = {}
        self._failures = Counter(
            "tillstream_exporter_look_failures",
            "Looks that failed, by part of the lake.",
            ["part"],
            registry=registry,
        )
        for part in watched:
            self._failures.labels(part.name)
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """Names without values: registering must not look."""
        for family in self.families():
            yield family.of()

    def collect(self) -> Iterator[Metric]:
        for part in self._parts:
            yield from part.metrics()
        yield LOOKED.of(([name], at) for name, at in self._looked_at.items())
        yield TOOK.of(([name], took) for name, took in self._took.copy().items())

    def families(self) -> Iterator[Family]:
        for part in self._parts:
            yield from part.families
        yield from (LOOKED, TOOK)

    def look(self, part: Part) -> bool:
        """Look at a part now. False where it could not be seen."""
        began = time.monotonic()
        try:
            part.look()
        except FAILURES as error:
            self._failures.labels(part.name).inc()
            log.warning("%s could not be seen; what was seen before is told on. %s", part.name, error)
            return False
        except Exception:  # It is told of by its age, and the other parts are looked at all the same.
            self._failures.labels(part.name).inc()
            log.exception("%s could not be seen, by a fault of the exporter's; please report it", part.name)
            return False
        self._looked_at[part.name] = datetime.now(UTC).timestamp()
        self._took[part.name] = time.monotonic() - began
        return True

    def run(self, stop: threading.Event) -> None:
        threads = [threading.Thread(target=self._watch, args=(part, stop), name=part.name) for part in self._parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _watch(self, part: Part, stop: threading.Event) -> None:
        while not stop.is_set():
            self.look(part)
            stop.wait(self._pause_seconds(part))

    def _pause_seconds(self, part: Part) -> float:
        seen = any(metric.samples for metric in part.metrics())
        pause = part.every_seconds if seen else min(SOON_SECONDS, part.every_seconds)
        return max(self._least_pause_seconds, pause / self._times_as_often)
