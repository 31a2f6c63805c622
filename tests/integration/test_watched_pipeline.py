"""What a running pipeline really exports: every series that a rule asks for is one of them, and says what is true.

A broker with MSK's metrics, the ingest driver and the lake exporter are started as they run elsewhere; stores send good
receipts, broken ones and one twice.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from dashboards.committed import committed, queries
from local.monitoring.rules import rule_files
from local.ports import free_ports
from tests.support.boards import FOREIGN
from tests.support.broker import start_kafka
from tests.support.ingest import LAKE, ROOT, Platform, running_platform
from tests.support.messages import BODIES, RECEIPTS, Till
from tests.support.queries import metric_names
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

FEEDS = tuple(BODIES)
# What rules ask for and this pipeline does not export, and why.
ELSEWHERE = {
    "ALERTS": "Prometheus' own",
    "up": "Prometheus' own",
    "argocd_app_info": "Argo CD's, on the cluster only",
    "certmanager_certificate_expiration_timestamp_seconds": "cert-manager's, on the cluster only",
    "node_filesystem_avail_bytes": "of the brokers' machines, port 11002 of MSK",
    "node_filesystem_size_bytes": "of the brokers' machines, port 11002 of MSK",
    "airflow_dagrun_duration_failed_milliseconds": "Airflow's: it has an environment of its own",
    "airflow_scheduler_heartbeat_total": "Airflow's: it has an environment of its own",
    "tillstream_quality_expectation_success": "of the quality ledger, which a validation makes",
    "tillstream_quality_expectation_judged_timestamp_seconds": "of the quality ledger, which a validation makes",
    "kafka_server_socket_server_metrics_failed_authentication_total": "MSK's older agent keeps that ending",
    "tillstream_store_certificate_not_after_seconds": "of a store's own sender: tests/integration/test_sender.py",
}
# What boards ask for and nothing of what these stores have sent gives rise to.
NOT_YET = {
    "tillstream_quality_expectation_violations",
    "tillstream_s3_errors_total",
    "tillstream_store_missing_receipts",
}
Samples = dict[str, dict[frozenset[tuple[str, str]], float]]


@dataclass(frozen=True)
class Watched:
    """Where the parts of the pipeline serve their metrics."""

    platform: Platform
    urls: Mapping[str, str]

    def scrape(self) -> Samples:
        found: Samples = {}
        for url in self.urls.values():
            for family in text_string_to_metric_families(served(url)):
                for sample in family.samples:
                    found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the samples of that name that have these labels."""
        values = [value for key, value in self.scrape().get(name, {}).items() if labels.items() <= set(key)]
        return sum(values) if values else None

    def tell_of(self, seconds: float) -> bool:
        """Whether all that is told is of what was there at that time: each part of the exporter was looked at later,
        each query's newest batch is done.
        """
        samples = self.scrape()
        took = samples.get("tillstream_exporter_look_duration_seconds", {})
        looked = samples["tillstream_exporter_look_timestamp_seconds"]
        lags = samples.get("tillstream_stream_lag_messages", {})
        durations = samples.get("tillstream_stream_batch_duration_seconds", {})
        done = {dict(labels)["feed"] for labels in durations}
        return (
            all(part in took and at - took[part] > seconds for part, at in looked.items())
            and done == set(FEEDS)
            and len(lags) == len(FEEDS)
            and not any(lags.values())
        )


def served(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - of this machine
        text: str = answer.read().decode()
        return text


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    [port] = free_ports(1)
    kafka = start_kafka(directory / "kafka", metrics_port=port)
    try:
        with running_platform(kafka, directory) as platform, exporter(platform, directory) as url:
            for feed in FEEDS:
                platform.send(feed, Till(feed=feed).messages(3))
            readings = [{"reading": "heartbeat", "value": 1}, {"reading": "outbox_depth", "value": 7}]
            readings.append({"reading": "outbox_age_seconds", "value": 1.5})
            till = Till(register_id="store", feed="store.operations")
            platform.send("store.operations", [till.message(**each) for each in readings])
            register = Till(register_id="2")
            once = register.message()
            broken = [register.signed(b"{"), register.signed(b"x")]
            platform.send(RECEIPTS, [once, once, *broken])
            run = platform.start(FEEDS, cores=2)
            platform.wait_until_in_lake(run, FEEDS)
            urls = {"kafka": f"http://127.0.0.1:{port}/metrics", "stream": platform.metrics_url, "lake": url}
            made = Watched(platform, urls)
            in_lake = time.time()
            wait_for(lambda: made.tell_of(in_lake), 300, "all that is in the lake told of", poll_seconds=0.5)
            yield made
    finally:
        kafka.broker.stop()


class exporter:  # noqa: N801 - used as a context manager
    """`tillstream exporter`, as a process of its own. It looks oftener than elsewhere: so much less is waited for."""

    def __init__(self, platform: Platform, directory: Path) -> None:
        environment = {"PATH": os.environ["PATH"], **platform.environment}
        command = [sys.executable, "-m", "tillstream.cli", "exporter", "--listen=127.0.0.1:0", "--json"]
        command += ["--times-as-often=30", "--least-pause=1"]
        self._log = (directory / "exporter.log").open("wb")
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=self._log, text=True
        )

    def __enter__(self) -> str:
        assert self._process.stdout
        url: str = json.loads(self._process.stdout.readline())["url"]
        return url

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        assert self._process.wait(120) == 0
        self._log.close()


def test_every_series_of_a_rule_is_exported(watched: Watched) -> None:
    """Rules ask for nothing that nobody exports; what comes from elsewhere is named, with its reason."""
    rules = [rule for content in rule_files().values() for group in content["groups"] for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    asked = set().union(*(metric_names(rule["expr"]) for rule in rules)) - recorded
    exported = watched.scrape().keys()
    # A failure counts under a name that is there before: see below.
    assert asked - exported - ELSEWHERE.keys() - {"tillstream_s3_errors_total"} == set()
    assert exported & ELSEWHERE.keys() == set()
    assert ELSEWHERE.keys() - {"ALERTS"} <= asked


def test_every_series_of_a_board_is_exported(watched: Watched) -> None:
    """Boards ask for nothing that nobody exports; what comes from elsewhere is named, with its reason."""
    rules = [rule for content in rule_files().values() for group in content["groups"] for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    asked = set().union(*(metric_names(query) for board in committed().values() for _, query in queries(board)))
    exported = watched.scrape().keys()
    brokers = {
        name for name, whose in FOREIGN.items() if whose.startswith("the brokers'") and name.startswith("kafka_")
    }
    elsewhere = ELSEWHERE.keys() | NOT_YET | (FOREIGN.keys() - brokers)
    assert asked - recorded - exported - elsewhere == set()


def test_lag_is_kafkas_word_less_the_lakes(watched: Watched) -> None:
    """What the broker says it has and what the exporter says is committed are the same offsets once all is in."""
    ends, committed = {}, {}
    samples = watched.scrape()
    for labels, value in samples["kafka_log_Log_Value"].items():
        names = dict(labels)
        if names["name"] == "LogEndOffset" and names["topic"] == "pos.receipts.v1":
            ends[names["partition"]] = value
    for labels, value in samples["tillstream_feed_committed_offset"].items():
        names = dict(labels)
        if names["topic"] == "pos.receipts.v1":
            committed[names["partition"]] = value
    assert sum(ends.values()) == 7
    assert committed == ends


def test_the_stream_counts_what_became_of_messages(watched: Watched) -> None:
    """Good, broken and repeated messages are counted by feed; so is what was written, and when it went on."""
    feed = {"feed": RECEIPTS}
    for outcome, count in (("accepted", 4), ("duplicate", 1), ("quarantined", 2)):
        assert watched.value("tillstream_stream_messages_total", outcome=outcome, **feed) == count
    assert watched.value("tillstream_stream_quarantined_messages_total", reason="not_json", **feed) == 2
    assert (watched.value("tillstream_stream_written_objects_total", table="receipts", **feed) or 0) >= 1
    assert watched.value("tillstream_stream_state_registers", **feed) is not None
    # Seconds, not milliseconds: the driver took its time to start after they were sent.
    delay = watched.value("tillstream_stream_delay_seconds", **feed)
    assert delay is not None
    assert 0 <= delay < 1800
    assert watched.value("tillstream_stream_lag_messages", **feed) == 0
    for each in FEEDS:
        assert watched.value("tillstream_stream_progress_timestamp_seconds", feed=each)
    assert watched.value("tillstream_stream_batch_duration_seconds", phase="triggerExecution", **feed)


def test_the_exporter_says_what_is_in_the_lake(watched: Watched) -> None:
    """Freshness, objects and each store's own report are there, and no look has failed."""
    newest = watched.value("tillstream_feed_newest_event_timestamp_seconds", feed=RECEIPTS)
    batch = watched.value("tillstream_feed_batch_timestamp_seconds", feed=RECEIPTS)
    assert newest
    assert batch
    assert newest <= batch
    assert watched.value("tillstream_store_heartbeat_timestamp_seconds", store_id="330")
    assert watched.value("tillstream_store_reported_outbox_depth", store_id="330") == 7
    assert watched.value("tillstream_exporter_look_failures_total") == 0


def test_the_next_batch_runs_the_code_of_the_one_before(watched: Watched) -> None:
    """What Spark generates and compiles for a feed's first batch serves all others, whatever their time."""
    platform = watched.platform
    compiled = codes_compiled(platform)
    assert compiled > 0
    platform.send(RECEIPTS, Till(register_id="4").messages(1))
    platform.wait_until_in_lake(platform.runs[-1], [RECEIPTS])
    assert codes_compiled(platform) == compiled


def codes_compiled(platform: Platform) -> float:
    """How often the driver's Spark has compiled code that it had generated."""
    pattern = r"^\S+CodeGenerator_compilationTime_Count\S* (\S+)$"
    [count] = re.findall(pattern, served(platform.spark_url), re.MULTILINE)
    return float(count)


def test_a_failed_query_is_counted_before_its_driver_ends(watched: Watched) -> None:
    """A driver that fails waits for the next scrape, and tells of which kind the failure was."""
    platform, run = watched.platform, watched.platform.runs[-1]
    assert watched.value("tillstream_stream_failures_total", kind="s3_denied") == 0
    iam = platform.account.administrator_client("iam")
    statement = {"Effect": "Deny", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{LAKE}/*"}
    denied = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName="spark-ingest", PolicyName="denied", PolicyDocument=denied)
    try:
        platform.send(RECEIPTS, Till(register_id="3").messages(1))
        stream = Watched(platform, {"stream": watched.urls["stream"]})
        failures = "tillstream_stream_failures_total"
        wait_for(lambda: stream.value(failures, feed=RECEIPTS, kind="s3_denied"), 300, lambda: run.said()[-2000:])
        assert run.wait() == 1
    finally:
        iam.delete_role_policy(RoleName="spark-ingest", PolicyName="denied")
