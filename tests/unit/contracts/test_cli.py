"""`tillstream contracts check` as people and programs meet it."""

import json
import shutil
from pathlib import Path

from click.testing import CliRunner

from contracts.loading import default_directory
from tests.support.events import FEEDS
from tillstream.cli import cli


def test_check_lists_the_feeds():
    """Good contracts are shown, and the command says that all is well."""
    result = CliRunner().invoke(cli, ["contracts", "check"])
    assert result.exit_code == 0
    assert all(feed in result.output for feed in FEEDS)


def test_check_speaks_json():
    """For programs: one object, with each feed's topic, tables and rules."""
    result = CliRunner().invoke(cli, ["contracts", "check", "--json"])
    answer = json.loads(result.output)
    assert result.exit_code == 0
    assert answer["ok"] is True
    assert {feed["feed"] for feed in answer["feeds"]} == set(FEEDS)
    assert answer["feeds"][0]["tables"] == ["receipt_lines", "receipt_tenders", "receipts"]


def test_check_fails_on_a_finding(tmp_path: Path):
    """A finding is exit code 1, with file, line, field and reason, in words and in JSON."""
    shutil.copy(default_directory() / "store.operations.odcs.yaml", tmp_path)
    file = tmp_path / "store.operations.odcs.yaml"
    file.write_text(file.read_text().replace("access: produce", "access: own"))
    line = next(number for number, each in enumerate(file.read_text().splitlines(), 1) if "access: own" in each)

    words = CliRunner().invoke(cli, ["contracts", "check", "--directory", str(tmp_path)])
    assert words.exit_code == 1
    assert f"{file}:{line}: roles[0].access: must be one of" in words.output

    answer = CliRunner().invoke(cli, ["contracts", "check", "--json", "--directory", str(tmp_path)])
    assert answer.exit_code == 1
    findings = json.loads(answer.output)["findings"]
    assert {"file": str(file), "line": line, "field": "roles[0].access"}.items() <= findings[0].items()


def test_a_directory_that_is_not_there_is_wrong_use(tmp_path: Path):
    """Wrong use is exit code 2."""
    result = CliRunner().invoke(cli, ["contracts", "check", "--directory", str(tmp_path / "nowhere")])
    assert result.exit_code == 2
