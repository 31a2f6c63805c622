"""A store signs what it sends: HMAC-SHA256 of the payload under its own key.

The header `signature` holds the 32 raw bytes, the header `key_generation` the generation as ASCII digits.
"""

import hashlib
import hmac

SIGNATURE_BYTES = 32
MASTER_KEY_MINIMUM_BYTES = 32


def store_key(master: bytes, store_id: str, generation: int) -> bytes:
    """The key of one store in one generation (32 bytes), derived, so that only the master has to be kept.

    Raises ValueError where the master is shorter than 32 bytes.
    """
    if len(master) < MASTER_KEY_MINIMUM_BYTES:
        raise ValueError(f"the master key has {len(master)} bytes; it needs at least {MASTER_KEY_MINIMUM_BYTES}")
    return hmac.digest(master, f"tillstream/store-key/{generation}/{store_id}".encode(), hashlib.sha256)


def sign(key: bytes, payload: bytes) -> bytes:
    """The signature of a payload: 32 raw bytes."""
    return hmac.digest(key, payload, hashlib.sha256)


def verify(key: bytes, payload: bytes, signature: bytes) -> bool:
    """Whether this key signed this payload, in constant time."""
    return hmac.compare_digest(sign(key, payload), signature)
