"""The key that every store's key derives from."""

import os
from pathlib import Path

from jobs.errors import IngestError

MASTER_KEY_FILE = "TILLSTREAM_STORE_MASTER_KEY_FILE"


def master_key() -> bytes:
    """Raise IngestError where nobody says in which file it is."""
    if not (path := os.environ.get(MASTER_KEY_FILE)):
        raise IngestError(f"{MASTER_KEY_FILE} is not set: no signature can be checked. Nothing was written; set it.")
    return Path(path).read_bytes()
