"""Prometheus on one machine: the cluster's own rules and boards, targets in files, and Airflow's metrics by OTLP."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import yaml

from local import processes
from local.environment import ROOT
from local.monitoring.alertmanager import BIN, await_ready
from local.monitoring.pace import Pace
from local.monitoring.rules import faster, rule_files, write
from local.ports import free_ports
from stores.files import write_private

# The boards, and the page that draws them where there is no Grafana.
BOARDS = ROOT / "dashboards"
# Job -> the path of its metrics. The names are those that rules and dashboards know from the cluster.
JOBS: Mapping[str, str] = {
    "kafka": "/metrics",
    "streams": "/metrics",
    "lake-exporter": "/metrics",
    "spark-drivers": "/metrics/prometheus/",
    "spark-executors": "/metrics/executors/prometheus/",
    # What a drill starts beside the pipeline; its label `job` says whose place it takes.
    "drill": "/metrics",
}
# A stand-in has nothing that is judged by the second: an answer that comes later is one, too.
DRILL_SCRAPE = {"scrape_interval": "5s", "scrape_timeout": "5s"}
REAL_TIME = Pace()
Series = list[dict[str, Any]]
"""Each with its `metric`, the labels, and its `value`: [Unix seconds, text]."""


class Prometheus:
    """One process with its data below `directory`."""

    def __init__(
        self,
        directory: Path,
        alertmanager_url: str = "",
        pace: Pace = REAL_TIME,
        without: Collection[str] = (),
    ) -> None:
        """`without`: files of rules, by name, that judge what is not here."""
        self.directory = directory
        self.url = f"http://127.0.0.1:{free_ports(1)[0]}"
        self.otlp_url = f"{self.url}/api/v1/otlp/v1/metrics"
        self.boards_url = f"{self.url}/user/page/"
        self._alertmanager_url = alertmanager_url
        self._pace = pace
        self._without = without
        self._process: processes.Popen | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def watch(self, job: str, targets: Mapping[str, Mapping[str, str]]) -> None:
        """Scrape these addresses from now on, each with its labels, instead of those that the job had."""
        content = [{"targets": [address], "labels": dict(labels)} for address, labels in targets.items()]
        write_private(self._targets(job), json.dumps(content))

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        for job in JOBS:
            if not self._targets(job).exists():
                self.watch(job, {})
        rules = {name: content for name, content in rule_files().items() if name not in self._without}
        written = write(faster(rules, self._pace.factor) if self._pace.factor > 1 else rules, self.directory / "rules")
        file = self.directory / "prometheus.yaml"
        file.write_text(yaml.safe_dump(self._configuration(written), sort_keys=False), encoding="utf-8")
        command = [
            str(BIN / "prometheus"),
            f"--config.file={file}",
            f"--storage.tsdb.path={self.directory / 'data'}",
            "--storage.tsdb.retention.time=15d",
            f"--web.listen-address={self.url.removeprefix('http://')}",
            "--web.enable-otlp-receiver",
            "--log.level=warn",
            f"--web.user-assets={BOARDS}",
            # Alertmanager takes an alert for resolved that is not said again in four times this.
            *(["--rules.alert.resend-delay=5s"] if self._pace.factor > 1 else []),
        ]
        log = self.directory / "prometheus.log"
        self._process = processes.spawn(command, log)
        await_ready(self._process, f"{self.url}/-/ready", log)

    def query(self, text: str) -> Series:
        """What a query finds now."""
        return query(self.url, text)

    def stop(self) -> None:
        if self._process:
            processes.end(self._process)
            self._process = None

    def _targets(self, job: str) -> Path:
        return self.directory / "targets" / f"{job}.json"

    def _configuration(self, rules: Sequence[Path]) -> dict[str, Any]:
        interval = f"{self._pace.scrape_ms}ms"
        alerting = {
            "alertmanagers": [{"static_configs": [{"targets": [self._alertmanager_url.removeprefix("http://")]}]}]
        }
        return {
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": interval,
                "external_labels": {"environment": "local"},
            },
            "rule_files": [str(file) for file in rules],
            **({"alerting": alerting} if self._alertmanager_url else {}),
            "otlp": {"promote_resource_attributes": ["service.name", "service.instance.id"]},
            "storage": {"tsdb": {"out_of_order_time_window": "30m"}},
            "scrape_configs": [
                {
                    "job_name": job,
                    "metrics_path": path,
                    **(DRILL_SCRAPE if job == "drill" else {}),
                    "file_sd_configs": [{"files": [str(self._targets(job))], "refresh_interval": "5s"}],
                }
                for job, path in JOBS.items()
            ],
        }


def query(url: str, text: str) -> Series:
    """What the Prometheus at that address finds now."""
    with client(url) as asking:
        found: Series = ask(asking, "query", query=text)["result"]
    return found


def client(url: str) -> httpx.Client:
    """For several questions to the Prometheus at that address: each client takes longer to make than to be answered."""
    return httpx.Client(base_url=f"{url}/api/v1/", trust_env=False, timeout=120)


def ask(client: httpx.Client, path: str, **parameters: str | float) -> dict[str, Any]:
    """The data of an answer of Prometheus' HTTP API (`query`, `query_range`)."""
    data: dict[str, Any] = client.get(path, params=parameters).raise_for_status().json()["data"]
    return data
