"""The main job of the project, once: real receipts with trouble on purpose, from the tills to the lake, then the proof.

The platform starts while the fleet prepares; the streams run while it replays; when all is in the lake, the lake is
compared with the fleet's own ledger.
"""

import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, cast

import contracts
from contracts.model import Contract
from lake.names import rollup_id
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.status import committed
from lake.tables import DeltaTables
from local import processes
from local.airflow.server import Airflow
from local.applications import Applications
from local.beside import meanwhile
from local.environment import StackError
from local.findings import look
from local.lifecycle import State
from local.memory import MemorySampler
from local.monitoring import Monitoring, Pace
from local.progress import Steps
from local.report.data import DagRun, Report
from local.stack import Stack
from local.submission import inherited
from local.verdict import Verdict, judge
from topics.connection import Connection
from topics.settings import KafkaSettings
from topics.watermarks import watermarks

STREAMS = ("ingest", "rollup")
DAGS = ("export", "verify_lake", "reconcile_day", "validate_lake")
CATCH_UP_SECONDS = 600
END_SECONDS = 300
DAG_SECONDS = 600
# A run takes minutes; but each scrape and each look costs processor time that the streams need.
PACE = Pace(scrape_seconds=5, look_factor=10)
# Each look costs the emulated S3 a dozen requests.
POLL_SECONDS = 1.5


@dataclass(frozen=True)
class Replay:
    """What the fleet replays: so many real receipts, over so long; the seed draws the trouble."""

    receipts: int
    seconds: float
    seed: int


@dataclass(frozen=True)
class Proof:
    """`rolled_up`: when the curated table was computed from all that is committed, the last moment with streams."""

    verdict: Verdict
    dag_runs: Sequence[DagRun]
    rolled_up: datetime


def run(
    directory: Path, report_file: Path, replay: Replay, *, keep: bool, steps: Steps, with_airflow: bool = False
) -> tuple[Mapping[str, float], bool]:
    """Run the demo below `directory`; return the summary and whether all is as it must be. The report is written."""
    shutil.rmtree(directory, ignore_errors=True)
    began = datetime.now(UTC)
    monitoring = Monitoring(directory / "monitoring", PACE, with_airflow=with_airflow)
    with (
        Stack(directory, steps, replay.seed, with_airflow=with_airflow, monitoring=monitoring) as stack,
        ThreadPoolExecutor(1, "fleet") as pool,
        Fleet(directory, replay, steps) as fleet,
        meanwhile((memory := MemorySampler(lambda: {fleet.pid: "fleet of stores", **stack.pids()})).run),
    ):
        preparing = pool.submit(fleet.prepare)
        stack.start()
        # This program looks at Kafka and the lake itself, too: as the workload that may.
        os.environ.update(stack.workloads["quality"])
        tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
        with steps.step("Spark: the streams start"):
            stack.run_streams("ingest")
        _await_none(stack.applications, "ingest", lambda: _not_begun(tables), steps, "Spark: every feed is warm")
        preparing.result()
        ledger = fleet.replay(stack.store_logins())
        _take_in(stack.applications, tables, steps)
        proof = _prove(stack, tables, ledger, steps)
        failed = [f"Airflow: {run.dag} ended as {run.state}" for run in proof.dag_runs if run.state != "success"]
        with steps.step("Terraform: the lifecycle rules have settled"):
            stack.provisioning.finish()
        verdict = proof.verdict
        boards_file = report_file.with_name(f"{report_file.stem}-boards.html")
        report = Report(
            summary=verdict.summary,
            passed=verdict.passed and not failed,
            findings=[*verdict.findings, *failed],
            machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
            began=f"{began:%Y-%m-%d %H:%M} UTC",
            seconds=(datetime.now(UTC) - began).total_seconds(),
            stores=verdict.stores,
            arrivals=verdict.arrivals,
            troubles=verdict.troubles,
            steps=steps.finished,
            memory=memory.measured(),
            boards=boards_file.name,
            dag_runs=proof.dag_runs,
        )
        with steps.step(f"Report: {report_file}"):
            from local.report import record, write_boards, write_report  # noqa: PLC0415 - plots take a second to import

            seen = record(monitoring.prometheus.url, began.timestamp(), proof.rolled_up.timestamp())
            write_boards(seen, boards_file)
            write_report(report, report_file)
    if not keep:
        shutil.rmtree(directory)
    for finding in report.findings:
        steps.say(f"[red]{finding}[/]")
    return report.summary, report.passed


class Fleet:
    """The program `local.replay`, which prepares and replays."""

    def __init__(self, directory: Path, replay: Replay, steps: Steps) -> None:
        self._log = directory / "logs" / "fleet.log"
        self._steps = steps
        self._messages = 0
        numbers = map(str, (replay.receipts, replay.seed, replay.seconds))
        command = [sys.executable, "-m", "local.replay", str(directory), *numbers]
        self._process = processes.spawn(command, self._log, environment=inherited(), talks=True)
        self._ears, self._mouth = cast("IO[str]", self._process.stdout), cast("IO[str]", self._process.stdin)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        processes.end(self._process)

    @property
    def pid(self) -> int:
        return self._process.pid

    def prepare(self) -> None:
        """Return when everything that will be appended is ready."""
        with self._steps.step("Real sales, made ready to replay"):
            self._messages = self._hear()["prepared"]

    def replay(self, logins: Path) -> Mapping[str, Any]:
        """Let the stores append and send everything; return the ledger of what was rung up and broken."""
        self._mouth.write(f"{logins}\n")
        self._mouth.flush()
        with self._steps.counted("Stores append to their outboxes and send", self._messages) as update:
            while "ledger" not in (heard := self._hear()):
                update(heard["appended"])
        ledger: Mapping[str, Any] = json.loads(Path(heard["ledger"]).read_text())
        return ledger

    def _hear(self) -> Mapping[str, Any]:
        if not (line := self._ears.readline()):
            raise StackError(
                f"The fleet ended early; the demo cannot go on and stops. {processes.end_of_log(self._log)}"
            )
        heard: Mapping[str, Any] = json.loads(line)
        return heard


def _not_begun(tables: DeltaTables) -> int:
    """Of how many feeds the first batch, an empty one, is not committed: what takes long only once comes with it."""
    found = [committed(tables, contract) for contract in contracts.load().values()]
    return sum(each is None or each.batch is None for each in found)


def _take_in(applications: Applications, tables: DeltaTables, steps: Steps) -> None:
    """Wait until every message is committed."""
    described = contracts.load().values()
    broker = Connection.to(KafkaSettings.from_env())

    def messages_behind() -> int:
        return sum(_behind(tables, contract, watermarks(broker, contract.topic.name).high) for contract in described)

    _await_none(applications, "ingest", messages_behind, steps, "The lake takes in what is left")


def _follow(applications: Applications, tables: DeltaTables, steps: Steps) -> None:
    """Wait until the curated table is computed from all that is committed."""

    def versions_behind() -> int:
        raw, done = tables.table("receipts"), None
        # The rollup makes its table when it starts, which a short replay does not wait for.
        if tables.exists("sales_per_minute"):
            curated = tables.table("sales_per_minute")
            done = curated.transaction_version(rollup_id("sales_per_minute", str(raw.metadata().id)))
        return raw.version() - (-1 if done is None else done)

    _await_none(applications, "rollup", versions_behind, steps, "The curated table follows")


def _behind(tables: DeltaTables, contract: Contract, ends: Mapping[int, int]) -> int:
    done = committed(tables, contract)
    return sum(end - (done.end_offsets.get(partition, 0) if done else 0) for partition, end in ends.items())


def _await_none(applications: Applications, name: str, left: Callable[[], int], steps: Steps, step: str) -> None:
    """Wait until a SparkApplication has nothing left to do."""
    deadline = time.monotonic() + CATCH_UP_SECONDS
    total = left()
    with steps.counted(step, total) as update:
        while count := left():
            update(total - count)
            if applications.state(name) == State.FAILED or time.monotonic() > deadline:
                raise StackError(
                    f"SparkApplication {name} is {applications.state(name)} and has {count:,} left to do. The demo "
                    f"stops; what is committed stays. {processes.end_of_log(applications.log_file(name))}"
                )
            time.sleep(POLL_SECONDS)


def _prove(stack: Stack, tables: DeltaTables, ledger: Mapping[str, Any], steps: Steps) -> Proof:
    """Make the curated table and the deliveries, reconcile the money meanwhile, verify at last; judge what they say."""
    stack.stop_stream("ingest")
    # Not before: two cores are few for two Spark drivers and a fleet.
    stack.start_stream("rollup")

    def ask(verb: str) -> Any:  # noqa: ANN401 - what the verb prints
        with steps.step(f"tillstream {verb}"):
            return json.loads(stack.run_as("quality", "-m", "tillstream.cli", verb, "--json", accept=(0, 1)))

    def deliver() -> None:
        stack.applications.suspend("export", suspend=False)
        with steps.step("Spark: deliveries as ORC and CSV"):
            stack.applications.wait_for("export", {State.COMPLETED}, END_SECONDS)

    with ThreadPoolExecutor(thread_name_prefix="proof") as pool:
        reconciled, found = pool.submit(ask, "reconcile"), pool.submit(look, DeltaTables(tables.store))
        # Where Airflow is, the deliveries are its own to make.
        delivered = None if stack.airflow else pool.submit(deliver)
        _follow(stack.applications, tables, steps)
        rolled_up = datetime.now(UTC)
        stack.stop_stream("rollup")
        verified = pool.submit(ask, "verify")
        for name in STREAMS:
            with steps.step(f"Spark: {name} stops in good order"):
                stack.applications.wait_for(name, {State.SUSPENDED}, END_SECONDS)
        dag_runs = _run_dags(stack.airflow, steps) if stack.airflow else []
        if delivered:
            delivered.result()
        verdict = judge(ledger, found.result(), verified=verified.result(), reconciled=reconciled.result())
    return Proof(verdict, dag_runs, rolled_up)


def _run_dags(airflow: Airflow, steps: Steps) -> list[DagRun]:
    """The deliveries and the proofs once more, as Airflow runs them. Whether they end well is in the answer."""
    runs = []
    with airflow.client() as client:
        described = client.dags()
        for dag in DAGS:
            began = time.monotonic()
            with steps.step(f"Airflow: {dag}"):
                state = client.wait_for_run(dag, client.trigger(dag), DAG_SECONDS)
            runs.append(DagRun(dag, described[dag], state, time.monotonic() - began))
    return runs
