"""Files that hold secrets, and ports that nobody uses."""

import socket
import threading

from stores.files import write_private

__all__ = ["free_ports", "write_private"]


_given: set[int] = set()
_giving = threading.Lock()


def free_ports(count: int) -> tuple[int, ...]:
    """Ports on loopback that were free a moment ago, all different, and none that this program was given before: who
    has it may not listen yet.
    """
    sockets: list[socket.socket] = []
    found: list[int] = []
    with _giving:
        try:
            while len(found) < count:
                sockets.append(socket.socket())
                sockets[-1].bind(("127.0.0.1", 0))
                port = sockets[-1].getsockname()[1]
                if port not in _given:
                    found.append(port)
        finally:
            for each in sockets:
                each.close()
        _given.update(found)
    return tuple(found)
