"""The end of the application: by SIGTERM in good order, or by the failure of a query."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

log = logging.getLogger(__name__)

# A batch that takes longer is abandoned, as by a kill; the next start finishes it.
GRACE_SECONDS = 60.0
LINES_OF_CAUSE = 12
POLL_SECONDS = 0.2
_UNASKED = "it ended without an error, and nobody asked for that"


class StopRequested(Exception):  # noqa: N818 - no error: it ends a query between two batches
    """Raised at the start of a batch after a stop was asked for. Spark has noted the batch before by then."""


class _OnTerm:
    """A signal handler for the JVM: under spark-submit that is the process which a SIGTERM reaches."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop

    def handle(self, _signal: Any) -> None:  # noqa: ANN401 - a Java object
        self._stop.set()

    class Java:
        implements = ["sun.misc.SignalHandler"]  # noqa: RUF012 - py4j reads it so


def on_sigterm(spark: SparkSession) -> threading.Event:
    """An event that SIGTERM sets, whichever of the two processes gets it: the JVM or this one."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    gateway: Any = spark.sparkContext._gateway  # noqa: SLF001 - pyspark offers no other way to the JVM
    ensure_callback_server_started(gateway)  # type: ignore[no-untyped-call] # pyspark's own
    gateway.jvm.sun.misc.Signal.handle(gateway.jvm.sun.misc.Signal("TERM"), _OnTerm(stop))
    return stop


def await_end(queries: Sequence[StreamingQuery], stop: threading.Event, on_failure: Callable[[str, str], None]) -> int:
    """Wait until a query fails or a stop is asked for; end the others between two batches. The exit code.

    `on_failure` is told the feed and the whole cause of each query that failed, be it in the batch that was under way
    when the stop was asked for.
    """
    while not stop.wait(POLL_SECONDS) and all(query.isActive for query in queries):
        pass
    unasked = [] if stop.is_set() else [query for query in queries if not query.isActive]
    stop.set()
    deadline = time.monotonic() + GRACE_SECONDS
    while (active := [query for query in queries if query.isActive]) and time.monotonic() < deadline:
        for query in active:
            # Idle between two batches: nothing is under way. A busy one ends itself at its next batch.
            if not query.status["isTriggerActive"]:
                query.stop()
        time.sleep(POLL_SECONDS)
    for query in active:
        log.warning(
            "%s did not end within %d s and is cut off; its batch is finished at the next start",
            query.name,
            GRACE_SECONDS,
        )
        query.stop()
    ended = [(query, _cause(query)) for query in queries if query not in active]
    failures = [(query.name, cause or _UNASKED) for query, cause in ended if cause or query in unasked]
    for name, cause in failures:
        on_failure(name, cause)
        log.error("%s failed; what is committed stands, and a restart goes on from there\n%s", name, _told(cause))
    return 1 if failures else 0


def _cause(query: StreamingQuery) -> str | None:
    """Why a query failed; None where it was stopped, from outside or by itself as it was asked to."""
    cause = str(query.exception() or "")
    asked = f"{StopRequested.__module__}.{StopRequested.__qualname__}"
    return cause if cause and asked not in cause else None


def _told(cause: str) -> str:
    """The end of what Spark says before it describes the query's plan: there stands the innermost message."""
    text = cause.partition("=== Streaming Query ===")[0]
    return "\n".join(text.strip().splitlines()[-LINES_OF_CAUSE:])
