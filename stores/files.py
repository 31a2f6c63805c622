"""Files that hold secrets."""

import os
import secrets
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
