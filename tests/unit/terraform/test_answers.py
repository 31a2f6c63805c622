import re

import pytest

from local.aws.account import ROOT

EMULATOR = ROOT / "tests" / "support" / "aws_emulator"


@pytest.mark.parametrize("file", ["tests/terraform/test_environments.py", "docs/aws.md"])
def test_what_we_answer_is_listed(file: str):
    """Each resource type that our extension of the emulator answers for stands in the proof's docstring and in the
    documentation, and no other does.
    """
    answered = {
        name
        for source in EMULATOR.glob("*.py")
        for name in re.findall(r"aws_[a-z0-9_]+(?=[ :,;.])", source.read_text())
    }
    rows = re.findall(r"^\| `?(aws_[a-z0-9_]+)`? \|", (ROOT / file).read_text(), re.MULTILINE)
    assert sorted(answered - {"aws_emulator"}) == rows
