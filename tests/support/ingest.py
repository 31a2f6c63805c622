"""The ingest job on a real broker and the emulated AWS, under its own role, and what became of every offset."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import yaml
from confluent_kafka import TopicPartition
from deltalake import write_deltalake

import contracts
from contracts import Contract
from contracts.system_tables import DUPLICATES, QUARANTINE
from lake.names import application_id
from lake.objects import ObjectStore
from lake.status import committed
from lake.tables import DeltaTables
from local.authority import Authority
from local.aws.account import Account
from local.aws.issuer import AUDIENCE, Issuer
from local.submission import METRICS, Machine, submission
from tests.support.broker import STORES, Kafka
from tests.support.messages import MASTER_KEY, Message
from tests.support.scratch_lake import Run
from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
LAKE, CHECKPOINTS = "ingest-lake", "ingest-checkpoints"
DIM_STORES = pa.table(
    {
        "store_id": list(STORES),
        "name": [f"Store {store}" for store in STORES],
        "time_zone": ["America/New_York", "America/Chicago", "America/Los_Angeles"],
        "currency": ["USD"] * len(STORES),
        "key_generation": pa.array([1] * len(STORES), pa.int32()),
    }
)
Offsets = Counter[tuple[int, int]]


@dataclass
class Platform:
    """`environment` is the job's own: its role, its log-in to Kafka. The tests read with every right."""

    kafka: Kafka
    account: Account
    environment: dict[str, str]
    directory: Path
    store: ObjectStore
    tables: DeltaTables
    contracts: dict[str, Contract]
    runs: list[Run] = field(default_factory=list)
    metrics_url: str = ""
    """Where the driver that was started last serves its metrics."""
    spark_url: str = ""
    """Where Spark itself serves those of that driver."""

    def send(self, feed: str, messages: Iterable[Message], store: str = "330") -> None:
        """Send under a store's certificate; returns when the broker has them."""
        producer = self.kafka.producer(store)
        for message in messages:
            message.send(producer, self.contracts[feed].topic.name)
        assert producer.flush(60) == 0

    def start(self, feeds: Iterable[str], *options: str, cores: int = 6, script: Path | None = None) -> Run:
        """Start the driver from its SparkApplication; `script` takes the place of its main file."""
        manifest = yaml.safe_load((ROOT / "argocd/apps/streams/base/ingest.yaml").read_text())
        hosts = yaml.safe_load((ROOT / "argocd/overlays/local/hosts.yaml").read_text())
        spec = manifest["spec"]
        spec["sparkConf"] |= hosts["spec"]["sparkConf"]
        spec["executor"] |= {"instances": 1, "cores": cores}
        spec["driver"]["memory"] = "512m"
        spec["arguments"] = ["--trigger-seconds=0.5", *options, *feeds]
        machine = Machine(self.directory, {"platform": {}}, {spec["driver"]["serviceAccount"]: self.environment})
        made = submission(manifest, machine)
        self.metrics_url = f"http://{made.environment[METRICS]}/metrics"
        self.spark_url = f"http://127.0.0.1:{made.ui_port}/metrics/prometheus"
        command = [str(script) if script and part.endswith("__main__.py") else part for part in made.command]
        log = self.directory / f"driver-{len(self.runs)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, cwd=ROOT, env=made.environment, stdout=output, stderr=output, start_new_session=True
            )
        run = Run(process, log)
        self.runs.append(run)
        return run

    def refusal(self, *arguments: str) -> str:
        """What the driver says that ends before it starts Spark."""
        ended = self._python("-m", "jobs.ingest", *arguments)
        assert ended.returncode == 1, ended.stderr
        return ended.stderr

    def tillstream(self, *arguments: str) -> Any:
        """The answer of `tillstream … --json`."""
        ended = self._python("-m", "tillstream.cli", *arguments, "--json")
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def _python(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": os.environ["PATH"], **self.environment}
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    def rows(self, table: str, *columns: str, feed: str | None = None) -> list[dict[str, Any]]:
        if not self.tables.exists(table):
            return []
        wanted = None if feed is None else [("feed", "=", feed)]
        found: list[dict[str, Any]] = (
            self.tables.table(table).to_pyarrow_table(filters=wanted, columns=list(columns) or None).to_pylist()
        )
        return found

    def found(self, feed: str) -> Offsets:
        """How often each partition and offset stands in the lake: as a row, in quarantine, as a duplicate."""
        columns = ("kafka_partition", "kafka_offset")
        parts = [
            self.rows(self.contracts[feed].parent.name, *columns),
            self.rows(QUARANTINE, *columns, feed=feed),
            self.rows(DUPLICATES, *columns, feed=feed),
        ]
        return Counter((row["kafka_partition"], row["kafka_offset"]) for part in parts for row in part)

    def sent(self, feed: str) -> Offsets:
        """Every offset that the broker has given out, once."""
        topic = self.contracts[feed].topic
        consumer = self.kafka.consumer()
        try:
            ends = {
                partition: consumer.get_watermark_offsets(TopicPartition(topic.name, partition), timeout=60)[1]
                for partition in range(topic.partitions)
            }
        finally:
            consumer.close()
        return Counter({(partition, offset): 1 for partition, end in ends.items() for offset in range(end)})

    def wait_until_in_lake(self, run: Run, feeds: Iterable[str], timeout_seconds: float = 600) -> None:
        """Wait until every offset sent by now is in the lake, in batches that are committed whole; fail at once if the
        driver ends.
        """
        sent = {feed: self.sent(feed) for feed in feeds}

        def arrived() -> bool:
            assert run.process.poll() is None, run.said()
            return all(self._has(feed, offsets) for feed, offsets in sent.items())

        def missing() -> str:
            return f"all offsets of {', '.join(sent)} in the lake: {run.said()[-3000:]}"

        wait_for(arrived, timeout_seconds, missing)

    def _has(self, feed: str, sent: Offsets) -> bool:
        # What was refused or is a duplicate stands in its table before the batch is the parent's, and so decided.
        claim = committed(self.tables, self.contracts[feed])
        if claim is None or any(offset >= claim.end_offsets[partition] for partition, offset in sent):
            return False
        return self.found(feed).keys() >= sent.keys()

    def transaction(self, feed: str, generation: int = 1) -> int | None:
        """The newest batch that the feed's parent table has."""
        table = self.tables.table(self.contracts[feed].parent.name)
        version: int | None = table.transaction_version(application_id(feed, generation))
        return version


@contextmanager
def running_platform(kafka: Kafka, directory: Path, session_seconds: int | None = None) -> Iterator[Platform]:
    """The emulated AWS with the job's role, two empty buckets and the store dimension; `kafka` is the test's.

    `session_seconds`: how long the credentials of a role live.
    """
    account = Account(directory / "aws", Authority.create(directory / "authority"), session_seconds)
    account.start()
    platform = None
    try:
        environment = _job_environment(account, kafka, directory)
        os.environ |= {"AWS_ENDPOINT_URL_S3": account.endpoint, "AWS_CA_BUNDLE": str(account.ca_file)}
        store = _buckets(account)
        tables = DeltaTables(store)
        write_deltalake(tables.table_uri("dim_stores"), DIM_STORES, storage_options=store.storage_options())
        platform = Platform(kafka, account, environment, directory, store, tables, contracts.load())
        yield platform
    finally:
        for run in platform.runs if platform else ():
            run.kill()
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"):
            os.environ.pop(name, None)
        account.stop()


def _job_environment(account: Account, kafka: Kafka, directory: Path) -> dict[str, str]:
    (directory / "master.key").write_bytes(MASTER_KEY)
    token_file = directory / "token"
    token_file.write_text(account.issuer.mint("spark-ingest"))
    return {
        **account.workload_environment(_role(account, account.issuer), token_file),
        **kafka.broker.workload_environment("spark-ingest"),
        "TILLSTREAM_LAKE_URI": f"s3://{LAKE}",
        "TILLSTREAM_CHECKPOINTS_URI": f"s3://{CHECKPOINTS}",
        "TILLSTREAM_STORE_MASTER_KEY_FILE": str(directory / "master.key"),
    }


def _role(account: Account, issuer: Issuer) -> str:
    """A role for the job's token. What it may do in detail is tested with Terraform's policies."""
    iam = account.administrator_client("iam")
    host = issuer.url.removeprefix("https://")
    provider = iam.create_open_id_connect_provider(Url=issuer.url, ClientIDList=[AUDIENCE], ThumbprintList=["0" * 40])[
        "OpenIDConnectProviderArn"
    ]
    trust = _statement(
        Principal={"Federated": provider},
        Action="sts:AssumeRoleWithWebIdentity",
        Condition={
            "StringEquals": {
                f"{host}:sub": "system:serviceaccount:tillstream:spark-ingest",
                f"{host}:aud": AUDIENCE,
            }
        },
    )
    role = iam.create_role(RoleName="spark-ingest", AssumeRolePolicyDocument=trust)["Role"]
    resources = [f"arn:aws:s3:::{bucket}{suffix}" for bucket in (LAKE, CHECKPOINTS) for suffix in ("", "/*")]
    allowed = _statement(
        Action=["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"], Resource=resources
    )
    iam.put_role_policy(RoleName="spark-ingest", PolicyName="lake", PolicyDocument=allowed)
    arn: str = role["Arn"]
    return arn


def _statement(**parts: object) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **parts}]})


def _buckets(account: Account) -> ObjectStore:
    s3 = account.administrator_client()
    for bucket in (LAKE, CHECKPOINTS):
        s3.create_bucket(Bucket=bucket)
    keys = account.administrator_environment()
    session = boto3.session.Session(
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        region_name=keys["AWS_REGION"],
    )
    return ObjectStore(f"s3://{LAKE}", aws=session)


def each_once(feeds: Sequence[str], platform: Platform) -> None:
    """Assert that every offset of these feeds is in the lake, exactly once."""
    for feed in feeds:
        assert platform.found(feed) == platform.sent(feed), feed
