"""Processes of the local platform: each leads its own session, writes to its own log, and dies with its parent.

Ctrl-C reaches only the parent, which then ends its children in the right order. If the parent cannot (`kill -9`), the
watchdog kills them: it knows of each before that begins.
"""

import io
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from contracts.errors import TillstreamError
from local import watchdog

GRACE_SECONDS = 10.0
# A program waits for a line, which it gets once the watchdog knows its session. Where there is none its parent is gone.
GATE = 'read -r go && exec "$@"'

# Of bytes or of text.
Popen = subprocess.Popen[Any]


class ProcessError(TillstreamError):
    """A program of the platform did not do its work."""


class _Watch:
    """This process's watchdog, started with the first child."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: set[int] = set()

    def add(self, session: int) -> None:
        with self._lock:
            self._sessions.add(session)
            self._tell(f"+{session}")

    def remove(self, session: int) -> None:
        with self._lock:
            self._sessions.discard(session)
            self._tell(f"-{session}")

    def sessions(self) -> frozenset[int]:
        with self._lock:
            return frozenset(self._sessions)

    def _tell(self, line: str) -> None:
        if self._process is not None and self._process.poll() is None and _write(self._process, line):
            return
        # The first one, or its successor, which must know all that the lost one knew.
        self._process = subprocess.Popen(
            # Isolated: nobody's site-packages or PYTHON* variables may keep it from starting.
            [sys.executable, "-I", "-S", watchdog.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for session in self._sessions:
            _write(self._process, f"+{session}")


def _write(process: Popen, line: str) -> bool:
    """Whether the other end was there to take the line."""
    pipe = process.stdin
    if pipe is None:
        return False
    text = f"{line}\n"
    try:
        pipe.write(text if isinstance(pipe, io.TextIOBase) else text.encode())
        pipe.flush()
    except BrokenPipeError:
        return False
    return True


_watch = _Watch()


def spawn(
    command: Sequence[str],
    log_file: Path,
    *,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    talks: bool = False,
) -> Popen:
    """Start a program whose output is appended to `log_file`; `environment` replaces the inherited one.

    With one that `talks`, standard input and output are pipes of text, and only its errors go to the log. Raise
    ProcessError where there is no such program.
    """
    searched = (environment if environment is not None else os.environ).get("PATH")
    if shutil.which(command[0], path=searched) is None:
        raise ProcessError(f"There is no program {command[0]}. Nothing was started; install it, or see your PATH.")
    log_file.parent.mkdir(parents=True, exist_ok=True)
    gate = GATE if talks else f"{GATE} </dev/null"
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", gate, "sh", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if talks else log,
            stderr=log,
            env=environment,
            cwd=directory,
            start_new_session=True,
            text=talks,
        )
    try:
        _watch.add(process.pid)
        # Whoever was killed in the meantime needs no line.
        _write(process, "go")
    finally:
        if not talks and process.stdin is not None:
            # What could not be written is tried again here.
            with suppress(BrokenPipeError):
                process.stdin.close()
            process.stdin = None
    return process


def run(
    command: Sequence[str],
    log_file: Path,
    *,
    environment: Mapping[str, str] | None = None,
    accept: Container[int] = (0,),
) -> str:
    """Run a program to its end; return what it printed. Its errors are appended to `log_file`.

    Raise ProcessError unless its exit code is accepted.
    """
    code, printed = outcome(command, log_file, environment=environment)
    if code not in accept:
        raise ProcessError(f"`{' '.join(command)}` ended with exit code {code}. {end_of_log(log_file)}\n{printed}")
    return printed


def outcome(command: Sequence[str], log_file: Path, *, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Run a program to its end; return its exit code and what it printed. Its errors are appended to `log_file`."""
    process = spawn(command, log_file, environment=environment, talks=True)
    try:
        printed: str = process.communicate()[0]
    finally:
        code = kill(process)
    return code, printed


def kill_all() -> None:
    """SIGKILL everything that this process has started: whoever waits for one of them learns that it is gone."""
    for session in _watch.sessions():
        watchdog.kill(session)


def end(process: Popen, grace_seconds: float = GRACE_SECONDS) -> int:
    """SIGTERM to the program, time to finish, then SIGKILL to all that is left of its session. Return its exit code."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(grace_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    return kill(process)


def kill(process: Popen) -> int:
    """SIGKILL to the program and all of its session, as a power cut would. Return its exit code."""
    watchdog.kill(process.pid)
    code = process.wait()
    _watch.remove(process.pid)
    return code


def end_of_log(log_file: Path, lines: int = 20) -> str:
    """The last lines a program wrote, for the message that says it failed."""
    try:
        tail = log_file.read_text(errors="replace").splitlines()[-lines:]
    except OSError as error:
        return f"(no log: {error})"
    return f"The end of {log_file}:\n" + "\n".join(tail)
