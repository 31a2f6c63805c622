import os

from contracts.signing import sign, store_key
from jobs.ingest.signatures import Signatures

MASTER = bytes(range(32))


def test_the_fast_signature_is_the_contracts() -> None:
    """For payloads of any length, stores and generations, prepared keys sign as `contracts.signing` does."""
    signatures = Signatures(MASTER)
    for store, generation in (("330", 1), ("330", 2), ("367", 1), ("330", 1)):
        for length in (0, 1, 63, 64, 65, 1000):
            payload = os.urandom(length)
            expected = sign(store_key(MASTER, store, generation), payload)
            assert signatures.sign(store, generation, payload) == expected
