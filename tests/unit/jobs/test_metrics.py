"""What the streams tell Prometheus."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from pyspark.sql.streaming.listener import StreamingQueryProgress

from jobs.ingest.metrics import StreamMetrics, kind_of
from jobs.metrics_server import MetricsServer
from lake.manifests import BatchManifest, DataObject

FEED = {"feed": "pos.receipts"}
MANIFEST = BatchManifest(
    feed="pos.receipts",
    generation=1,
    batch=0,
    topic="pos.receipts.v1",
    topic_id="x",
    ranges=(),
    objects={"receipts": (DataObject("a", 100, 1, {}, {}), DataObject("b", 50, 1, {}, {}))},
    sequences={},
    previous=None,
    snapshot=None,
    counts={"messages": 10, "accepted": 6, "duplicates": 1, "refused:not_json": 2, "refused:rule:x": 1},
    batch_time="2026-11-20T12:00:00.000Z",
    writer="w",
    job_version="1",
    contract_version="1.0.0",
)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> StreamMetrics:
    made = StreamMetrics(registry)
    made.began("pos.receipts")
    return made


def test_a_batch_is_counted_by_what_became_of_its_messages(metrics: StreamMetrics, registry: CollectorRegistry):
    """Accepted, duplicate and quarantined messages are counted from the manifest, and what was written."""
    metrics.committed(MANIFEST, None)
    for outcome, count in (("accepted", 6), ("duplicate", 1), ("quarantined", 3)):
        assert registry.get_sample_value("tillstream_stream_messages_total", FEED | {"outcome": outcome}) == count
    reason = FEED | {"reason": "rule:x"}
    assert registry.get_sample_value("tillstream_stream_quarantined_messages_total", reason) == 1
    assert registry.get_sample_value("tillstream_stream_written_objects_total", FEED | {"table": "receipts"}) == 2
    assert registry.get_sample_value("tillstream_stream_written_bytes_total", FEED | {"table": "receipts"}) == 150


def test_counters_are_there_before_they_count(metrics: StreamMetrics, registry: CollectorRegistry):
    """The first step of a counter is seen only where it stood at 0 before."""
    del metrics
    for labels in (FEED | {"kind": "checkpoint"}, FEED | {"kind": "other"}):
        assert registry.get_sample_value("tillstream_stream_failures_total", labels) == 0
    assert registry.get_sample_value("tillstream_stream_messages_total", FEED | {"outcome": "quarantined"}) == 0


def test_lag_is_what_the_source_has_and_the_batch_has_not(metrics: StreamMetrics, registry: CollectorRegistry):
    """Lag is summed over partitions; rates that Spark cannot tell are 0."""
    progress: dict[str, Any] = {
        "name": "pos.receipts",
        "inputRowsPerSecond": float("nan"),
        "processedRowsPerSecond": 120.0,
        "durationMs": {"triggerExecution": 1500},
        "sources": [{"latestOffset": '{"t":{"0":10,"1":7}}', "endOffset": '{"t":{"0":4,"1":7}}'}],
    }
    progress["sources"] = [_Source(**progress["sources"][0])]
    metrics.progressed(_Progress(progress))
    assert registry.get_sample_value("tillstream_stream_lag_messages", FEED) == 6
    assert registry.get_sample_value("tillstream_stream_input_rows_per_second", FEED) == 0
    assert registry.get_sample_value("tillstream_stream_processed_rows_per_second", FEED) == 120
    phase = FEED | {"phase": "triggerExecution"}
    assert registry.get_sample_value("tillstream_stream_batch_duration_seconds", phase) == 1.5
    metrics.idle("pos.receipts", "2026-11-20T12:00:00.000Z")
    assert registry.get_sample_value("tillstream_stream_lag_messages", FEED) == 0
    assert registry.get_sample_value("tillstream_stream_progress_timestamp_seconds", FEED) == 1795176000


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (
            (
                "ingest/pos.receipts/1/offsets/.17.6d0f.tmp: "
                "Writing Object on ingest/pos.receipts/1/offsets/.17.6d0f.tmp: "
                "software.amazon.awssdk.services.s3.model.S3Exception: "
                "User: arn:aws:sts::000000000000:assumed-role/r/r is not authorized to perform: s3:PutObject "
                "(Service: S3, Status Code: 403) (SDK Attempt Count: 1)"
                ":AccessDenied"
            ),
            "checkpoint",
        ),
        ("lake.errors.LakeError: s3://lake/x could not be written as r: (AccessDenied)", "s3_denied"),
        ("(SlowDown) Please reduce your request rate", "s3_throttled"),
        ("Another driver writes pos.receipts: receipts has batch 4", "fenced"),
        ("Kafka did not deliver the offset after 7", "kafka_data"),
        ("org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized", "kafka_denied"),
        ("ZeroDivisionError", "other"),
    ],
)
def test_a_failure_has_a_kind(cause: str, kind: str):
    """The kind is told by the words of whoever failed."""
    assert kind_of(cause) == kind


def test_a_driver_that_nobody_scrapes_does_not_wait(registry: CollectorRegistry):
    """Without a scrape in the last minute and a half the driver ends at once."""
    MetricsServer(registry).linger(timeout_seconds=300)


class _Progress(StreamingQueryProgress):
    """As Spark gives it, made from a dictionary."""

    def __init__(self, fields: dict[str, Any]) -> None:
        dict.__init__(self, fields)


class _Source(dict[str, Any]):
    @property
    def latestOffset(self) -> str:  # noqa: N802 - Spark's name
        return str(self["latestOffset"])

    @property
    def endOffset(self) -> str:  # noqa: N802 - as above
        return str(self["endOffset"])
