"""A driver's metrics over HTTP, and the wait that keeps the last of them from being lost.

A driver that fails ends, and what it counted last ends with it. So it waits for one more scrape, if it is scraped at
all: a restart is delayed by one interval at most, and the alert knows why.
"""

import os
import threading
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.registry import Collector

LISTEN = "TILLSTREAM_METRICS_LISTEN"
"""`address:port`; not set: nothing is served."""

LINGER_SECONDS = 20.0
# Who has not asked for so long does not scrape.
FORGOTTEN_SECONDS = 90.0


class MetricsServer:
    """Serves a registry from `start` until the process ends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._scrapes = _Scrapes(registry)

    def start(self) -> None:
        if listen := os.environ.get(LISTEN):
            address, _, port = listen.rpartition(":")
            start_http_server(int(port), addr=address, registry=self._scrapes)

    def linger(self, timeout_seconds: float = LINGER_SECONDS) -> None:
        """Return when what is counted by now has been read, or nobody reads it."""
        if self._scrapes.seconds_ago() < FORGOTTEN_SECONDS:
            self._scrapes.await_next(timeout_seconds)


class _Scrapes(Collector):
    """All that the registry has, for whoever scrapes it; sees when that is."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._last = float("-inf")
        self._begun = self._told = 0
        self._changed = threading.Condition()

    def collect(self) -> Iterator[Metric]:
        with self._changed:
            self._begun += 1
            number = self._begun
            self._last = time.monotonic()
        yield from self._registry.collect()
        with self._changed:
            self._told = max(self._told, number)
            self._changed.notify_all()

    def seconds_ago(self) -> float:
        return time.monotonic() - self._last

    def await_next(self, timeout_seconds: float) -> None:
        """Wait for a scrape that begins later: one that is under way may have passed by what was counted just now."""
        with self._changed:
            under_way = self._begun
            self._changed.wait_for(lambda: self._told > under_way, timeout_seconds)
