"""Files that hold secrets, and ports that nobody uses."""

import socket

from stores.files import write_private

__all__ = ["free_ports", "write_private"]


def free_ports(count: int) -> tuple[int, ...]:
    """Ports on loopback that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return tuple(each.getsockname()[1] for each in sockets)
    finally:
        for each in sockets:
            each.close()
