"""Which image runs where is moved by pull requests that change one line each."""

import shutil
from pathlib import Path

import pytest

from ci.errors import CiError
from ci.images import UNBUILT, digests, file_of, move, promote

ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")


@pytest.fixture
def dev(tmp_path: Path) -> Path:
    return Path(shutil.copy(file_of("dev"), tmp_path / "dev.yaml"))


@pytest.fixture
def prod(tmp_path: Path) -> Path:
    return Path(shutil.copy(file_of("prod"), tmp_path / "prod.yaml"))


def test_a_digest_moves_and_nothing_else(dev: Path):
    """One line changes: other images, comments and order stay."""
    before = dev.read_text().splitlines()
    assert move(dev, "spark", ONE)
    changed = [pair for pair in zip(before, dev.read_text().splitlines(), strict=True) if pair[0] != pair[1]]
    assert [after for _, after in changed] == [f"  spark: {ONE}"]
    assert not move(dev, "spark", ONE)


@pytest.mark.parametrize(
    ("image", "digest", "reason"),
    [
        ("sparks", ONE, "no image sparks"),
        ("spark", "latest", "no digest"),
        ("spark", UNBUILT, "no digest of a built image"),
    ],
)
def test_what_is_no_digest_is_refused(dev: Path, image: str, digest: str, reason: str):
    """An unknown image and anything but a built image's digest are refused, and the file stays as it was."""
    before = dev.read_text()
    with pytest.raises(CiError, match=reason):
        move(dev, image, digest)
    assert dev.read_text() == before


def test_prod_gets_what_dev_runs(dev: Path, prod: Path):
    """Promotion copies every digest and tells which moved."""
    for image, digest in (("airflow", ONE), ("spark", TWO), ("store", ONE)):
        move(dev, image, digest)
    move(prod, "airflow", ONE)
    assert promote(dev, prod) == ["spark", "store"]
    assert digests(prod) == digests(dev)
    assert promote(dev, prod) == []


def test_what_was_never_built_is_not_promoted(dev: Path, prod: Path):
    """All images move or none: one that was never built in dev keeps prod as it is."""
    move(dev, "spark", ONE)
    before = prod.read_text()
    with pytest.raises(CiError, match="airflow, store"):
        promote(dev, prod)
    assert prod.read_text() == before
