"""Real processes in the place of Spark's drivers, for tests of what starts and ends them."""

import os
import sys
from collections.abc import Sequence

from local.applications import Applications, Submission
from local.ports import free_ports

# Does what its argument says. One that goes on listens as a driver's web UI does: it is taken to run then.
PROGRAM = """
import socket, sys, time
def listen():
    server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    time.sleep(86_400)
eval(sys.argv[2])
"""
FOREVER, FAIL, SUCCEED = "listen()", "sys.exit(3)", "sys.exit(0)"
GRACE_SECONDS = 10


def submission(does: Sequence[str]) -> Submission:
    """Of a driver that does this."""
    (port,) = free_ports(1)
    return Submission((sys.executable, "-c", PROGRAM, str(port), *does), os.environ, port, GRACE_SECONDS)


def pid(applications: Applications, name: str) -> int | None:
    """The driver's, or None between two drivers."""
    found: int | None = applications.get(name)["status"].get("driverInfo", {}).get("pid")
    return found


def is_alive(pid: int | None) -> bool:
    assert pid is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
