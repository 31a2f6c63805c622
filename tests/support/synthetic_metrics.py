"""A quarter of a day of a pipeline that nobody has run: every series that a board asks for, with a bad hour in it.

The stream stands still for a while, a broker is away, three stores are silent, an expectation does not hold.
"""

import json
import math
import subprocess
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import contracts

STEP_SECONDS = 60
LENGTH_SECONDS = 6 * 3600
STORES = [f"{number:04d}" for number in range(101, 281)]
FEEDS = sorted(contracts.load())
Labels = dict[str, str]
# The value of a series so many seconds after the beginning; None where there is none.
Course = Callable[[float], float | None]
# When the stream stands still.
FROM, UNTIL = 0.55 * LENGTH_SECONDS, 0.65 * LENGTH_SECONDS


def stands_still(at: float) -> bool:
    return FROM <= at < UNTIL


def _wave(middle: float, share: float = 0.2, seed: float = 0) -> Course:
    return lambda at: middle * (1 + share * math.sin(at / 2400 + seed) + share / 4 * math.sin(at / 137 + 3 * seed))


def _counter(per_second: float, seed: float = 0) -> Course:
    return lambda at: per_second * (at + 300 * (1 + math.sin(at / 1500 + seed)))


def _constant(value: float) -> Course:
    return lambda _: value


def _during(inside: float, outside: float) -> Course:
    return lambda at: inside if stands_still(at) else outside


def series(begin: float) -> Iterator[tuple[str, Labels, Course]]:
    """Every series, in groups of one name."""
    yield from _streams(begin)
    yield from _lake(begin)
    yield from _stores(begin)
    yield from _kafka()
    yield from _others(begin)


def _streams(begin: float) -> Iterator[tuple[str, Labels, Course]]:
    weights = dict(zip(FEEDS, (400.0, 4.0, 60.0, 25.0), strict=False))
    for number, (feed, weight) in enumerate(weights.items()):
        of = {"feed": feed}
        promised = contracts.load()[feed].freshness_seconds
        yield "tillstream_feed_freshness_objective_seconds", of, _constant(promised)
        yield "tillstream:feed_stale", of, _during(1, 0)
        yield (
            "tillstream:feed_lag_messages",
            of,
            lambda at, weight=weight: weight * (at - FROM + 9 if stands_still(at) else 9),
        )
        slow, usual = promised * 2.5, _wave(promised * 0.3, seed=number)
        yield (
            "tillstream_stream_delay_seconds",
            of,
            lambda at, slow=slow, usual=usual: slow if stands_still(at) else usual(at),
        )
        yield "tillstream_stream_lag_messages", of, _during(weight * 900, weight * 3)
        yield "tillstream_stream_input_rows_per_second", of, _wave(weight, seed=number)
        yield "tillstream_stream_processed_rows_per_second", of, _wave(weight * 1.6, seed=number)
        yield "tillstream_stream_state_registers", of, _constant(900 + number)
        yield "tillstream_stream_state_size_bytes", of, _wave(60_000 + 9000 * number, seed=number)
        yield (
            "tillstream_stream_progress_timestamp_seconds",
            of,
            lambda at: begin + (FROM if stands_still(at) else at - 5),
        )
        yield (
            "tillstream_stream_started_timestamp_seconds",
            of,
            lambda at: begin + (UNTIL if at >= UNTIL else -86400),
        )
        for phase, seconds in (("triggerExecution", 6), ("addBatch", 4.2), ("getBatch", 0.4), ("walCommit", 0.5)):
            yield "tillstream_stream_batch_duration_seconds", {**of, "phase": phase}, _wave(seconds, seed=number)
        for outcome, share in (("accepted", 1), ("duplicate", 0.01), ("quarantined", 0.002)):
            labels = {**of, "outcome": outcome}
            yield "tillstream_stream_messages_total", labels, _counter(weight * share, number)
        for reason in ("not_json", "schema", "signature"):
            labels = {**of, "reason": reason}
            yield "tillstream_stream_quarantined_messages_total", labels, _counter(weight * 0.0007, number)
        for kind in ("s3_denied", "kafka", "other"):
            labels = {**of, "kind": kind}
            yield (
                "tillstream_stream_failures_total",
                labels,
                lambda at, kind=kind: float(at >= FROM and kind == "kafka"),
            )
        for table in _tables(feed):
            labels = {**of, "table": table}
            yield "tillstream_stream_written_objects_total", labels, _counter(0.4, number)
            yield "tillstream_stream_written_bytes_total", labels, _counter(weight * 60, number)


def _tables(feed: str) -> list[str]:
    name = feed.split(".")[1].replace("-", "_")
    return ["receipts", "receipt_lines"] if name == "receipts" else [name]


def _lake(begin: float) -> Iterator[tuple[str, Labels, Course]]:
    for feed in FEEDS:
        of = {"feed": feed}
        yield "tillstream_feed_newest_event_timestamp_seconds", of, lambda at: begin + at - 20
        labels = {**of, "suite": "contract", "severity": "error"}
        for table in _tables(feed):
            for expectation in ("unique_key", "total_is_sum_of_lines", "known_store"):
                each = {**labels, "table": table, "expectation": expectation}
                bad = table == "receipt_lines" and expectation == "known_store"
                yield "tillstream_quality_expectation_success", each, _constant(0 if bad else 1)
                yield "tillstream_quality_expectation_violations", each, _constant(17 if bad else 0)
                yield (
                    "tillstream_quality_expectation_judged_timestamp_seconds",
                    each,
                    lambda at: begin + at - at % 3600 - 900,
                )
    for number, table in enumerate([*(each for feed in FEEDS for each in _tables(feed)), "quarantine"]):
        of = {"table": table}
        size = 4e10 / (1 + 3 * number)
        yield "tillstream_table_size_bytes", of, lambda at, size=size: size * (1 + at / 200_000)
        yield "tillstream_table_objects", of, lambda at, size=size: size / 2.5e7 + at / 40 - (at // 7200) * 150
        yield "tillstream_table_small_objects", of, lambda at: 40 + at % 7200 / 60
    for state, count in (("complete", 1240.0), ("quarantined", 3.0), ("pending", 180.0), ("missing", 2.0)):
        yield "tillstream_register_days", {"state": state}, _constant(count)
    for part in ("feeds", "tables", "quality", "completeness", "stores"):
        yield "tillstream_exporter_look_duration_seconds", {"part": part}, _wave(len(part) / 9, seed=len(part))
    for job in ("streams", "lake-exporter"):
        for operation in ("GetObject", "PutObject", "ListObjectsV2", "HeadObject"):
            labels = {"job": job, "operation": operation}
            yield "tillstream_s3_requests_total", labels, _counter(len(operation) / 4, len(job))
        for code in ("SlowDown", "AccessDenied"):
            labels = {"job": job, "operation": "PutObject", "code": code}
            yield (
                "tillstream_s3_errors_total",
                labels,
                lambda at, code=code: max(0.0, min(at, UNTIL) - FROM) / 30 if code == "SlowDown" else 0.0,
            )


def _stores(begin: float) -> Iterator[tuple[str, Labels, Course]]:
    for number, store in enumerate(STORES):
        of = {"store_id": store}
        silent = 9000.0 * (number % 60 == 7) + 2400.0 * (number % 45 == 3)
        yield (
            "tillstream_store_heartbeat_timestamp_seconds",
            of,
            lambda at, silent=silent, number=number: (
                begin + (at - (at + 7 * number) % 300 if not silent else min(at, LENGTH_SECONDS - silent))
            ),
        )
        depth = 15_000.0 if silent else float(number * 7 % 23)
        yield "tillstream_store_reported_outbox_depth", of, _constant(depth)
        yield "tillstream_store_reported_outbox_age_seconds", of, _constant(silent or depth / 9)
    yield "tillstream_store_missing_receipts", {"store_id": STORES[7]}, _constant(31)


def _kafka() -> Iterator[tuple[str, Labels, Course]]:
    topics = {**{f"{feed}.v1": 300.0 / (1 + 4 * number) for number, feed in enumerate(FEEDS)}, "quarantine.v1": 1.0}
    for broker in range(3):
        instance = {"job": "kafka", "instance": f"b-{broker + 1}:11001"}
        away = broker == 1
        yield "up", instance, _during(0, 1) if away else _constant(1)
        for name in ("UnderReplicatedPartitions", "UnderMinIsrPartitionCount"):
            lost = 14.0 if name == "UnderReplicatedPartitions" else 0.0
            labels = {**instance, "name": name}
            yield "kafka_server_ReplicaManager_Value", labels, _during(lost, 0) if not away else _constant(0)
        labels = {**instance, "name": "OfflinePartitionsCount"}
        yield "kafka_controller_KafkaController_Value", labels, _constant(0)
        for topic, rate in topics.items():
            of = {**instance, "topic": topic}
            labels = {**of, "name": "MessagesInPerSec"}
            yield "kafka_server_BrokerTopicMetrics_OneMinuteRate", labels, _wave(rate / 3, seed=rate)
            labels = {**of, "name": "Size", "partition": "0"}
            yield "kafka_log_Log_Value", labels, lambda at, rate=rate: rate * 400 * (86400 + at)
        for name, rate in (("BytesInPerSec", 9e4), ("BytesOutPerSec", 2.4e5)):
            labels = {**instance, "name": name}
            yield "kafka_server_BrokerTopicMetrics_OneMinuteRate", labels, _wave(rate, seed=broker)
        for request, took in (("Produce", 11.0), ("FetchConsumer", 480.0)):
            labels = {**instance, "name": "TotalTimeMs", "request": request}
            yield "kafka_network_RequestMetrics_99thPercentile", labels, _wave(took, seed=broker)
        for listener, count in (("CLIENT_SECURE", 60.0), ("CLIENT_IAM", 12.0), ("REPLICATION", 6.0)):
            of = {**instance, "listener": listener}
            yield "kafka_server_socket_server_metrics_connection_count", of, _wave(count, 0.05, broker)
            refused = 0.01 if listener == "CLIENT_SECURE" else 0.0
            yield "kafka_server_socket_server_metrics_failed_authentication_total", of, _counter(refused, broker)
        disk = {"job": "kafka-node", "instance": f"b-{broker + 1}:11002", "mountpoint": "/kafka/datavolume"}
        yield "node_filesystem_size_bytes", disk, _constant(1e12)
        yield "node_filesystem_avail_bytes", disk, lambda at, broker=broker: 7e11 - 3e6 * at - 4e10 * broker


def _others(begin: float) -> Iterator[tuple[str, Labels, Course]]:
    del begin
    yield "airflow_scheduler_heartbeat_total", {"job": "airflow"}, _counter(0.2)
    for name in ("ingest", "rollup"):
        of = {"application_name": name, "executor_id": "1"}
        yield "metrics_executor_activeTasks", of, lambda at, name=name: float(at // 60 % (4 if name == "ingest" else 3))
        yield "metrics_executor_failedTasks_total", of, _during(2, 1)
        yield "metrics_executor_totalGCTime_seconds_total", of, _counter(0.03, len(name))
    labels = {"namespace": "argocd", "phase": "Succeeded"}
    for name, when in (("streams", 0.3), ("rules", 0.8)):
        yield (
            "argocd_app_sync_total",
            {**labels, "name": name},
            lambda at, when=when: 3.0 + (at >= when * LENGTH_SECONDS),
        )
    for metric, count in (("all_requests", 9000.0), ("4xx_errors", 4.0), ("5xx_errors", 1.0)):
        yield f"aws_s3_{metric}_sum", {"dimension_BucketName": "tillstream-dev-lake"}, _wave(count)
    firing = {"alertstate": "firing"}
    yield "ALERTS", {**firing, "alertname": "Watchdog", "severity": "watchdog"}, _constant(1)
    yield "ALERTS", {**firing, "alertname": "StoreSilent", "severity": "ticket", "store_id": STORES[7]}, _constant(1)
    labels = {"alertname": "FreshnessBurnFast", "severity": "page", "feed": FEEDS[0]}
    yield (
        "ALERTS",
        {**firing, **labels},
        lambda at: 1 if FROM + 600 < at < UNTIL + 1800 or at > LENGTH_SECONDS - 600 else None,
    )


def write(directory: Path, end: float, promtool: Path) -> None:
    """Blocks of Prometheus below the directory, for the hours before `end`."""
    begin = end - LENGTH_SECONDS
    found: dict[str, list[str]] = {}
    for name, labels, course in series(begin):
        text = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
        for at in range(0, LENGTH_SECONDS + 1, STEP_SECONDS):
            if (value := course(at)) is not None:
                found.setdefault(name, []).append(f"{name}{{{text}}} {value} {begin + at}")
    lines = [line for name, each in found.items() for line in (f"# TYPE {name} unknown", *each)]
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "metrics.txt"
    file.write_text("\n".join([*lines, "# EOF", ""]), encoding="utf-8")
    made = subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", file, directory],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    file.unlink()


def send_airflow(otlp_url: str, end: float) -> None:
    """What Airflow sends by OTLP: histograms, of which Prometheus takes the last half hour."""
    runs = {"success": ("validate_lake", "export", "reconcile_day"), "failed": ("export",)}
    metrics = []
    for outcome, dags in runs.items():
        points = [
            _point(dag, end, minutes, 3 + (outcome == "failed" and minutes < 12))
            for dag in dags
            for minutes in range(24, -1, -1)
        ]
        histogram = {"aggregationTemporality": 2, "dataPoints": points}
        metrics.append({"name": f"airflow.dagrun.duration.{outcome}", "unit": "ms", "exponentialHistogram": histogram})
    content = {"resourceMetrics": [{"resource": {"attributes": []}, "scopeMetrics": [{"metrics": metrics}]}]}
    request = urllib.request.Request(  # noqa: S310 - of this machine
        otlp_url, json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        assert answer.status == 200


def _point(dag: str, end: float, minutes: int, count: int) -> dict[str, object]:
    return {
        "attributes": [{"key": "dag_id", "value": {"stringValue": dag}}],
        "startTimeUnixNano": str(int((end - 86400) * 1e9)),
        "timeUnixNano": str(int((end - 60 * minutes) * 1e9)),
        "count": str(count),
        "sum": 42_000.0 * count * (1 + len(dag) / 10),
        "scale": 0,
        "zeroCount": "0",
        "positive": {"offset": 15, "bucketCounts": [str(count)]},
    }
