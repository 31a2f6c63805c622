"""The live pipeline that faults are injected into: a stack under a fast clock, its stores, and whoever may break it."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import boto3

import contracts
from drill.pace import PACE, short
from drill.stores import Stores
from drill.waiting import Patience
from drill.witness import Witness
from lake.objects import ObjectStore
from lake.status import Committed, committed
from lake.tables import DeltaTables
from local.airflow.server import Airflow
from local.aws.account import REGION
from local.environment import StackError
from local.lifecycle import State
from local.monitoring import Monitoring
from local.monitoring.exporter import LakeExporter
from local.progress import Steps
from local.stack import START_SECONDS, Stack
from topics.connection import Connection
from topics.watermarks import watermarks

SEED = 1
INGEST = "ingest"
# Each is several times what an idle machine takes. The slow burn rate alone looks back for 150 seconds.
QUIET_SECONDS = 900
END_SECONDS = 300
TOLD_SECONDS = 600
WARM_SECONDS = 600
LAKE_SECONDS = 600
DAG_SECONDS = 600
BATCH_MESSAGES = 1_000


class Scene:
    """Runs below `directory`. Use it as a context manager; `start` brings everything up."""

    def __init__(self, directory: Path, steps: Steps, *, with_airflow: bool) -> None:
        self.directory = directory
        self.steps = steps
        self.patience = Patience()
        self.monitoring = Monitoring(directory / "monitoring", PACE, with_airflow=with_airflow)
        self.stack = Stack(
            directory, steps, SEED, with_airflow=with_airflow, monitoring=self.monitoring, keep_administrator=True
        )
        self.stores: Stores
        self.lake: ObjectStore
        self.tables: DeltaTables
        self.witness = Witness(self.monitoring)
        self._watched: dict[str, dict[str, str]] = {}
        self._lock = threading.Lock()
        # A table's handle has one version at a time, and faults side by side look at the same tables.
        self._looking = threading.Lock()
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        self._parts.enter_context(self.stack)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.patience.call_off()
        self._parts.close()

    def start(self) -> None:
        """Return when every part runs and every store has reported."""
        self.stack.start()
        self._connect()
        if self.stack.airflow:
            self._rest_dags()
        self._hasten()
        with self.steps.step("Spark: the stream into the lake starts"):
            self.start_ingest()
            # What takes long only once comes with the first batch of a feed.
            self.patience.await_(lambda: not self._not_begun(), WARM_SECONDS, "a batch of every feed")
        self.stores = self._parts.enter_context(Stores(self.stack, self.directory / "outboxes", self.patience))
        with self.steps.step("Prometheus: every target answers"):
            self.monitoring.await_targets()
        with self.steps.step("Terraform: the lifecycle rules have settled"):
            self.stack.provisioning.finish()

    def until_the_end(self, stop: Callable[[], object]) -> None:
        """Stop something that a fault has started when the scene ends."""
        self._parts.callback(stop)

    def await_quiet(self) -> None:
        """Return when no alert fires, nor is about to, but the watchdog."""
        url = self.monitoring.prometheus

        def loud() -> list[str]:
            return sorted({each["metric"]["alertname"] for each in url.query('ALERTS{alertname!="Watchdog"}')})

        self.patience.await_(lambda: not loud(), QUIET_SECONDS, lambda: f"no alert; there are {', '.join(loud())}")

    # --- what Prometheus sees ---------------------------------------------------------------------------------------

    def watch(self, address: str, job: str) -> None:
        """Have Prometheus scrape something that a fault has started, as one of the job."""
        with self._lock:
            self._watched[address] = {"job": job}
            self.monitoring.prometheus.watch("drill", self._watched)

    @contextmanager
    def watched(self, address: str, job: str) -> Iterator[None]:
        self.watch(address, job)
        try:
            yield
        finally:
            with self._lock:
                del self._watched[address]
                self.monitoring.prometheus.watch("drill", self._watched)

    def firing(self, alert: str, **labels: str) -> bool:
        wanted = {"alertname": alert, "alertstate": "firing", **labels}
        matchers = ", ".join(f'{name}="{value}"' for name, value in wanted.items())
        return bool(self.monitoring.prometheus.query(f"ALERTS{{{matchers}}}"))

    def await_told(self, alert: str, since: float) -> None:
        """Return when somebody has heard of an alert since then (Unix seconds)."""

        def told() -> bool:
            return any(each.firing and each.labels["alertname"] == alert for each in self.witness.told(since))

        self.patience.await_(told, TOLD_SECONDS, f"somebody is told of {alert}")

    @property
    def exporter(self) -> LakeExporter:
        if self.monitoring.exporter is None:
            raise StackError("This stack has no lake exporter.")
        return self.monitoring.exporter

    # --- what is in the lake ----------------------------------------------------------------------------------------

    def await_in_lake(self, *feeds: str) -> None:
        """Return when every message that Kafka has now of these feeds, or of any, is in the lake."""
        # Others may go on sending: whoever waited for the newest message might wait for ever.
        wanted = {
            feed: watermarks(self._kafka, self._contracts[feed].topic.name).high for feed in feeds or self._contracts
        }

        def missing() -> str:
            return f"{self._behind(wanted)} messages of {', '.join(wanted)} in the lake"

        self.patience.await_(lambda: not self._behind(wanted), LAKE_SECONDS, missing)

    def committed(self, feed: str) -> int:
        """How many messages of a feed the lake has, of all partitions."""
        done = self._committed(feed)
        return sum(done.end_offsets.values()) if done else 0

    @contextmanager
    def still(self) -> Iterator[None]:
        """All that was said is in the lake, and no store says anything meanwhile: what nobody takes in would be late,
        and an alert of its own.
        """
        with self.stores.resting():
            self.stores.report()
            self.await_in_lake()
            yield

    def validate(self, feed: str, *options: str) -> None:
        """Have a feed judged, as `quality` does it. What does not hold is in the ledger then."""
        words = ("-m", "tillstream.cli", "validate", feed, *options, "--json")
        self.stack.run_as("quality", *words, accept=(0, 1))

    def _not_begun(self) -> list[str]:
        found = {feed: self._committed(feed) for feed in self._contracts}
        return [feed for feed, each in found.items() if each is None or each.batch is None]

    def _committed(self, feed: str) -> Committed | None:
        with self._looking:
            return committed(self.tables, self._contracts[feed])

    def _behind(self, wanted: Mapping[str, Mapping[int, int]]) -> int:
        """So many messages of each feed's partitions up to these offsets are not in the lake."""
        count = 0
        for feed, high in wanted.items():
            done = self._committed(feed)
            count += sum(max(0, end - (done.end_offsets.get(each, 0) if done else 0)) for each, end in high.items())
        return count

    # --- Airflow ----------------------------------------------------------------------------------------------------

    @property
    def airflow(self) -> Airflow:
        if self.stack.airflow is None:
            raise StackError("This stack has no Airflow.")
        return self.stack.airflow

    def run_dag(self, dag: str) -> str:
        """Run a DAG that else rests, to its end; return the state it ended in."""
        with self.airflow.client() as client:
            client.pause(dag, paused=False)
            try:
                return client.wait_for_run(dag, client.trigger(dag), DAG_SECONDS)
            finally:
                client.pause(dag, paused=True)

    def _rest_dags(self) -> None:
        """Nothing runs by the clock or by itself meanwhile: a fault says what runs."""
        with self.airflow.client() as client:
            for dag in client.dags():
                if not dag.startswith("stream_"):
                    client.pause(dag, paused=True)

    # --- the stream ------------------------------------------------------------------------------------------------

    def start_ingest(self) -> None:
        """By hand: Airflow would mend what a fault has broken."""
        self.stack.applications.suspend(INGEST, suspend=False)
        self.stack.applications.wait_for(INGEST, {State.RUNNING}, START_SECONDS)
        self.await_ingest()

    def await_ingest(self) -> None:
        """Return when the query of every feed goes on: what is sent from now on need not wait for a driver."""
        since = time.time()
        query = f"count(max by (feed) (tillstream_stream_progress_timestamp_seconds) > {since})"

        def goes_on() -> bool:
            found = self.monitoring.prometheus.query(query)
            return bool(found) and int(found[0]["value"][1]) == len(self._contracts)

        self.patience.await_(goes_on, WARM_SECONDS, "the query of every feed goes on")

    def await_started(self, since: float) -> None:
        """Return when the query of the first feed has started since a moment (Unix seconds): its driver is new."""
        query = f'max(tillstream_stream_started_timestamp_seconds{{feed="{min(self._contracts)}"}}) > {since}'
        self.patience.await_(lambda: bool(self.monitoring.prometheus.query(query)), WARM_SECONDS, "a new driver")

    def stop_ingest(self) -> None:
        self.stack.applications.suspend(INGEST)
        self.stack.applications.wait_for(INGEST, {State.SUSPENDED}, END_SECONDS)

    def restart_ingest(self) -> None:
        """Whatever became of it: from here on it runs, and no failure of it counts."""
        found = self.stack.applications.get(INGEST)
        if self.stack.applications.state(INGEST) == State.FAILED:
            # Nothing leaves that state: another object takes its place.
            metadata = found["metadata"]
            self.stack.applications.replace(INGEST, metadata.get("annotations", {}), metadata["resourceVersion"])
        else:
            self.stop_ingest()
        self.start_ingest()

    def ingest_pid(self) -> int:
        """The JVM of the driver."""
        return int(self.stack.applications.get(INGEST)["status"]["driverInfo"]["pid"])

    # --- rights ----------------------------------------------------------------------------------------------------

    @contextmanager
    def denied(self, workload: str, *actions: str, bucket: str) -> Iterator[None]:
        """A policy on the workload's role that takes rights on one of the buckets away."""
        outputs = self.stack.provisioning.outputs()
        role = outputs.role_arns[workload].rpartition("/")[2]
        arn = f"arn:aws:s3:::{outputs.buckets[bucket]}"
        statement = {"Effect": "Deny", "Action": actions, "Resource": [arn, f"{arn}/*"]}
        iam = self.stack.account.administrator_client("iam")
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName=role, PolicyName="drill", PolicyDocument=document)
        try:
            yield
        finally:
            iam.delete_role_policy(RoleName=role, PolicyName="drill")

    def _connect(self) -> None:
        """This program looks behind the roles: as the administrators of the account and of Kafka."""
        variables = self.stack.account.administrator_environment()
        os.environ.update({name: value for name, value in variables.items() if "KEY" not in name})
        keys = {name.lower(): variables[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.lake = ObjectStore(f"s3://{self._buckets['lake']}", aws=boto3.session.Session(**keys, region_name=REGION))
        self.tables = DeltaTables(self.lake)
        self._kafka = Connection(self.stack.broker.admin)
        self._contracts = contracts.load()

    @property
    def _buckets(self) -> Mapping[str, str]:
        return self.stack.provisioning.outputs().buckets

    def _hasten(self) -> None:
        """Spark's own pauses on the fast clock: between two words of an idle query, and before a failed driver is
        started again. And it takes only so many messages at once that more of them can be sent.
        """
        manifest: dict[str, Any] = self.stack.applications.get(INGEST)
        del manifest["status"]
        manifest["spec"]["sparkConf"]["spark.sql.streaming.noDataProgressEventInterval"] = "500ms"
        manifest["spec"]["arguments"] = [
            each.replace("maxOffsetsPerTrigger=200000", f"maxOffsetsPerTrigger={BATCH_MESSAGES}")
            for each in manifest["spec"]["arguments"]
        ]
        policy = manifest["spec"]["restartPolicy"]
        policy["onFailureRetryInterval"] = short(policy["onFailureRetryInterval"])
        self.stack.applications.apply(manifest)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process hangs: it is there, and does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
