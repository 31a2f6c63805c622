"""Files that hold secrets, and ports that nobody uses."""

import os
import secrets
import socket
from pathlib import Path


def write_private(path: Path, content: str | bytes) -> Path:
    """Write a file that only its owner may read (0600 from its first byte on), whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # The name is unpredictable and the file is new, so nobody else can have it open already.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
    draft.replace(path)
    return path


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
