"""Finds the secrets of a run in what the run wrote elsewhere.

A run keeps each secret in a file of its own. `Secrets.of` reads those, derives what is made from them, and `leaks`
looks for each, as it is and as it may be spelled, in every other file: byte by byte, and in the cells of Parquet
tables, which are compressed (Kafka's segments are not unpacked: what they hold is in the tables and the outboxes).
What no file holds (the sessions of roles) is found by how it looks.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from contracts.signing import store_key

# A needle is long enough not to be found by chance, and short enough to be found when a line is cut.
LENGTH = 20
PEM_KEY = "PRIVATE KEY-----"
# How every EC key on the curve P-256 begins.
EC = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
LOOKS_SECRET = {
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a JWT": re.compile(rb"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a key of AWS": re.compile(rb"(?i)secret_?access_?key['\"]?\s*[=:>]\s*['\"]?[\w+/-]{16,}"),
    "a session of AWS": re.compile(rb"(?i)session_?token['\"]?\s*[=:>]\s*['\"]?[\w+/-]{16,}"),
}


@dataclass
class Secrets:
    """What must be nowhere but in the files that are made for it."""

    homes: set[Path] = field(default_factory=set)
    needles: dict[bytes, str] = field(default_factory=dict)

    @classmethod
    def of(cls, directory: Path, stores: Iterable[tuple[str, int]]) -> "Secrets":
        """Of a stack below `directory`, and the signing keys that it derives for these stores."""
        found = cls()
        for path in sorted(each for each in directory.rglob("*") if each.is_file()):
            if path.name == "store-master.key":
                found._add_bytes(path, path.read_bytes(), str(path))
                for store_id, generation in stores:
                    derived = store_key(path.read_bytes(), store_id, generation)
                    found._add_bytes(path, derived, f"the signing key of store {store_id}")
            elif path.suffix == ".key" or path.name == "keystore.pem":
                found._add(path, _secret_part(path.read_text()), str(path))
            elif path.suffix == ".password" or (path.name == "token" and "tokens" in path.parts):
                found._add(path, path.read_text().strip().encode(), str(path))
        return found

    def _add(self, home: Path, secret: bytes, name: str) -> None:
        self.homes.add(home)
        # Of a token the end, its signature: the beginning is the same in all of them.
        self.needles[secret[-LENGTH:]] = name

    def _add_bytes(self, home: Path, secret: bytes, name: str) -> None:
        for spelled in (secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret)):
            self._add(home, spelled, name)


def leaks(files: Iterable[Path], secrets: Secrets) -> list[str]:
    """Every place of a secret outside its home, as a sentence without the secret."""
    begins = np.zeros(1 << 24, dtype=bool)
    for needle in secrets.needles:
        begins[int.from_bytes(needle[:3], "big")] = True
    found = []
    for path in files:
        if path in secrets.homes:
            continue
        for content in _contents(path):
            found += [f"{path} holds {name}" for name in _found(content, secrets, begins)]
    return list(dict.fromkeys(found))


def _found(content: bytes, secrets: Secrets, begins: np.ndarray) -> Iterator[str]:
    data = np.frombuffer(content, dtype=np.uint8).astype(np.uint32)
    if data.size >= LENGTH:
        for place in np.flatnonzero(begins[(data[:-2] << 16) | (data[1:-1] << 8) | data[2:]]):
            if (needle := content[place : place + LENGTH]) in secrets.needles:
                yield secrets.needles[needle]
    yield from (what for what, looks in LOOKS_SECRET.items() if looks.search(content))


def _contents(path: Path) -> Iterator[bytes]:
    """The bytes of a file, and the cells that a Parquet file has compressed."""
    content = path.read_bytes()
    yield content
    if content[:4] == b"PAR1":
        table = pq.read_table(path)
        yield b"\n".join(str(value).encode() for column in table.columns for value in column.to_pylist())


def _secret_part(pem: str) -> bytes:
    """Of a PEM file a part of its private key that is not in the public one."""
    body = pem.split(PEM_KEY)[1].split("-----END", maxsplit=1)[0].replace("\n", "")
    # An EC key's secret number stands in the characters 48 to 90; an RSA key ends in a secret.
    return (body[64 : 64 + LENGTH] if body.startswith(EC) else body[-2 * LENGTH : -LENGTH]).encode()
