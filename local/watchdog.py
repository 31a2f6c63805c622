"""Kills what its parent has started when the parent is gone, even by `kill -9`: run as a script, by `local.processes`.

It reads lines from standard input: `+N` watch session N, `-N` forget it. The end of input is the end of the parent,
because only the parent holds the other end of the pipe. A pipe serves Linux and macOS alike, and sees grandchildren,
which Linux's parent-death signal does not. Standard library only: it starts in milliseconds and stays small.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def members(session: int) -> list[int]:
    """The processes of a session that are alive or not yet reaped: a leader's children may outlive it."""

    def belongs(pid: int) -> bool:
        with suppress(ProcessLookupError, PermissionError):
            return os.getsid(pid) == session
        return False

    return [pid for pid in _every_pid() if belongs(pid)]


def kill(session: int) -> None:
    """SIGKILL every process of a session, also those that moved to a process group of their own."""
    for pid in members(session):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _every_pid() -> Iterator[int]:
    processes = Path("/proc")
    if (processes / "self").exists():
        return (int(each.name) for each in processes.iterdir() if each.name.isdigit())
    listing = subprocess.run(["ps", "-A", "-o", "pid="], capture_output=True, text=True, check=True)
    return (int(pid) for pid in listing.stdout.split())


def main() -> None:
    watched: set[int] = set()
    for line in sys.stdin:
        session = int(line[1:])
        if line[0] == "+":
            watched.add(session)
        else:
            watched.discard(session)
    for session in watched:
        kill(session)


if __name__ == "__main__":
    main()
