"""A release is a tag whose version the project bears and whose section the changelog has."""

import re
import tomllib
from pathlib import Path

from ci.errors import CiError

ROOT = Path(__file__).resolve().parents[1]


def notes(tag: str, root: Path = ROOT) -> str:
    """The changelog's section for a tag `vX.Y.Z`. Raise CiError where tag, project and changelog disagree."""
    version = tag.removeprefix("v")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    if not re.fullmatch(r"v\d+\.\d+\.\d+", tag) or version != project:
        raise CiError(f"The tag is {tag}, the project's version {project}. Nothing was released; tag v{project}.")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    section = re.search(
        rf"^## {re.escape(version)} [^\n]*\n(?P<notes>.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL
    )
    if not section or not section["notes"].strip():
        raise CiError(f"CHANGELOG.md has no section `## {version} (<date>)`, or an empty one. Nothing was released.")
    return section["notes"].strip() + "\n"
