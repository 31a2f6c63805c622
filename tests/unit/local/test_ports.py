"""Ports that are given out once."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

from local.ports import free_ports

# Linux gives those from here on to whatever asks for any, and to each connection that goes out.
FIRST_OF_THE_SYSTEM = 32_768
ROOT = Path(__file__).resolve().parents[3]
PROGRAM = "from local.ports import free_ports; print(*free_ports(300), flush=True); input()"


def test_no_port_is_given_out_twice():
    """A port is not given again before its owner listens, nor is it one that any connection may take."""
    found = [port for _ in range(50) for port in free_ports(2)]
    assert len(set(found)) == 100
    assert max(found) < FIRST_OF_THE_SYSTEM


def test_no_two_processes_give_out_the_same():
    """What one process was given, no other one is while that lives, though nobody listens there yet."""
    command, pipe = [sys.executable, "-c", PROGRAM], subprocess.PIPE
    with ExitStack() as started:
        processes = [
            started.enter_context(subprocess.Popen(command, cwd=ROOT, text=True, stdin=pipe, stdout=pipe))
            for _ in range(8)
        ]
        found = [port for each in processes for port in each.stdout.readline().split()]
        for each in processes:
            each.communicate("\n")
    assert len(found) == len(set(found)) == 8 * 300
