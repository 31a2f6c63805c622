"""The commands that the documentation tells people to type."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    file
    for pattern in ("*.md", "docs/**/*.md", "alerts/runbooks/*.md", "*/README.md", ".github/*.md")
    for file in ROOT.glob(pattern)
    # What it names may be gone by now.
    if file.name != "CHANGELOG.md"
)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:make|(?:\.venv/bin/)?(?:tillstream|python)|airflow) [^`\n]+)`")


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Page and words of every command of that program, without its own name."""
    for file in PAGES:
        text = file.read_text(encoding="utf-8")
        lines = [line for block in _BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
        for line in [*lines, *_INLINE.findall(text)]:
            words = shlex.split(line.replace("…", ""), comments=True)
            if words and words[0].removeprefix(".venv/bin/") == program:
                yield str(file.relative_to(ROOT)), words[1:]
