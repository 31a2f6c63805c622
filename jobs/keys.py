"""The key that every store's key derives from."""

import os
from pathlib import Path

from contracts.signing import MASTER_KEY_MINIMUM_BYTES
from jobs.errors import IngestError

MASTER_KEY_FILE = "TILLSTREAM_STORE_MASTER_KEY_FILE"


def master_key() -> bytes:
    """Raise IngestError where nobody says in which file it is, or that holds none."""
    if not (path := os.environ.get(MASTER_KEY_FILE)):
        raise IngestError(f"{MASTER_KEY_FILE} is not set: no signature can be checked. Nothing was written; set it.")
    try:
        key = Path(path).read_bytes()
    except OSError as error:
        raise IngestError(
            f"{MASTER_KEY_FILE} cannot be read ({error}). Nothing was written; name the key's file."
        ) from error
    if len(key) < MASTER_KEY_MINIMUM_BYTES:
        raise IngestError(
            f"The master key in {path} ({MASTER_KEY_FILE}) has {len(key)} bytes; it needs at least "
            f"{MASTER_KEY_MINIMUM_BYTES}. Nothing was written: without it every message would be quarantined. Give the "
            "key that the stores' keys were derived from."
        )
    return key
