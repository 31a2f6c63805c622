"""A verb typed by hand finds the running stack, and never one that is gone."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.environment import Part, Platform, StackError, adopt, only_stack, running_pid

WORKLOADS = {
    name: {"TILLSTREAM_LAKE_URI": "s3://lake", "AWS_ROLE_ARN": f"arn:{name}"} for name in ("quality", "spark-ingest")
}
HOLDER = """
import sys, time
from pathlib import Path
from local.environment import only_stack
with only_stack(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of a stack."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def platform(directory: Path) -> Platform:
    return Platform(os.getpid(), str(directory), (Part("Kafka broker", "127.0.0.1:9", 1),), WORKLOADS)


def test_only_one_stack_at_a_time(tmp_path: Path, holder: subprocess.Popen[str]):
    """A second stack is refused, with the process of the first."""
    assert running_pid(tmp_path) == holder.pid
    with pytest.raises(StackError, match=f"process {holder.pid}"), only_stack(tmp_path):
        pass


def test_a_killed_stack_is_gone(tmp_path: Path, holder: subprocess.Popen[str]):
    """What a stack wrote down does not outlive it, even by `kill -9`."""
    platform(tmp_path).write(tmp_path)
    assert Platform.running(tmp_path) == platform(tmp_path)

    holder.send_signal(signal.SIGKILL)
    holder.wait()

    assert running_pid(tmp_path) is None
    assert Platform.running(tmp_path) is None


def test_a_stack_that_is_not_complete_is_not_found(tmp_path: Path):
    """While the stack starts, nobody is led to it."""
    with only_stack(tmp_path):
        assert running_pid(tmp_path) == os.getpid()
        assert Platform.running(tmp_path) is None


def test_what_is_written_down_is_private(tmp_path: Path):
    """Nobody else on the machine may read where the secrets are."""
    platform(tmp_path).write(tmp_path)
    assert stat.S_IMODE((tmp_path / "platform.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("words", "workload"),
    [
        (["verify", "pos.receipts"], "quality"),
        (["quarantine", "list"], "quality"),
        (["quarantine", "redrive", "--dry-run"], "spark-ingest"),
    ],
    ids=" ".join,
)
def test_a_verb_takes_on_its_workload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], workload: str):
    """A verb runs as the workload that may do its work, when nothing else was chosen."""
    environment: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", environment)
    with only_stack(tmp_path):
        written = platform(tmp_path)
        written.write(tmp_path)
        adopt(words, tmp_path)
    assert environment == written.workloads[workload]


@pytest.mark.parametrize(
    ("verb", "already"),
    [("verify", {"TILLSTREAM_LAKE_URI": "s3://chosen"}), ("contracts", {})],
    ids=["chosen", "no workload"],
)
def test_what_was_chosen_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, already: dict[str, str]):
    """A lake that the user has named is not replaced, and a verb that needs none gets nothing."""
    environment = dict(already)
    monkeypatch.setattr(os, "environ", environment)
    with only_stack(tmp_path):
        platform(tmp_path).write(tmp_path)
        adopt([verb], tmp_path)
    assert environment == already


def test_without_a_stack_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A verb without a stack keeps its own environment."""
    environment: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", environment)
    adopt(["verify"], tmp_path)
    assert environment == {}
