"""Where the running stack is written down, and how a verb typed by hand finds it.

`platform.json` holds addresses, and for each workload the variables its processes run with: paths of secrets, never
secrets. The stack holds a lock while it lives, so nobody is led to a stack that is gone, and there is one at a time.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Self

from contracts.errors import TillstreamError
from stores.files import write_private

ROOT = Path(__file__).resolve().parents[1]
# Everything that runs keeps its files here; tests and a second disk choose another place.
LOCAL = Path(os.environ.get("TILLSTREAM_LOCAL_DIR", ROOT / ".local"))
RUN_DIRECTORY = LOCAL / "run"
ASKED_SECONDS = 1.0

# Whose identity a verb takes on when it is typed by hand.
VERB_WORKLOADS = {
    "topics": "topics",
    "verify": "quality",
    "explain": "quality",
    "quarantine": "quality",
    "quarantine redrive": "spark-ingest",
    "replay": "spark-ingest",
    "reconcile": "quality",
    "validate": "quality",
    "compact": "upkeep",
    "clean": "upkeep",
    "exporter": "lake-exporter",
    "streams": "spark-ingest",
    "stores": "stores",
}


class StackError(TillstreamError):
    """The stack runs already, or does not run, or one of its parts failed."""


@dataclass(frozen=True)
class Part:
    """A part of the stack: its address, and the process to look for (0: a thread of the stack's own)."""

    name: str
    address: str
    pid: int


@dataclass(frozen=True)
class Platform:
    """A running stack. `workloads`: by service account, the environment of its processes."""

    pid: int
    directory: str
    parts: tuple[Part, ...]
    workloads: dict[str, dict[str, str]]

    def write(self, run_directory: Path = RUN_DIRECTORY) -> None:
        write_private(run_directory / "platform.json", json.dumps(asdict(self), indent=2))

    @classmethod
    def running(cls, run_directory: Path = RUN_DIRECTORY) -> Self | None:
        """The stack that runs now and is complete, if there is one."""
        if running_pid(run_directory) is None:
            return None
        try:
            fields = json.loads((run_directory / "platform.json").read_text())
        except FileNotFoundError:
            return None
        return cls(**{**fields, "parts": tuple(Part(**part) for part in fields["parts"])})


@contextmanager
def only_stack(run_directory: Path = RUN_DIRECTORY) -> Iterator[None]:
    """Hold the lock that says a stack runs here. Raise StackError where one runs already."""
    run_directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (run_directory / "lock").open("a+") as lock:
        if not _take(lock):
            raise StackError(
                f"A stack runs here already (process {_written_pid(run_directory)}). It was left alone; "
                "`tillstream status` shows it, `make down` stops it."
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        try:
            yield
        finally:
            (run_directory / "platform.json").unlink(missing_ok=True)


def running_pid(run_directory: Path = RUN_DIRECTORY) -> int | None:
    """The process that holds the lock."""
    try:
        with (run_directory / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return _written_pid(run_directory)
    return None


def adopt(words: Sequence[str], run_directory: Path = RUN_DIRECTORY) -> None:
    """Give this process the environment of the workload of the verb that begins so, if a stack runs and nothing else
    was chosen.
    """
    workload = VERB_WORKLOADS.get(" ".join(words[:2])) or VERB_WORKLOADS.get(words[0])
    if workload is None or "TILLSTREAM_LAKE_URI" in os.environ:
        return
    if platform := Platform.running(run_directory):
        os.environ.update(platform.workloads[workload])


def _take(lock: IO[str]) -> bool:
    """Whether the lock is ours now, until it is closed. Who asks whether a stack runs holds it for a moment, too."""
    deadline = time.monotonic() + ASKED_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.01)
        else:
            return True


def _written_pid(run_directory: Path) -> int:
    return int((run_directory / "lock").read_text() or 0)
