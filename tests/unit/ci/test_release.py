"""A release is made where tag, project and changelog agree."""

from pathlib import Path

import pytest

from ci.errors import CiError
from ci.proofs import proofs
from ci.release import notes


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n## 1.2.0 (2026-11-24)\n\n### Added\n- a thing\n\n"
        "## 1.1.0 (2026-10-01)\n\n- old\n"
    )
    return tmp_path


def test_a_release_says_what_the_changelog_says(project: Path):
    """The notes are the section of that version, and nothing of the others."""
    assert notes("v1.2.0", project) == "### Added\n- a thing\n"


@pytest.mark.parametrize("tag", ["v1.1.0", "1.2.0", "v1.2.0-rc1"])
def test_a_wrong_tag_releases_nothing(project: Path, tag: str):
    """A tag that is not the project's version is refused, with the one that would be right."""
    with pytest.raises(CiError, match=r"tag v1\.2\.0"):
        notes(tag, project)


def test_a_version_without_a_section_is_not_released(project: Path):
    """What the changelog does not tell is not released."""
    (project / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.0 (2026-11-24)\n\n## 1.1.0\n- old\n")
    with pytest.raises(CiError, match="no section"):
        notes("v1.2.0", project)


def test_the_longer_proofs_are_found(tmp_path: Path):
    """Every longer proof of the Makefile becomes a job by itself; `make test` and its fast part are none."""
    (tmp_path / "Makefile").write_text("test: a\ntest-fast: a\ntest-cluster: ## b\n\tx\ndrill:\nchaos:\nlint:\n")
    assert proofs(tmp_path) == ["chaos", "drill", "test-cluster"]
