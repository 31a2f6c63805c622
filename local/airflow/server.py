"""Airflow's four processes: API server with its UI, scheduler with the workers, DAG processor, triggerer.

Each leads its own session, so its workers end with it, and is started again when it dies, as on EKS.
"""

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx

from contracts.errors import TillstreamError
from local import processes
from local.airflow.client import AirflowClient, RunError
from local.airflow.configuration import DAGS, USER, Home
from local.airflow.runtime import APPLICATIONS
from local.environment import ROOT
from local.ports import free_ports
from local.submission import inherited
from orchestration.runtime import RUNTIME
from orchestration.workloads import WORKLOADS_FILE
from stores.files import write_private

COMMAND = ROOT / ".tools" / "airflow" / "bin" / "airflow"
COMMANDS = {
    "api-server": ("api-server",),
    # Logs are read from the disk: nobody needs to serve them, on every interface at that.
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
# The one that measures the streams' health does so as the workload that may.
WORKLOADS = {"triggerer": "airflow-triggerer"}
# Half a minute on an idle machine.
START_SECONDS = 600
GRACE_SECONDS = 15
POLL_SECONDS = 0.5


class AirflowError(TillstreamError):
    """Airflow is not installed, could not be started, or did not become healthy."""


class Airflow:
    """Runs below `directory`, and takes up what it has left there. `workloads`: by service account, the variables of
    its processes. `metrics`: variables that say where its metrics go; without any they go nowhere.
    """

    def __init__(
        self,
        directory: Path,
        applications: Path,
        workloads: Mapping[str, Mapping[str, str]],
        metrics: Mapping[str, str],
    ) -> None:
        self.home = Home(directory)
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self._workloads = workloads
        self._metrics = metrics
        self._environment = self._common_environment(applications)
        self._processes: dict[str, processes.Popen] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._keeper = threading.Thread(target=self._keep_alive, name="airflow")

    def start(self) -> None:
        """Return when every process says it is healthy and every DAG is known."""
        if not COMMAND.exists():
            raise AirflowError("Airflow is not installed. Nothing was started; `make airflow` installs it.")
        self.home.write(int(self.url.rpartition(":")[2]), with_metrics=bool(self._metrics))
        write_private(Path(self._environment[WORKLOADS_FILE]), json.dumps(self._workloads))
        processes.run([str(COMMAND), "db", "migrate"], self.log_file("migrate"), environment=self._environment)
        for name in COMMANDS:
            self._spawn(name)
        self._keeper.start()
        self._await_health()

    def stop(self) -> None:
        """End the workers' source first, the API last; what was running goes on where it was at the next start."""
        self._stopping.set()
        if self._keeper.is_alive():
            self._keeper.join()
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            processes.end(process, GRACE_SECONDS)
        self._processes.clear()

    def client(self) -> AirflowClient:
        return AirflowClient(self.url, USER, self.home.password())

    def pid(self, name: str) -> int:
        return self._processes[name].pid

    def pids(self) -> dict[int, str]:
        return {process.pid: f"Airflow: {name}" for name, process in self._processes.items()}

    def log_file(self, name: str) -> Path:
        return self.home.directory / "processes" / f"{name}.log"

    def kill(self, *names: str) -> None:
        """End processes and their workers as a power cut would; they are started again."""
        for name in names:
            processes.kill(self._processes[name])

    def _spawn(self, name: str) -> None:
        environment = self._environment | dict(self._workloads.get(WORKLOADS.get(name, ""), {}))
        command = [str(COMMAND), *COMMANDS[name]]
        self._processes[name] = processes.spawn(command, self.log_file(name), environment=environment)

    def _keep_alive(self) -> None:
        while not self._stopping.wait(POLL_SECONDS):
            for name, process in tuple(self._processes.items()):
                if process.poll() is not None:
                    # Its workers would go on without it.
                    processes.kill(process)
                    self._spawn(name)

    def _await_health(self) -> None:
        began, deadline = datetime.now(UTC), time.monotonic() + START_SECONDS
        client = self.client()
        while missing := self._missing(client, began):
            if time.monotonic() > deadline:
                raise AirflowError(
                    f"Airflow is not healthy after {START_SECONDS} s: {missing}. It is stopped with the rest; its logs "
                    f"are in {self.log_file('scheduler').parent}."
                )
            time.sleep(POLL_SECONDS)

    def _missing(self, client: AirflowClient, began: datetime) -> str:
        """What is not there yet, in words."""
        try:
            sick = [name for name, state in client.health(began).items() if state != "healthy"]
            if sick:
                return f"{', '.join(sorted(sick))} not healthy"
            if errors := client.import_errors():
                raise AirflowError(f"DAGs cannot be imported. Airflow is stopped. {errors}")
            # They are read one file after the other: that some are known says nothing of the rest.
            unread = {file.name for file in DAGS.glob("*.py")} - client.dag_files()
            return f"{', '.join(sorted(unread))} not read" if unread else ""
        except (httpx.HTTPError, RunError) as error:
            return f"the API does not answer: {error}"

    def _common_environment(self, applications: Path) -> dict[str, str]:
        return inherited() | {
            "AIRFLOW_HOME": str(self.home.directory),
            "AIRFLOW_CONFIG": str(self.home.settings_file),
            RUNTIME: "local.airflow.runtime:LocalRuntime",
            APPLICATIONS: str(applications),
            WORKLOADS_FILE: str(self.home.directory / "workloads.json"),
            "GX_ANALYTICS_ENABLED": "false",
            "PYTHONUNBUFFERED": "1",
            # A JVM's options are of no use here, and a proxy would be asked for loopback.
            "NO_PROXY": "127.0.0.1,localhost",
            **self._metrics,
        }
