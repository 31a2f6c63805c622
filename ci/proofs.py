"""The proofs that take longer than `make test`: each a job of its own."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONG = re.compile(r"^(test-(?!fast:)[a-z]+|drill|chaos):", re.MULTILINE)


def proofs(root: Path = ROOT) -> list[str]:
    """The make targets that exist."""
    return sorted(set(LONG.findall((root / "Makefile").read_text(encoding="utf-8"))))
