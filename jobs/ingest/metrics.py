"""What the streams tell Prometheus, by feed. Spark's own metrics have the application in their names, and no feed."""

import json
import math
import time
from collections.abc import Mapping
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge
from pyspark.sql.streaming.listener import (
    QueryIdleEvent,
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
    StreamingQueryProgress,
)

from lake.manifests import BatchManifest

OUTCOMES = ("accepted", "duplicate", "quarantined")
# What a query's failure says of its cause, in the words of those who fail: the first that is found.
FAILURES: Mapping[str, tuple[str, ...]] = {
    "fenced": ("Another driver writes", "was decided by another driver", "seals its generation"),
    # Its folders: Spark's message names the object, and the trace, which would name its own classes, is not in it.
    "checkpoint": ("/offsets/", "/commits/", "/sources/0/"),
    "s3_denied": ("AccessDenied", "Access Denied", "Forbidden", "status code: 403", "403 Forbidden"),
    "s3_throttled": ("SlowDown", "Reduce your request rate", "status code: 503"),
    "kafka_denied": ("AuthenticationException", "AuthorizationException", "AUTHORIZATION_FAILED"),
    "kafka_data": ("OffsetOutOfRange", "Kafka did not deliver the offset", "the tables end before offset"),
}
OTHER = "other"


class StreamMetrics:
    """One object serves all queries of a driver."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, told: str, *labels: str) -> Gauge:
            return Gauge(f"tillstream_stream_{name}", told, ["feed", *labels], registry=registry)

        def counter(name: str, told: str, *labels: str) -> Counter:
            return Counter(f"tillstream_stream_{name}", told, ["feed", *labels], registry=registry)

        self._started = gauge("started_timestamp_seconds", "When the feed's query began, in seconds since 1970.")
        self._progress = gauge(
            "progress_timestamp_seconds", "When Spark last said that the query goes on, idle or not, since 1970."
        )
        self._input = gauge("input_rows_per_second", "Messages that came, by Spark's own count of the newest batch.")
        self._processed = gauge("processed_rows_per_second", "Messages that were worked off, likewise.")
        self._duration = gauge(
            "batch_duration_seconds",
            "How long the newest batch took, by Spark's phases; `triggerExecution` is all of it.",
            "phase",
        )
        self._lag = gauge("lag_messages", "What Kafka had and the query had not, at the end of the newest batch.")
        self._delay = gauge(
            "delay_seconds", "How old the oldest message of the newest batch was when its batch was committed."
        )
        self._registers = gauge("state_registers", "Registers whose sequences the driver knows.")
        self._state = gauge("state_size_bytes", "What of their sequences was sent to the tasks of the newest batch.")
        self._messages = counter("messages", "Messages of committed batches by what became of them.", "outcome")
        self._quarantined = counter("quarantined_messages", "Messages that were refused, by reason.", "reason")
        self._objects = counter("written_objects", "Objects of committed batches.", "table")
        self._bytes = counter("written_bytes", "Their size.", "table")
        self._failures = counter("failures", "Queries that failed, by the kind of cause.", "kind")

    def began(self, feed: str) -> None:
        """Counters begin at 0, so that their first step is seen, too."""
        self._started.labels(feed).set_to_current_time()
        self._progress.labels(feed).set_to_current_time()
        for outcome in OUTCOMES:
            self._messages.labels(feed, outcome)
        for kind in (*FAILURES, OTHER):
            self._failures.labels(feed, kind)

    def planned(self, feed: str, registers: int, state_bytes: int) -> None:
        self._registers.labels(feed).set(registers)
        self._state.labels(feed).set(state_bytes)

    def committed(self, manifest: BatchManifest, oldest_ms: int | None) -> None:
        """`oldest_ms`: when the oldest message of the batch was written, if there is one and it is known."""
        feed, counts = manifest.feed, manifest.counts
        refused = {
            name.removeprefix("refused:"): count for name, count in counts.items() if name.startswith("refused:")
        }
        self._messages.labels(feed, "accepted").inc(counts.get("accepted", 0))
        self._messages.labels(feed, "duplicate").inc(counts.get("duplicates", 0))
        self._messages.labels(feed, "quarantined").inc(sum(refused.values()))
        for reason, count in refused.items():
            self._quarantined.labels(feed, reason).inc(count)
        for table, objects in manifest.objects.items():
            self._objects.labels(feed, table).inc(len(objects))
            self._bytes.labels(feed, table).inc(sum(each.size for each in objects))
        if oldest_ms is not None:
            self._delay.labels(feed).set(max(0.0, time.time() - oldest_ms / 1000))

    def progressed(self, progress: StreamingQueryProgress) -> None:
        feed = progress.name or ""
        self._progress.labels(feed).set(time.time())
        self._input.labels(feed).set(_number(progress.inputRowsPerSecond))
        self._processed.labels(feed).set(_number(progress.processedRowsPerSecond))
        for phase, milliseconds in progress.durationMs.items():
            self._duration.labels(feed, phase).set(milliseconds / 1000)
        sources = [(each.latestOffset, each.endOffset) for each in progress.sources]
        self._lag.labels(feed).set(sum(_offsets(latest) - _offsets(end) for latest, end in sources))

    def idle(self, feed: str, at: str) -> None:
        self._progress.labels(feed).set(datetime.fromisoformat(at).timestamp())
        self._lag.labels(feed).set(0)
        for rate in (self._input, self._processed):
            rate.labels(feed).set(0)

    def failed(self, feed: str, cause: str) -> None:
        self._failures.labels(feed, kind_of(cause)).inc()


class Listener(StreamingQueryListener):
    """Hears of every query of a session. An idle query is called by its run only."""

    def __init__(self, metrics: StreamMetrics) -> None:
        self._metrics = metrics
        self._feeds: dict[str, str] = {}

    def onQueryStarted(self, event: QueryStartedEvent) -> None:  # noqa: N802 - Spark's name
        self._feeds[str(event.runId)] = event.name or ""

    def onQueryProgress(self, event: QueryProgressEvent) -> None:  # noqa: N802 - as above
        self._metrics.progressed(event.progress)

    def onQueryIdle(self, event: QueryIdleEvent) -> None:  # noqa: N802 - as above
        if feed := self._feeds.get(str(event.runId)):
            self._metrics.idle(feed, event.timestamp)

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:  # noqa: N802 - as above
        """What failed is counted by who waits for the queries' end, before the driver ends."""


def kind_of(cause: str) -> str:
    return next((kind for kind, words in FAILURES.items() if any(word in cause for word in words)), OTHER)


def _offsets(text: str | None) -> int:
    """The sum of a Kafka source's offsets: {topic: {partition: offset}}."""
    topics = json.loads(text) if text else {}
    return sum(offset for partitions in topics.values() for offset in partitions.values())


def _number(value: float) -> float:
    """Spark divides by the time between two batches: NaN for the first, infinite for two at once."""
    return value if math.isfinite(value) else 0.0
