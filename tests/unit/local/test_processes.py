"""Processes of the local platform die when they should, with all their children."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from local import processes, watchdog
from tests.support.waiting import wait_for

# A program with a child that leads its own process group, as a Spark driver's Python workers do.
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], process_group=0)
print("ready", child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


def alive(session: int) -> list[int]:
    """The members of a session that are no zombies: an orphan's zombie may wait for init to reap it."""

    def is_zombie(pid: int) -> bool:
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return state.stdout.strip()[:1] in ("Z", "")

    return [pid for pid in watchdog.members(session) if not is_zombie(pid)]


def said(log: Path, what: str) -> Callable[[], bool]:
    return lambda: log.exists() and what in log.read_text()


@pytest.fixture(scope="module")
def anothers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Popen]:
    """What was started in this process before a test, as a broker for several files is."""
    process = processes.spawn(["sleep", "600"], tmp_path_factory.mktemp("anothers") / "log")
    yield process
    processes.kill(process)


def test_end_stops_the_whole_family(tmp_path: Path):
    """Ending a program also ends a child that left its process group."""
    process = processes.spawn([sys.executable, "-c", FAMILY], tmp_path / "log")
    wait_for(said(tmp_path / "log", "ready"), 60, "the family")
    assert len(alive(process.pid)) == 2

    assert processes.end(process) == -signal.SIGTERM

    wait_for(lambda: not alive(process.pid), 60, "the end of the family")


def test_end_kills_what_ignores_it(tmp_path: Path):
    """A program that ignores SIGTERM is killed after the grace time."""
    process = processes.spawn([sys.executable, "-c", STUBBORN], tmp_path / "log")
    wait_for(said(tmp_path / "log", "ready"), 60, "the program")

    assert processes.end(process, grace_seconds=0.2) == -signal.SIGKILL


def test_children_of_a_dead_leader_are_ended(tmp_path: Path):
    """A program that crashed does not leave its children behind once it is ended."""
    process = processes.spawn([sys.executable, "-c", FAMILY], tmp_path / "log")
    wait_for(said(tmp_path / "log", "ready"), 60, "the family")
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert alive(process.pid)

    processes.end(process)

    wait_for(lambda: not alive(process.pid), 60, "the end of the child")


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT], ids=["kill -9", "Ctrl-C"])
def test_parent_leaves_no_orphan(tmp_path: Path, death: signal.Signals):
    """Whatever ends a supervisor, its children and grandchildren end with it."""
    supervisor = textwrap.dedent(f"""
        import signal, sys, time
        from pathlib import Path
        from local import processes
        # A shell that starts a job in the background has it ignore Ctrl-C, and all that the job starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        started = processes.spawn([sys.executable, "-c", {FAMILY!r}], Path({str(tmp_path / "log")!r}))
        print(started.pid, flush=True)
        time.sleep(600)
    """)
    parent = subprocess.Popen([sys.executable, "-c", supervisor], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout is not None
    session = int(parent.stdout.readline())
    wait_for(said(tmp_path / "log", "ready"), 60, "the family")
    assert len(alive(session)) == 2

    parent.send_signal(death)
    parent.wait(60)

    wait_for(lambda: not alive(session), 60, "the end of the family")


def test_a_parent_killed_while_it_starts_a_program_leaves_none(tmp_path: Path):
    """A supervisor that dies before its watchdog knows of a program leaves no program that runs."""
    supervisor = textwrap.dedent(f"""
        import os, signal, sys
        from pathlib import Path
        from local import processes
        def die(session):
            print(session, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        processes._watch.add = die
        processes.spawn([sys.executable, "-c", {FAMILY!r}], Path({str(tmp_path / "log")!r}))
    """)
    parent = subprocess.Popen([sys.executable, "-c", supervisor], stdout=subprocess.PIPE, text=True)
    session = int(parent.communicate(timeout=60)[0])

    wait_for(lambda: not alive(session), 60, "the end of what was started")

    assert (tmp_path / "log").read_text() == ""


def test_a_program_gets_what_its_parent_says(tmp_path: Path):
    """A program that talks hears its parent's first line; one that does not has nobody to hear."""
    command = [sys.executable, "-c", "import sys; print(sys.stdin.readline().strip() or 'nothing', flush=True)"]
    talker = processes.spawn(command, tmp_path / "talker", talks=True)
    assert talker.communicate("hello\n", timeout=60)[0] == "hello\n"
    assert processes.spawn(command, tmp_path / "other").wait(60) == 0
    assert (tmp_path / "other").read_text() == "nothing\n"


def test_a_missing_program_is_told(tmp_path: Path):
    """A program that is not there is named, also where only its own PATH lacks it."""
    for command, environment in ((["no-such-program"], None), (["ls"], {"PATH": str(tmp_path)})):
        with pytest.raises(processes.ProcessError, match=f"no program {command[0]}"):
            processes.spawn(command, tmp_path / "log", environment=environment)


def test_a_killed_watchdog_is_replaced(tmp_path: Path):
    """Losing the watchdog is healed with the next program, for the earlier ones, too."""
    first = processes.spawn(["sleep", "600"], tmp_path / "log")
    lost = processes._watch._process
    assert lost is not None
    lost.kill()
    lost.wait()

    second = processes.spawn(["sleep", "600"], tmp_path / "log")

    replacement = processes._watch._process
    assert replacement is not None
    assert replacement.pid != lost.pid
    assert replacement.stdin is not None
    replacement.stdin.close()
    assert first.wait(60) == second.wait(60) == -signal.SIGKILL


def test_run_returns_what_was_printed(tmp_path: Path):
    """A program that ends well gives its output; its errors are kept in the log."""
    script = "import sys; print('result'); print('noise', file=sys.stderr)"
    assert processes.run([sys.executable, "-c", script], tmp_path / "log") == "result\n"
    assert "noise" in (tmp_path / "log").read_text()


def test_run_says_why_a_program_failed(tmp_path: Path):
    """An exit code that is not accepted raises, with the end of the log; an accepted one does not."""
    command = [sys.executable, "-c", "import sys; print('found'); sys.exit('the reason')"]
    with pytest.raises(processes.ProcessError, match=r"(?s)exit code 1.*the reason"):
        processes.run(command, tmp_path / "log")
    assert processes.run(command, tmp_path / "log", accept=(0, 1)) == "found\n"


def test_kill_all_frees_whoever_waits(tmp_path: Path):
    """Killing everything ends the waits for it."""
    started = [processes.spawn(["sleep", "600"], tmp_path / "log") for _ in range(2)]
    processes.kill_all()
    assert [each.wait(60) for each in started] == [-signal.SIGKILL] * 2
    for each in started:
        processes.end(each)


def test_kill_all_of_a_test_spares_what_stood_before(anothers: processes.Popen, tmp_path: Path):
    """Ending everything in a test of this folder, by hand or by its watchdog, ends only what that test has started."""
    own = processes.spawn(["sleep", "600"], tmp_path / "log")
    processes.kill_all()
    assert own.wait(60) == -signal.SIGKILL

    second = processes.spawn(["sleep", "600"], tmp_path / "log")
    dog = processes._watch._process
    assert dog is not None
    assert dog.stdin is not None
    dog.stdin.close()
    assert second.wait(60) == -signal.SIGKILL

    assert anothers.poll() is None
