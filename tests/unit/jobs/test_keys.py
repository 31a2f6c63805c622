"""The stream checks signatures with a whole master key, or says why it cannot."""

from pathlib import Path

import pytest

from jobs.errors import IngestError
from jobs.keys import MASTER_KEY_FILE, master_key


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(MASTER_KEY_FILE, str(tmp_path / "key"))
    return tmp_path / "key"


def test_key_is_read(key_file: Path):
    """A key is read as it stands there."""
    key_file.write_bytes(bytes(range(32)))
    assert master_key() == bytes(range(32))


def test_short_key_is_refused(key_file: Path):
    """With half a key every message would be quarantined: the job says so and does not begin."""
    key_file.write_bytes(b"k" * 16)
    with pytest.raises(IngestError, match="has 16 bytes; it needs at least 32"):
        master_key()


@pytest.mark.usefixtures("key_file")
def test_missing_file_is_told():
    """A file that is not there is named."""
    with pytest.raises(IngestError, match="cannot be read"):
        master_key()


def test_nobody_says_where_it_is(monkeypatch: pytest.MonkeyPatch):
    """Without the variable the job says which one it needs."""
    monkeypatch.delenv(MASTER_KEY_FILE, raising=False)
    with pytest.raises(IngestError, match=f"{MASTER_KEY_FILE} is not set"):
        master_key()
