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
from local.environment import StackError
from local.findings import look
from local.lifecycle import State
from local.memory import MemorySampler
from local.progress import Steps
from local.report.data import DagRun, Report
from local.stack import Stack
from local.submission import inherited
from local.verdict import Verdict, judge
from topics.connection import connect
from topics.settings import KafkaSettings
from topics.watermarks import watermarks

STREAMS = ("ingest", "rollup")
DAGS = ("export", "verify_lake", "reconcile_day", "validate_lake")
CATCH_UP_SECONDS = 240
END_SECONDS = 180
DAG_SECONDS = 600
# Each look costs the emulated S3 a dozen requests.
POLL_SECONDS = 1.5


@dataclass(frozen=True)
class Replay:
    """What the fleet replays: so many real receipts, over so long; the seed draws the trouble."""

    receipts: int
    seconds: float
    seed: int


def run(
    directory: Path, report_file: Path, replay: Replay, *, keep: bool, steps: Steps, with_airflow: bool = False
) -> tuple[Mapping[str, float], bool]:
    """Run the demo below `directory`; return the summary and whether all is as it must be. The report is written."""
    shutil.rmtree(directory, ignore_errors=True)
    began = datetime.now(UTC)
    with (
        Stack(directory, steps, replay.seed, with_airflow=with_airflow) as stack,
        ThreadPoolExecutor(1, "fleet") as pool,
        Fleet(directory, replay, steps) as fleet,
        MemorySampler(lambda: {fleet.pid: "fleet of stores", **stack.pids()}) as memory,
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
        # Not before: two cores are few for two Spark drivers and a fleet.
        stack.start_stream("rollup")
        _catch_up(stack.applications, tables, steps)
        verdict, dag_runs = _prove(stack, tables, ledger, steps)
        failed = [f"Airflow: {run.dag} ended as {run.state}" for run in dag_runs if run.state != "success"]
        with steps.step("Terraform: the lifecycle rules have settled"):
            stack.provisioning.finish()
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
            dag_runs=dag_runs,
        )
        with steps.step(f"Report: {report_file}"):
            from local.report import write_report  # noqa: PLC0415 - its plots take a second to import

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


def _catch_up(applications: Applications, tables: DeltaTables, steps: Steps) -> None:
    """Wait until every message is committed, and the curated table is computed from all of them."""
    described = contracts.load().values()
    broker = connect(KafkaSettings.from_env())

    def messages_behind() -> int:
        return sum(_behind(tables, contract, watermarks(broker, contract.topic.name).high) for contract in described)

    def versions_behind() -> int:
        raw, done = tables.table("receipts"), None
        # The rollup makes its table when it starts, which a short replay does not wait for.
        if tables.exists("sales_per_minute"):
            curated = tables.table("sales_per_minute")
            done = curated.transaction_version(rollup_id("sales_per_minute", str(raw.metadata().id)))
        return raw.version() - (-1 if done is None else done)

    _await_none(applications, "ingest", messages_behind, steps, "The lake takes in what is left")
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


def _prove(
    stack: Stack, tables: DeltaTables, ledger: Mapping[str, Any], steps: Steps
) -> tuple[Verdict, Sequence[DagRun]]:
    """Stop the streams, then ask verify and reconcile, while the deliveries are made; judge what they say."""
    for name in STREAMS:
        stack.stop_stream(name)
    if not stack.airflow:
        stack.applications.suspend("export", suspend=False)

    def ask(verb: str) -> Any:  # noqa: ANN401 - what the verb prints
        with steps.step(f"tillstream {verb}"):
            return json.loads(stack.run_as("quality", "-m", "tillstream.cli", verb, "--json", accept=(0, 1)))

    def await_states() -> list[DagRun]:
        for name in STREAMS:
            with steps.step(f"Spark: {name} stops in good order"):
                stack.applications.wait_for(name, {State.SUSPENDED}, END_SECONDS)
        if stack.airflow:
            return _run_dags(stack.airflow, steps)
        with steps.step("Spark: deliveries as ORC and CSV"):
            stack.applications.wait_for("export", {State.COMPLETED}, END_SECONDS)
        return []

    with ThreadPoolExecutor(thread_name_prefix="proof") as pool:
        verified, reconciled = pool.submit(ask, "verify"), pool.submit(ask, "reconcile")
        ended, found = pool.submit(await_states), pool.submit(look, tables)
        dag_runs = ended.result()
        verdict = judge(ledger, found.result(), verified=verified.result(), reconciled=reconciled.result())
    return verdict, dag_runs


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
