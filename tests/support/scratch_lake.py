"""A lake of its own in the emulated AWS, for tests of what reads and writes tables. Roles are tested elsewhere."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pytest
import yaml
from deltalake import write_deltalake

import contracts
from lake.objects import ObjectStore
from lake.tables import DeltaTables, definitions
from local.authority import Authority
from local.aws.account import Account
from local.submission import Machine, submission

ROOT = Path(__file__).resolve().parents[2]
STORES = pa.table(
    {
        "store_id": ["330", "331"],
        "name": ["Store 330", "Store 331"],
        "time_zone": ["America/New_York", "America/Chicago"],
        "currency": ["USD", "USD"],
        "key_generation": pa.array([1, 1], pa.int32()),
    }
)
PRODUCTS = pa.table({"sku": ["p1", "p2"], "department": ["GROCERY", "DELI"]})


@dataclass(frozen=True)
class ScratchLake:
    """`environment` is what a process needs to reach it; this process has it already."""

    store: ObjectStore
    tables: DeltaTables
    environment: Mapping[str, str]
    directory: Path

    def append(self, name: str, rows: pa.Table) -> None:
        """Commit rows as the ingest job would: as new objects, below their partitions."""
        write_deltalake(self.tables.table(name), rows, mode="append")

    def rows(self, name: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.tables.table(name).to_pyarrow_table().to_pylist()
        return found

    def submit(self, application: str, *arguments: str, script: Path | None = None) -> "Run":
        """Start a SparkApplication of argocd/ on this lake; `script` takes the place of its main file."""
        [file] = (ROOT / "argocd").glob(f"apps/*/base/{application}.yaml")
        manifest = yaml.safe_load(file.read_text())
        manifest["spec"]["arguments"] = list(arguments)
        hosts = yaml.safe_load((ROOT / "argocd" / "overlays" / "local" / "hosts.yaml").read_text())
        conf = manifest["spec"]["sparkConf"]
        conf |= hosts["spec"]["sparkConf"]
        if "AWS_WEB_IDENTITY_TOKEN_FILE" not in self.environment:
            conf["spark.hadoop.fs.s3a.aws.credentials.provider"] = (
                "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
            )
        manifest["spec"]["driver"]["memory"] = "512m"
        account = manifest["spec"]["driver"]["serviceAccount"]
        machine = Machine(self.directory, {"platform": self.environment}, {account: {}})
        made = submission(manifest, machine)
        command = [str(script) if script and part.endswith("__main__.py") else part for part in made.command]
        log = self.directory / f"{application}-{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=made.environment, stdout=output, stderr=output, start_new_session=True
            )
        return Run(process, log)


@dataclass(frozen=True)
class Run:
    process: "subprocess.Popen[bytes]"
    log: Path

    def wait(self, timeout_seconds: float = 300) -> int:
        """The exit code; what it said is in the log. Fails with the end of that where it does not end in time."""
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"not ended within {timeout_seconds} s: {self.said()[-3000:]}") from error

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        """End the whole process group at once, as `kill -9` does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
        self.process.wait()


@contextmanager
def emulated_account(directory: Path) -> Iterator[Account]:
    account = Account(directory / "aws", Authority.create(directory / "authority"))
    account.start()
    try:
        yield account
    finally:
        account.stop()


@pytest.fixture(scope="session")
def aws_account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with emulated_account(tmp_path_factory.mktemp("account")) as account:
        yield account


@pytest.fixture
def scratch_lake(aws_account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScratchLake:
    """Every table of the contracts, empty, and the dimensions."""
    bucket = f"scratch-{time.monotonic_ns()}"
    aws_account.administrator_client().create_bucket(Bucket=bucket)
    environment = {
        name: value
        for name, value in aws_account.workload_environment("arn:aws:iam::000000000000:role/none", tmp_path).items()
        if name not in {"AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE"}
    }
    environment |= aws_account.administrator_environment()
    environment |= {"TILLSTREAM_LAKE_URI": f"s3://{bucket}", "TILLSTREAM_CHECKPOINTS_URI": f"s3://{bucket}-checkpoints"}
    # These runs are short: the JVM's second compiler would cost more than it gives.
    environment["JAVA_TOOL_OPTIONS"] += " -XX:TieredStopAtLevel=1"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    store = ObjectStore(f"s3://{bucket}", aws=boto3.session.Session())
    tables = DeltaTables(store)
    if known := _EMPTY.get(aws_account.endpoint):
        store.put_all(known)
    else:
        _make_tables(tables)
        _EMPTY[aws_account.endpoint] = [(info.key, store.get(info.key)) for info in store.list("")]
    return ScratchLake(store, tables, environment, tmp_path)


# By account: the objects of an empty lake. To make its tables one by one takes a second, to put them again does not.
_EMPTY: dict[str, list[tuple[str, bytes]]] = {}


def _make_tables(tables: DeltaTables) -> None:
    for definition in definitions(contracts.load().values()):
        tables.ensure(definition)
    for name, rows in (("dim_stores", STORES), ("dim_products", PRODUCTS)):
        write_deltalake(tables.table_uri(name), rows, storage_options=tables.store.storage_options())
