"""Measures the ingest job end to end, beside a plain consumer loop and Spark's own from_json and file sink.

    python -m bench [--runs 3] [--shape receipts --shape lines]

One broker and one emulated S3 for all; the contenders take turns, each in new buckets; broker and S3 are not counted.
Prints the table of bench/README.md.
"""

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pyarrow as pa
from confluent_kafka import Producer

import contracts
from bench import backlog
from bench.builtin import TABLES
from bench.measuring import Run, measure
from local.authority import Authority
from local.aws.account import Account, without_aws
from local.environment import ROOT
from local.kafka import Broker
from local.submission import Machine, render, submission
from topics.apply import apply_plan, read_state
from topics.desired import desired_state, workload_principals
from topics.plan import make_plan
from topics.settings import KafkaSettings

ADMINISTRATOR = "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"
CONTENDERS = ("ingest", "plain", "builtin")
# Receipts as deployed; single lines so that a batch has about as many bytes.
BATCH = {"receipts": 200_000, "lines": 500_000}
# Of the whole backlog. A JVM warms up by what it is called for, and a receipt is one message, though it has nine lines.
LINES = {"receipts": 12_000_000, "lines": 6_000_000}


@dataclass(frozen=True)
class Bench:
    """The running parts, and the backlog in them."""

    directory: Path
    account: Account
    environment: Mapping[str, str]
    topic: str
    shape: str
    messages: int
    lines: int
    stores: pa.Table


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--shape", action="append", choices=backlog.SHAPES)
    arguments = parser.parse_args()
    print(_machine())
    for shape in arguments.shape or backlog.SHAPES:
        with tempfile.TemporaryDirectory(prefix="bench-", dir=_scratch()) as directory:
            _shape(Path(directory), shape, arguments.runs)


def _shape(directory: Path, shape: str, runs: int) -> None:
    authority = Authority.create(directory / "ca")
    broker, account = Broker(directory / "kafka", authority, optimised=True), Account(directory / "aws", authority)
    try:
        broker.start()
        account.start()
        bench = _prepare(directory, authority, broker, account, shape)
        print(f"\n{bench.messages:,} messages with {bench.lines:,} lines, one message a {shape.removesuffix('s')}")
        done: dict[str, list[Run]] = {name: [] for name in CONTENDERS}
        for number in range(runs):
            for name in CONTENDERS:
                run = _run(bench, name, number)
                done[name].append(run)
                print(f"  run {number + 1} {name}: {run.cpu_seconds_per_million:.1f} CPU-s/M lines", flush=True)
        print(_table(done))
    finally:
        account.stop()
        broker.stop()


def _prepare(directory: Path, authority: Authority, broker: Broker, account: Account, shape: str) -> Bench:
    broker.create_users()
    described = contracts.load()
    desired = desired_state(described.values(), [], replication=1)
    workloads = workload_principals(described.values())
    apply_plan(broker.admin(), make_plan(desired, read_state(broker.admin()), workloads=workloads, with_stores=True))
    topic = described[backlog.FEED].topic.name
    producer = Producer(
        {
            **KafkaSettings.from_env(broker.store_environment(authority.issue_client("admin"))).librdkafka(),
            "partitioner": "murmur2_random",
            "linger.ms": 50,
            # As the tills' sender has it.
            "compression.type": "lz4",
            "queue.buffering.max.messages": 200_000,
        }
    )
    master_file = directory / "master.key"
    messages, lines, stores = backlog.produce(producer, topic, shape, LINES[shape], backlog.master_key(master_file))
    environment = {
        **without_aws(os.environ),
        **broker.workload_environment("spark-ingest"),
        **account.workload_environment("arn:aws:iam::000000000000:role/bench", directory / "unused"),
        **account.administrator_environment(),
        "TILLSTREAM_STORE_MASTER_KEY_FILE": str(master_file),
    }
    # Costs are compared, not rights: every contender is the administrator.
    for name in ("AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_SESSION_NAME"):
        del environment[name]
    return Bench(directory, account, environment, topic, shape, messages, lines, stores)


def _run(bench: Bench, contender: str, number: int) -> Run:
    """One contender on new buckets."""
    suffix = f"{contender}-{number}"
    client = bench.account.administrator_client()
    for bucket in ("lake", "checkpoints"):
        client.create_bucket(Bucket=f"{bucket}-{suffix}")
    environment = {
        **bench.environment,
        "TILLSTREAM_LAKE_URI": f"s3://lake-{suffix}",
        "TILLSTREAM_CHECKPOINTS_URI": f"s3://checkpoints-{suffix}",
    }
    batch, log_file = BATCH[bench.shape], bench.directory / f"{suffix}.log"
    if contender == "plain":
        command = [sys.executable, "-m", "bench.plain", bench.topic, str(bench.messages), str(batch)]
        environment |= _of_workers(_ingest())
        share, mark = _share(bench.lines), r"BENCH lines=(\d+)"
    elif contender == "builtin":
        command, environment = _spark(bench, environment, "bench/builtin.py", [bench.topic, str(batch)])
        share, mark = _share(bench.messages * len(TABLES)), r"BENCH messages=(\d+)"
    else:
        _make_tables(environment, bench.stores)
        options = ["--trigger-seconds", "0", "--source-option", f"maxOffsetsPerTrigger={batch}", backlog.FEED]
        command, environment = _spark(bench, environment, "jobs/ingest/__main__.py", options)
        share, mark = _sum_share(bench.messages), r"committed in .*'messages': (\d+)"
    return measure(contender, command, environment, log_file, bench.lines, share, mark)


def _share(whole: int) -> Callable[[re.Match[str]], float]:
    """Of marks that say how much is done in all."""
    return lambda found: int(found[1]) / whole


def _sum_share(whole: int) -> Callable[[re.Match[str]], float]:
    """Of marks that say how much each batch did."""
    done = 0

    def share(found: re.Match[str]) -> float:
        nonlocal done
        done += int(found[1])
        return done / whole

    return share


def _spark(
    bench: Bench, environment: Mapping[str, str], program: str, arguments: list[str]
) -> tuple[list[str], dict[str, str]]:
    """The command that the local platform makes of the ingest SparkApplication, with this program and arguments."""
    manifest = _ingest()
    manifest["spec"] |= {"mainApplicationFile": f"local:///opt/tillstream/{program}", "arguments": arguments}
    conf = manifest["spec"]["sparkConf"]
    conf["spark.hadoop.fs.s3a.aws.credentials.provider"] = ADMINISTRATOR
    # One machine saves the optimising compiler for streams of minutes; what is measured here runs for weeks.
    conf["spark.driver.extraJavaOptions"] = conf["spark.executor.extraJavaOptions"]
    machine = Machine(
        directory=bench.directory / "spark",
        config_maps={"platform": {}},
        identities={manifest["spec"]["driver"]["serviceAccount"]: environment},
    )
    submitted = submission(manifest, machine)
    return list(submitted.command), {**submitted.environment, "PYTHONPATH": str(ROOT)}


def _ingest() -> dict[str, Any]:
    """The SparkApplication, as one machine has it."""
    [manifest] = [
        each for each in render(ROOT / "argocd" / "overlays" / "local") if each["metadata"]["name"] == "ingest"
    ]
    return manifest


def _of_workers(manifest: Mapping[str, Any]) -> dict[str, str]:
    """What the manifest sets for the executors' Python workers: how they handle memory."""
    prefix = "spark.executorEnv."
    conf = manifest["spec"]["sparkConf"]
    return {key.removeprefix(prefix): value for key, value in conf.items() if key.startswith(prefix)}


def _make_tables(environment: Mapping[str, str], stores: pa.Table) -> None:
    """What the platform makes before the first start: the tables and the store dimension."""
    program = [sys.executable, "-m", "bench.dimension"]
    subprocess.run(program, env=dict(environment), cwd=ROOT, check=True, input=_stream(stores))


def _stream(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _table(done: Mapping[str, Sequence[Run]]) -> str:
    """Markdown: medians with the range, and each figure's ratio to the ingest job's, run by run."""

    def row(name: str, runs: Sequence[Run]) -> str:
        pairs = zip(done["ingest"], runs, strict=True)
        ratio = statistics.median(ours.cpu_seconds_per_million / its.cpu_seconds_per_million for ours, its in pairs)
        figures = [
            _range([run.cpu_seconds_per_million for run in runs], ".1f"),
            _range([run.cold_cpu_seconds_per_million for run in runs], ".1f"),
            _range([run.lines_per_second / 1000 for run in runs], ".0f"),
            _range([run.batch_seconds for run in runs], ".1f"),
            f"{ratio:.2f}",
        ]
        return f"| {name} | {' | '.join(figures)} |"

    head = "| contender | CPU-s per million lines, warm | cold | thousand lines/s, warm | s a batch | ingest / it |"
    return "\n".join([head, "|---|---|---|---|---|---|", *(row(name, runs) for name, runs in done.items())])


def _range(values: Sequence[float], form: str) -> str:
    return f"{min(values):{form}} / **{statistics.median(values):{form}}** / {max(values):{form}}"


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def _scratch() -> Path:
    scratch = ROOT / ".local" / "bench"
    scratch.mkdir(parents=True, exist_ok=True)
    return scratch


if __name__ == "__main__":
    main()
