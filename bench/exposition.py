"""What the lake exporter tells of so many stores, on a port of loopback: python -m bench.exposition STORES PORT.

The families are the exporter's own, and so is the server; only what was seen is made up. One store in fifty is silent,
as many have an old outbox, and each reports once a minute.
"""

import sys
import threading
import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Metric, start_http_server
from prometheus_client.registry import Collector

from lake.exporter.completeness import REGISTER_DAYS, State
from lake.exporter.stores import HEARTBEAT, OUTBOX_AGE, OUTBOX_DEPTH

SILENT_SECONDS = 4 * 3600
OLD_SECONDS = 3600
ONE_IN = 50
DAYS = 7
REGISTERS = 4


class Stores(Collector):
    """Says of each store what a live one would have said by now."""

    def __init__(self, stores: int) -> None:
        self._ids = [[f"{number:05d}"] for number in range(stores)]

    def collect(self) -> Iterator[Metric]:
        minute = time.time() // 60
        yield HEARTBEAT.of(
            (labels, minute * 60 - (SILENT_SECONDS if number % ONE_IN == 0 else number % 60))
            for number, labels in enumerate(self._ids)
        )
        yield OUTBOX_DEPTH.of((labels, (number * 7 + minute) % 40) for number, labels in enumerate(self._ids))
        yield OUTBOX_AGE.of(
            (labels, OLD_SECONDS if number % ONE_IN == 1 else (number + minute) % 30)
            for number, labels in enumerate(self._ids)
        )
        days = len(self._ids) * REGISTERS * DAYS
        yield REGISTER_DAYS.of(([state], days if state == State.COMPLETE else 0) for state in State)


def main() -> None:
    stores, port = map(int, sys.argv[1:])
    registry = CollectorRegistry()
    registry.register(Stores(stores))
    start_http_server(port, addr="127.0.0.1", registry=registry)
    threading.Event().wait()


if __name__ == "__main__":
    main()
