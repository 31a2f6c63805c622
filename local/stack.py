"""The whole platform on one machine: every part started side by side, stopped in order.

emulated AWS -> terraform apply -> dimensions (as reference-data) -----------------.
Kafka broker -> users -> topics and ACLs (as topics); certificates of the stores ---+-> Airflow, if wanted -> streams
Alertmanager -> Prometheus, if wanted; it watches each part once that is there -----'
"""

import json
import os
import secrets
import sys
import tempfile
from collections.abc import Container
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from local import processes
from local.airflow.server import Airflow
from local.applications import Applications, Runner
from local.authority import Authority, Identity
from local.aws.account import Account
from local.aws.issuer import TokenFiles
from local.aws.provision import Outputs, Provisioning
from local.environment import ROOT, Part, Platform
from local.kafka import Broker
from local.kafka.broker import WORKLOADS as KAFKA_WORKLOADS
from local.lifecycle import State
from local.monitoring import Monitoring
from local.monitoring.exporter import WORKLOAD as LAKE_EXPORTER
from local.ports import free_ports
from local.progress import Steps
from local.submission import Machine, inherited, render, submission
from stores.files import write_private
from stores.fleet import dimension
from stores.fleet.workspace import connect
from topics.settings import KafkaSettings

OVERLAY = ROOT / "argocd" / "overlays" / "local"
# A quarter of a minute on an idle machine, twice that under Airflow.
START_SECONDS = 600


class Stack:
    """Runs below `directory`, and takes up what a stopped stack has left there. Use it as a context manager.

    `workloads`: by service account, the variables its processes run with.
    """

    def __init__(
        self,
        directory: Path,
        steps: Steps,
        seed: int,
        *,
        with_airflow: bool = False,
        monitoring: Monitoring | None = None,
        keep_administrator: bool = False,
    ) -> None:
        """`seed` draws what the data of the stores do not say: their time zones. With Airflow, it runs the streams.
        `monitoring` is started with the rest, and watches it. The administrator of the account is kept only for who
        wants to look behind the roles.
        """
        self.directory = directory
        self.applications = Applications(directory / "applications")
        self.master_key_file = directory / "secrets" / "store-master.key"
        self.workloads: dict[str, dict[str, str]] = {}
        self.authority: Authority
        self.account: Account
        self.broker: Broker
        self.provisioning: Provisioning
        self.airflow: Airflow | None = None
        self.monitoring = monitoring
        self._with_airflow = with_airflow
        self._keep_administrator = keep_administrator
        self._identities: dict[str, Identity] = {}
        self._pids: dict[int, str] = {}
        self._seed = seed
        self._steps = steps
        self._parts = ExitStack()

    def __enter__(self) -> Self:
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keep_temporary_files(self.directory / "tmp")
        if not self.master_key_file.exists():
            write_private(self.master_key_file, secrets.token_bytes(32))
        self.authority = Authority.create(self.directory / "authority")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._steps.step("Stopping every part in order"):
            self._parts.close()

    def start(self) -> None:
        """Start everything but the streams. Raise TillstreamError where a part fails; leave the context then."""
        with self._steps.step("Stores and products"), connect(self._seed) as database:
            dimension.load(database, self._seed)
            stores = database.sql("FROM dim_stores ORDER BY store_id").to_arrow_table()
            products = database.sql("FROM dim_products ORDER BY sku").to_arrow_table()
        with ThreadPoolExecutor(thread_name_prefix="stack") as pool:
            starting = [pool.submit(self._start_aws, stores, products), pool.submit(self._start_kafka, stores)]
            if self.monitoring:
                starting.append(pool.submit(self._start_monitoring, self.monitoring))
            try:
                for each in as_completed(starting):
                    each.result()
            except BaseException:
                # The other one may wait for a program: without it, it fails at once.
                processes.kill_all()
                raise
        for workload in self.workloads.keys() & set(KAFKA_WORKLOADS):
            self.workloads[workload] |= self.broker.workload_environment(workload)
        # The stream checks signatures, so it needs what they are made with. The stores are no workload of the platform:
        # `tillstream stores` typed by hand gives each its own certificate.
        master_key = {"TILLSTREAM_STORE_MASTER_KEY_FILE": str(self.master_key_file)}
        self.workloads["spark-ingest"] |= master_key
        self.workloads["stores"] = master_key | {
            "TILLSTREAM_KAFKA_BOOTSTRAP": self.broker.stores_bootstrap,
            "TILLSTREAM_KAFKA_CA_FILE": str(self.authority.certificate_file),
        }
        self._start_runner()
        if self.monitoring:
            self.monitoring.watch(self.broker.metrics_address, self.workloads[LAKE_EXPORTER], self.applications)
        if self._with_airflow:
            self._start_airflow()

    def start_stream(self, name: str) -> None:
        """Ask for a stream to run: Airflow, where it is here, which then watches over it."""
        self._ask(name, "start")

    def stop_stream(self, name: str) -> None:
        """Ask for a stream's end in good order."""
        self._ask(name, "stop")

    def run_streams(self, *names: str) -> None:
        """Start these SparkApplications and wait until they run."""
        for name in names:
            self.start_stream(name)
        for name in names:
            self.applications.wait_for(name, {State.RUNNING}, START_SECONDS)

    def store_logins(self) -> Path:
        """A file with what the stores' senders need: the key they sign with, and each one's own log-in to Kafka."""
        logins = {store_id: self.broker.store_environment(each) for store_id, each in self._identities.items()}
        content = {"master_key_file": str(self.master_key_file), "stores": logins}
        return write_private(self.directory / "secrets" / "stores.json", json.dumps(content))

    def store_settings(self, store_id: str) -> KafkaSettings:
        """One store's own log-in to Kafka."""
        return KafkaSettings.from_env(self.broker.store_environment(self._identities[store_id]))

    def platform(self) -> Platform:
        parts = [
            Part("emulated AWS", self.account.endpoint, self.account.pid or 0),
            Part("workload tokens", str(self.directory / "tokens"), 0),
            Part("Kafka broker", self.broker.workloads_bootstrap, self.broker.pid or 0),
        ]
        if self.airflow:
            parts.append(Part("Airflow", self.airflow.url, self.airflow.pid("api-server")))
        if self.monitoring:
            parts += self.monitoring.parts()
        return Platform(os.getpid(), str(self.directory), (*parts, *self._drivers()), self.workloads)

    def pids(self) -> dict[int, str]:
        """The parts that are processes now, by process id."""
        drivers = {part.pid: f"Spark: {part.name}" for part in self._drivers()}
        airflow = self.airflow.pids() if self.airflow else {}
        return {**self._pids, **drivers, **airflow, **(self.monitoring.pids() if self.monitoring else {})}

    def run_as(self, workload: str, *command: str, accept: Container[int] = (0,)) -> str:
        """Run a Python program of the project to its end as a workload; return what it printed."""
        log = self.directory / "logs" / f"{workload}.log"
        environment = inherited() | self.workloads[workload]
        return processes.run([sys.executable, *command], log, environment=environment, accept=accept)

    def _ask(self, name: str, action: str) -> None:
        if self.airflow is None:
            self.applications.suspend(name, suspend=action == "stop")
            return
        with self.airflow.client() as airflow:
            airflow.trigger(f"stream_{name}", action=action)

    def _drivers(self) -> list[Part]:
        """Every SparkApplication, with address and process where it has a driver."""
        drivers = [
            (name, self.applications.get(name)["status"].get("driverInfo")) for name in self.applications.names()
        ]
        return [
            Part(name, f"http://{driver['webUIAddress']}" if driver else "", driver["pid"] if driver else 0)
            for name, driver in drivers
        ]

    def _start_aws(self, stores: pa.Table, products: pa.Table) -> None:
        with self._steps.step("Emulated AWS"):
            self.account = Account(self.directory / "aws", self.authority)
            self._parts.callback(self.account.stop)
            self.account.start()
            self._pids[self.account.pid or 0] = "emulated AWS"
        with self._steps.step("Terraform: buckets and roles"):
            self.provisioning = Provisioning(
                self.account, self.directory / "terraform", keep_administrator=self._keep_administrator
            )
            self._parts.callback(self.provisioning.stop)
            made = self.provisioning.outputs()
        self._give_identities(made)
        with self._steps.step("Dimensions, written by reference-data"):
            tables = self.directory / "reference"
            tables.mkdir(exist_ok=True)
            pq.write_table(stores, tables / "dim_stores.parquet")
            pq.write_table(products, tables / "dim_products.parquet")
            self.run_as("reference-data", "-m", "local.reference_data", str(tables))

    def _give_identities(self, made: Outputs) -> None:
        service_accounts = made.service_accounts()
        tokens = TokenFiles(self.account.issuer, self.directory / "tokens", service_accounts)
        self._parts.callback(tokens.stop)
        tokens.start()
        for workload in service_accounts:
            own = self.account.workload_environment(made.role_arns[workload], tokens.path(workload))
            environment = own | made.environment()
            environment["JAVA_TOOL_OPTIONS"] += f" {os.environ['JAVA_TOOL_OPTIONS']}"
            self.workloads[workload] = environment

    def _start_kafka(self, stores: pa.Table) -> None:
        with self._steps.step("Kafka broker"):
            metrics_port = free_ports(1)[0] if self.monitoring else None
            self.broker = Broker(self.directory / "kafka", self.authority, metrics_port=metrics_port)
            self._parts.callback(self.broker.stop)
            self.broker.start()
            self._pids[self.broker.pid or 0] = "Kafka broker"
            self.broker.create_users()
        known = stores.select(["store_id", "key_generation"]).to_pylist()
        with self._steps.step("Topics and ACLs, applied by topics"):
            listed = write_private(self.directory / "reference" / "stores.json", json.dumps(known))
            processes.run(
                [sys.executable, "-m", "tillstream.cli", "topics", "apply", f"--stores={listed}", "--json"],
                self.directory / "logs" / "topics.log",
                environment=inherited() | self.broker.workload_environment("topics"),
            )
        with self._steps.step(f"Certificates of {len(known)} stores"):
            for store in known:
                identity = self.authority.issue_store(store["store_id"], store["key_generation"])
                self._identities[store["store_id"]] = identity

    def _start_runner(self) -> None:
        # On EKS Terraform's apply writes the ConfigMap `platform`; here a workload's variables say the same.
        machine = Machine(self.directory / "applications", {"platform": {}}, self.workloads)
        runner = Runner(self.applications, partial(submission, machine=machine))
        self._parts.callback(runner.stop)
        runner.start()
        for application in render(OVERLAY):
            self.applications.apply(application)

    def _start_monitoring(self, monitoring: Monitoring) -> None:
        with self._steps.step("Prometheus and Alertmanager"):
            self._parts.callback(monitoring.stop)
            monitoring.start()

    def _start_airflow(self) -> None:
        with self._steps.step("Airflow: API server, scheduler, DAG processor, triggerer"):
            metrics = self.monitoring.airflow_environment() if self.monitoring else {}
            self.airflow = Airflow(self.directory / "airflow", self.applications.directory, self.workloads, metrics)
            self._parts.callback(self.airflow.stop)
            self.airflow.start()


def _keep_temporary_files(directory: Path) -> None:
    """Programs leave files in their machine's temporary directory; those of the stack leave them in its own."""
    directory.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(directory)
    os.environ["JAVA_TOOL_OPTIONS"] = f"-Djava.io.tmpdir={directory} -XX:-UsePerfData"
    tempfile.tempdir = None
