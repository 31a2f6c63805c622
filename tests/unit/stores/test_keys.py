"""A key file that holds no key is told before anything is signed with it."""

from pathlib import Path

import pytest

from stores.errors import KeyFileError
from stores.keys import read_master_key, read_store_key


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "key"


@pytest.mark.parametrize("content", [b"", b"k" * 31, b"k" * 32 + b"\n", b"6b" * 32])
def test_store_key_of_another_length_is_refused(key_file: Path, content: bytes):
    """A store's key has 32 bytes: with a line's end behind it, or as text, it is another one."""
    key_file.write_bytes(content)
    with pytest.raises(KeyFileError, match=f"has {len(content)} bytes, not 32"):
        read_store_key(key_file)


def test_store_key_is_read(key_file: Path):
    """A key is read as it stands there."""
    key_file.write_bytes(bytes(range(32)))
    assert read_store_key(key_file) == read_master_key(key_file) == bytes(range(32))


def test_short_master_key_is_refused(key_file: Path):
    """Half a master key is refused."""
    key_file.write_bytes(b"k" * 16)
    with pytest.raises(KeyFileError, match="has 16 bytes; it needs at least 32"):
        read_master_key(key_file)


def test_missing_key_is_told(key_file: Path):
    """A file that is not there is named."""
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_store_key(key_file)
