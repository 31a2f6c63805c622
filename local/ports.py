"""Ports on loopback that nobody uses."""

import itertools
import random
import socket
import threading
from collections.abc import Iterator

from contracts.errors import TillstreamError

# Below those that a system gives out by itself (Linux from 32768 on, macOS from 49152 on): no connection and no program
# that listens at just any port takes one between its choice and its use, nor while its owner is down.
_BLOCKS = [range(first, first + 500) for first in range(20_000, 30_000, 500)]


class NoPorts(TillstreamError):  # noqa: N818 - the state that is found
    """Every block of ports is another process's."""


def free_ports(count: int) -> tuple[int, ...]:
    """Ports that were free a moment ago, none of which this process was given lately, or another one that lives is.

    Raise NoPorts where there are too many such processes.
    """
    with _lock:
        found = tuple(itertools.islice(filter(_is_free, _rounds), count))
    if len(found) < count:
        raise NoPorts(
            f"Each of the {len(_BLOCKS)} blocks of ports from {_BLOCKS[0][0]} on is another process's. Nothing was "
            "started; end what you do not need: `ss -lnup` lists who holds the first of each."
        )
    return found


def _go_round() -> Iterator[int]:
    """The ports of a block that no other process has, again and again; none where each has one."""
    for block in random.SystemRandom().sample(_BLOCKS, len(_BLOCKS)):
        # UDP's numbers are not TCP's, on which all of ours listen: it costs no port, and ends with the process.
        with socket.socket(type=socket.SOCK_DGRAM) as claim:
            try:
                claim.bind(("127.0.0.1", block[0]))
            except OSError:
                continue
            yield from itertools.cycle(block)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_rounds = _go_round()
_lock = threading.Lock()
