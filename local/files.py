"""Files that hold secrets, and ports that nobody uses."""

import fcntl
import os
import random
import socket
import tempfile
import threading
from collections import deque
from functools import cache
from pathlib import Path

from stores.files import write_private

__all__ = ["free_ports", "write_private"]

# Below the ports that the system gives to every connection that goes out and to whoever asks for any (from 32768 on,
# macOS: 49152), and below those of Kubernetes' nodes (from 30000 on): only whoever asks here takes one of these.
PORTS = range(20_000, 30_000)
# So many are kept from other processes after they were given out: far more than wait for their program to listen.
KEPT = 256

_kept: deque[int] = deque()
_turn = threading.Lock()


def free_ports(count: int) -> tuple[int, ...]:
    """Ports on loopback that were free a moment ago, all different. While this process lives no other one of this user
    is given them here, unless many more were asked for since.
    """
    ports: list[int] = []
    with _turn:
        while len(ports) < count:
            port = random.choice(PORTS)  # noqa: S311 - no secret
            if port not in _kept and _is_free(port) and _keep(port):
                ports.append(port)
        while len(_kept) > KEPT:
            fcntl.lockf(_given_out(), fcntl.LOCK_UN, 1, _kept.popleft())
    return tuple(ports)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _keep(port: int) -> bool:
    """Whether the port is this process's now, and not another's that was given it before."""
    try:
        fcntl.lockf(_given_out(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _kept.append(port)
    return True


@cache
def _given_out() -> int:
    """A file of which each process locks the bytes of its ports. The locks end with the process, however that ends."""
    path = Path(tempfile.gettempdir()) / f"tillstream-ports-{os.getuid()}"
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
