"""Runs a contender as a process of its own and reads the processor time of its whole tree at each mark it prints."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local import processes

if TYPE_CHECKING:
    import subprocess

# In the first half of the backlog a JVM still compiles, imports load, connections open.
COLD_SHARE = 0.5
WAIT_SECONDS = 1800


@dataclass(frozen=True)
class Mark:
    """After so many messages or lines (of the whole: 0 to 1): seconds and CPU-seconds since the start."""

    share: float
    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Run:
    """Of one contender: the marks of its batches."""

    contender: str
    lines: int
    marks: tuple[Mark, ...]

    def _warm(self) -> tuple[Mark, Mark]:
        """A stream that runs for weeks has neither a start nor an end, where a batch is small and the next one not
        begun.
        """
        return next(mark for mark in self.marks if mark.share >= COLD_SHARE), self.marks[-2]

    @property
    def cpu_seconds_per_million(self) -> float:
        """CPU-seconds per million lines, once warm."""
        first, last = self._warm()
        return (last.cpu_seconds - first.cpu_seconds) / ((last.share - first.share) * self.lines / 1e6)

    @property
    def cold_cpu_seconds_per_million(self) -> float:
        """CPU-seconds per million lines, the start of every process included."""
        return self.marks[-1].cpu_seconds / (self.lines / 1e6)

    @property
    def lines_per_second(self) -> float:
        first, last = self._warm()
        return (last.share - first.share) * self.lines / (last.seconds - first.seconds)

    @property
    def batch_seconds(self) -> float:
        """From one commit to the next, the median once warm."""
        first, last = self._warm()
        times = [mark.seconds for mark in self.marks if first.seconds <= mark.seconds <= last.seconds]
        gaps = sorted(later - earlier for earlier, later in pairwise(times))
        return gaps[len(gaps) // 2]


def measure(
    contender: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    log_file: Path,
    lines: int,
    share_of: Callable[[re.Match[str]], float],
    pattern: str,
) -> Run:
    """Run until a mark says that all is done, then end the process. `pattern` finds the marks in its output."""
    log_file.unlink(missing_ok=True)
    process = processes.spawn(list(command), log_file, environment=dict(environment))
    started = time.monotonic()
    marks: list[Mark] = []
    marker = re.compile(pattern)
    try:
        with log_file.open() as log:
            while not marks or marks[-1].share < 1:
                line = log.readline()
                if not line:
                    _refuse_silence(process, started, log_file)
                    time.sleep(0.05)
                elif found := marker.search(line):
                    marks.append(Mark(share_of(found), time.monotonic() - started, _cpu_seconds(process.pid)))
    finally:
        processes.kill(process)
    return Run(contender, lines, tuple(marks))


def _refuse_silence(process: "subprocess.Popen[bytes]", started: float, log_file: Path) -> None:
    if process.poll() is not None or time.monotonic() - started > WAIT_SECONDS:
        raise RuntimeError(f"The contender ended or hung before its backlog was done. {processes.end_of_log(log_file)}")


def _cpu_seconds(pid: int) -> float:
    """User and system time of the tree, and of those of its processes that have ended."""
    parent = psutil.Process(pid)
    total = 0.0
    for process in (parent, *parent.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
