"""The check for leaked secrets finds what it is to find: `tests/long/test_secrets.py` rests on it."""

import shutil
from pathlib import Path

import pytest

from local.authority import Authority
from tests.support.leaks import Secrets, leaks


@pytest.mark.parametrize("kind", ["users/a.password", "tokens/a/token", "store-master.key", "a.key"])
def test_check_finds_what_it_looks_for(tmp_path: Path, kind: str):
    """A secret copied into another file is found, whichever of its kinds it is."""
    home = tmp_path / "stack" / kind
    home.parent.mkdir(parents=True)
    if kind == "a.key":
        made = Authority.create(tmp_path / "ca").issue_store("330", 1).key_file.read_bytes()
        shutil.rmtree(tmp_path / "ca")
    else:
        made = b"0123456789abcdefghijklmnopqrstuv"
    home.write_bytes(made)
    secrets = Secrets.of(tmp_path / "stack", [("330", 1)])
    innocent = tmp_path / "innocent"
    innocent.write_text("nothing")
    log = tmp_path / "log"
    log.write_bytes(b"some words, then " + made.replace(b"-----", b"") + b" and more")
    assert leaks([home, innocent], secrets) == []
    [found] = leaks([home, innocent, log], secrets)
    assert found.startswith(f"{log} holds {home}")
