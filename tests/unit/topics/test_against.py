"""`topics plan --against` tells what a change of contracts would change in Kafka, without a broker."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

import contracts
from topics.against import contracts_at
from topics.cli import topics
from topics.errors import TopicsError

CONTRACTS = Path(contracts.__file__).parent


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose first revision has the contracts as they are now; its working tree is what is planned."""
    folder = tmp_path / "contracts"
    folder.mkdir()
    for file in CONTRACTS.glob("*.odcs.yaml"):
        shutil.copy(file, folder)
    for command in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message=first"), ("tag", "first")):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr("topics.cli.REPOSITORY", tmp_path)
    monkeypatch.setenv("TILLSTREAM_CONTRACTS_DIR", str(folder))
    return folder


def plan(*options: str) -> tuple[int, list[str]]:
    run = CliRunner().invoke(topics, ["plan", "--against=first", "--markdown", *options])
    return run.exit_code, run.output.split("\n")[:-1]


def test_equal_contracts_change_nothing(repository: Path):
    """The same contracts: nothing is printed, and the exit code says so."""
    del repository
    assert plan() == (0, [""])


def test_a_changed_setting_is_told(repository: Path):
    """Longer retention is a change; shorter retention is refused, as `apply` would refuse it."""
    file = repository / "store.operations.odcs.yaml"
    text = file.read_text()
    file.write_text(text.replace('retention.ms: "604800000"', 'retention.ms: "604800001"'))
    code, lines = plan()
    assert code == 1
    assert lines == ["- ~ `topic store.operations.v1`: retention.ms: 604800000 -> 604800001"]
    file.write_text(text.replace('retention.ms: "604800000"', 'retention.ms: "1000"'))
    assert "refused" in plan()[1][0]
    assert "604800000 -> 1000" in plan("--shrink-retention")[1][0]


def test_partitions_that_change_are_refused(repository: Path):
    """A changed number of partitions would put stores out of order: the pull request is told so."""
    file = repository / "store.operations.odcs.yaml"
    file.write_text(file.read_text().replace("partitions: 3", "partitions: 6"))
    code, lines = plan()
    assert code == 1
    assert lines[0].startswith("- ! `topic store.operations.v1`: refused")


def test_a_removed_feed_and_its_rights_are_told(repository: Path):
    """A contract that goes takes the ACLs of its workloads with it, and its topic stays."""
    (repository / "store.operations.odcs.yaml").unlink()
    code, lines = plan()
    assert code == 1
    assert any(line.startswith("- - ") and "store.operations.v1" in line for line in lines)


def test_an_unknown_revision_is_said(repository: Path):
    """A revision that is not there is an error, not an empty comparison."""
    with pytest.raises(TopicsError, match="cannot be read"):
        contracts_at("--output=/tmp/x", repository.parent)
    with pytest.raises(TopicsError, match="fetch it first"):
        contracts_at("nowhere", repository.parent)


def test_contracts_alone_know_no_stores(tmp_path: Path):
    """`--against` goes with neither a list of stores nor pruning: both are about a broker."""
    stores = tmp_path / "stores.json"
    stores.write_text("[]")
    for option in (f"--stores={stores}", "--prune"):
        run = CliRunner().invoke(topics, ["plan", "--against=first", option])
        assert run.exit_code == 2
