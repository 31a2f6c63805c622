"""All that watches a stack: Prometheus and whom it scrapes, Alertmanager and who is told."""

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from local.applications import Applications
from local.environment import Part, StackError
from local.monitoring.alertmanager import Alertmanager
from local.monitoring.exporter import LakeExporter
from local.monitoring.notifications import Receiver
from local.monitoring.pace import Pace
from local.monitoring.prometheus import Prometheus
from local.monitoring.targets import Targets, drivers

LOOK_SECONDS = 0.5
TARGETS_SECONDS = 300


class Monitoring:
    """Runs below `directory`, and takes up the series and silences that it has left there."""

    def __init__(self, directory: Path, pace: Pace, *, with_airflow: bool) -> None:
        """Without Airflow nobody misses it."""
        self.pace = pace
        self.receiver = Receiver(directory / "notifications.jsonl")
        self.alertmanager = Alertmanager(directory / "alertmanager", self.receiver.url, pace.factor)
        without = () if with_airflow else ("airflow",)
        self.prometheus = Prometheus(directory / "prometheus", self.alertmanager.url, pace, without)
        self.exporter: LakeExporter | None = None
        self._directory = directory
        self._wanted: Callable[[], dict[str, Targets]] = dict
        self._stopping = threading.Event()
        self._parts = ExitStack()

    def start(self) -> None:
        """Start all that needs nothing of the stack."""
        for part in (self.receiver, self.alertmanager, self.prometheus):
            self._parts.callback(part.stop)
            part.start()

    def watch(self, kafka: str, exporter: Mapping[str, str], applications: Applications) -> None:
        """Start the lake exporter with its workload's variables, and scrape it, the broker's JMX agent at that address
        and, from now on, every Spark driver that runs: each start of one has ports of its own.
        """
        self.exporter = LakeExporter(self._directory / "exporter.log", exporter, self.pace)
        self._parts.callback(self.exporter.stop)
        self.exporter.start()
        fixed: dict[str, Targets] = {"kafka": {kafka: {}}, "lake-exporter": {self.exporter.address: {}}}
        self._wanted = lambda: fixed | drivers(applications)
        thread = threading.Thread(target=self._follow, name="targets")
        self._parts.callback(thread.join)
        self._parts.callback(self._stopping.set)
        thread.start()

    def silent(self) -> list[str]:
        """Job and address of what should be scraped now, and has not answered its last scrape or had none yet."""
        wanted = {f"{job} {address}" for job, targets in self._wanted().items() for address in targets}
        answered = [each["metric"] for each in self.prometheus.query("up == 1")]
        return sorted(wanted - {f"{each['job']} {each['instance']}" for each in answered})

    def await_targets(self) -> None:
        """Return when all that is to be scraped has answered. Raise StackError that names what does not."""
        deadline = time.monotonic() + TARGETS_SECONDS
        while silent := self.silent():
            if time.monotonic() > deadline:
                raise StackError(
                    f"Prometheus gets no answer from {', '.join(silent)} after {TARGETS_SECONDS} s; what it says is at "
                    f"{self.prometheus.url}/api/v1/targets. The stack stops; its data stay."
                )
            time.sleep(LOOK_SECONDS)

    def airflow_environment(self) -> dict[str, str]:
        """The variables by which Airflow's processes send their metrics here."""
        return {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": self.prometheus.otlp_url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": str(self.pace.scrape_ms),
        }

    def stop(self) -> None:
        self._parts.close()

    def parts(self) -> list[Part]:
        """Everything that answers, with its address."""
        return [
            Part("Prometheus", self.prometheus.url, self.prometheus.pid),
            Part("dashboards", self.prometheus.boards_url, 0),
            Part("Alertmanager", self.alertmanager.url, self.alertmanager.pid),
            Part("notifications", str(self.receiver.file), 0),
            *([Part("lake exporter", f"http://{self.exporter.address}", self.exporter.pid)] if self.exporter else []),
        ]

    def pids(self) -> dict[int, str]:
        return {part.pid: part.name for part in self.parts() if part.pid}

    def _follow(self) -> None:
        known: dict[str, Targets] = {}
        while True:
            found = self._wanted()
            for job, targets in found.items():
                if targets != known.get(job):
                    self.prometheus.watch(job, targets)
            known = found
            if self._stopping.wait(LOOK_SECONDS):
                return
