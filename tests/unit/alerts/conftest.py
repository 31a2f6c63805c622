"""The rules taken out of their objects, and promtool beside them."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.monitoring.rules import RuleFiles, rule_files, write
from tests.support.manifests import ROOT

PROMTOOL = ROOT / ".tools" / "bin" / "promtool"
Judge = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def files() -> RuleFiles:
    return rule_files()


@pytest.fixture
def judge(files: RuleFiles, tmp_path: Path) -> Judge:
    """Run the promtool tests of one rule file, on the rules as they are or as they are given."""

    def run(name: str, changed: dict[str, Any] | None = None) -> "subprocess.CompletedProcess[str]":
        write({name: changed or files[name]}, tmp_path)
        test = tmp_path / f"{name}.test.yaml"
        if not test.exists():
            test.write_bytes((ROOT / "alerts" / test.name).read_bytes())
        return subprocess.run([PROMTOOL, "test", "rules", test], capture_output=True, text=True, check=False)

    return run
