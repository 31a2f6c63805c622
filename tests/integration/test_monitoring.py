"""A whole stack under a real Prometheus and Alertmanager: all of it is scraped, and whoever is on call is told."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from rich.console import Console

from local.health import examine
from local.monitoring import Monitoring, Pace
from local.monitoring.notifications import told
from local.progress import Steps
from local.stack import Stack
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

# A minute of the cluster's in two seconds: the watchdog speaks every six.
PACE = Pace(factor=30, scrape_seconds=1, look_factor=30)


@pytest.fixture(scope="module")
def monitoring(tmp_path_factory: pytest.TempPathFactory) -> Monitoring:
    return Monitoring(tmp_path_factory.mktemp("monitoring"), PACE, with_airflow=False)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, monitoring: Monitoring) -> Iterator[Stack]:
    with (
        Steps(Console(stderr=True)) as steps,
        Stack(tmp_path_factory.mktemp("watched"), steps, seed=1, monitoring=monitoring) as stack,
    ):
        stack.start()
        stack.run_streams("ingest")
        monitoring.await_targets()
        yield stack


def notifications(monitoring: Monitoring, alert: str) -> list[dict[str, Any]]:
    return [line for line in told(monitoring.receiver.file) if line["labels"]["alertname"] == alert]


def scraped(monitoring: Monitoring) -> dict[str, set[str]]:
    """By job the applications, or nothing where there is none, that answered their last scrape. A scrape has a second:
    where the machine is busy one and another fails.
    """
    found: dict[str, set[str]] = {}
    for series in monitoring.prometheus.query("up == 1"):
        labels = series["metric"]
        found.setdefault(labels["job"], set()).add(labels.get("application", ""))
    return found


@pytest.mark.usefixtures("stack")
def test_every_part_is_scraped(monitoring: Monitoring) -> None:
    """Broker, exporter and driver answer under the names that rules know, and what they tell is theirs."""
    expected = {
        "kafka": {""},
        "lake-exporter": {""},
        "streams": {"ingest"},
        "spark-drivers": {"ingest"},
        "spark-executors": {"ingest"},
    }
    wait_for(lambda: scraped(monitoring) == expected, 300, f"an answer of each of {expected} and of nobody else")
    for metric in (
        'kafka_log_Log_Value{job="kafka", name="LogEndOffset"}',
        'tillstream_stream_started_timestamp_seconds{job="streams", application="ingest"}',
        'tillstream_feed_freshness_objective_seconds{job="lake-exporter"}',
        'metrics_executor_activeTasks{job="spark-executors"}',
        'tillstream:feed_lag_messages{feed="pos.receipts"}',
    ):
        wait_for(lambda metric=metric: monitoring.prometheus.query(metric), 300, metric)  # type: ignore[misc]


@pytest.mark.usefixtures("stack")
def test_an_alert_reaches_whom_its_route_names(monitoring: Monitoring) -> None:
    """The alert that always fires goes by Alertmanager to the watchdog's receiver, again and again."""
    wait_for(lambda: len(notifications(monitoring, "Watchdog")) > 1, 300, "the watchdog's second notification")
    for line in notifications(monitoring, "Watchdog"):
        assert line["receiver"] == "watchdog"
        assert line["status"] == "firing"
        assert line["labels"]["severity"] == "watchdog"
        assert line["annotations"]["summary"]
        assert datetime.fromisoformat(line["time"]) >= datetime.fromisoformat(line["starts_at"])


def test_a_part_that_ends_is_missed(stack: Stack, monitoring: Monitoring) -> None:
    """Who does not answer is named, also by `tillstream status`, until it is back at the address that it had."""
    exporter = monitoring.exporter
    assert exporter
    exporter.kill()
    missed = [f"lake-exporter {exporter.address}"]
    wait_for(lambda: monitoring.silent() == missed, 300, "a scrape of the exporter that fails, and of it alone")
    health = {each.name: each for each in examine(stack.platform())}
    assert not health["lake exporter"].healthy
    assert not health["Prometheus"].healthy
    assert exporter.address in health["Prometheus"].says
    exporter.start()
    monitoring.await_targets()

    def well() -> bool:
        # This stack runs one of the two streams.
        return [each.name for each in examine(stack.platform()) if not each.healthy] == ["rollup"]

    wait_for(well, 300, "a stack whose parts are all well but the stream that is not run", poll_seconds=1)
    health = {each.name for each in examine(stack.platform())}
    assert {"Prometheus", "Alertmanager", "dashboards", "notifications", "lake exporter"} <= health
