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
        self._registry = registry
        self._scrapes = _Scrapes()
        registry.register(self._scrapes)

    def start(self) -> None:
        if listen := os.environ.get(LISTEN):
            address, _, port = listen.rpartition(":")
            start_http_server(int(port), addr=address, registry=self._registry)

    def linger(self, timeout_seconds: float = LINGER_SECONDS) -> None:
        """Return when what is counted by now has been read, or nobody reads it."""
        if self._scrapes.seconds_ago() < FORGOTTEN_SECONDS:
            self._scrapes.await_next(timeout_seconds)


class _Scrapes(Collector):
    """Has nothing to tell; it is there to see who asks."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._asked = threading.Event()

    def describe(self) -> Iterator[Metric]:
        return iter(())

    def collect(self) -> Iterator[Metric]:
        self._last = time.monotonic()
        self._asked.set()
        return iter(())

    def seconds_ago(self) -> float:
        return time.monotonic() - self._last

    def await_next(self, timeout_seconds: float) -> None:
        self._asked.clear()
        self._asked.wait(timeout_seconds)
