"""Key files: what is read from one is a key, or an error says what it is instead."""

from pathlib import Path

from contracts.signing import MASTER_KEY_MINIMUM_BYTES
from stores.errors import KeyFileError

STORE_KEY_BYTES = 32


def read_store_key(file: Path) -> bytes:
    """A store's own signing key. Raises KeyFileError: with any other key the lake would quarantine all it sends."""
    key = _read(file)
    if len(key) != STORE_KEY_BYTES:
        raise KeyFileError(
            f"The signing key in {file} has {len(key)} bytes, not {STORE_KEY_BYTES} (raw: neither text nor a line's "
            "end). Nothing was sent, all is in the outbox. Write the key that was issued to this store to that file."
        )
    return key


def read_master_key(file: Path) -> bytes:
    """What the stores' keys are derived from. Raises KeyFileError where it is too short for that."""
    key = _read(file)
    if len(key) < MASTER_KEY_MINIMUM_BYTES:
        raise KeyFileError(
            f"The master key in {file} has {len(key)} bytes; it needs at least {MASTER_KEY_MINIMUM_BYTES}. Nothing was "
            "sent. Give the file whose key the stream checks signatures with."
        )
    return key


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise KeyFileError(f"The key file {file} cannot be read ({error}). Nothing was sent.") from error
