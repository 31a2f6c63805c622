"""Files that hold secrets, and ports that nobody uses."""

import itertools
import random
import socket

from stores.files import write_private

__all__ = ["free_ports", "write_private"]

# Below those that a system gives out by itself (Linux from 32768 on, macOS from 49152 on): no connection and no program
# that listens at just any port takes one between its choice and its use, nor while its owner is down.
_PORTS = range(20_000, 30_000)
# Each process goes round from a place of its own, so two that look at the same moment find different ones.
_next_port = itertools.cycle(_PORTS)
next(itertools.islice(_next_port, random.SystemRandom().randrange(len(_PORTS)), None))


def free_ports(count: int) -> tuple[int, ...]:
    """Ports on loopback that were free a moment ago, none of which this process was given lately."""
    return tuple(itertools.islice(filter(_is_free, _next_port), count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
