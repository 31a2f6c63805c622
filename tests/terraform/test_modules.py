"""Every module by itself, its provider mocked: contents of policies, both modes, every validation message."""

import subprocess
from contextlib import nullcontext
from pathlib import Path

import pytest

from local.aws.account import ROOT
from local.aws.provision import one_init_at_a_time, terraform_without_aws

# Each brings its provider up several times, beside other work in CI.
pytestmark = pytest.mark.timeout(1800)

TERRAFORM = ROOT / "terraform"
FOLDERS = sorted(
    {file.parent.relative_to(TERRAFORM) for file in TERRAFORM.rglob("*.tf") if ".terraform" not in file.parts}
)
# Module platform joins the others, and its passwords are ephemeral, which Terraform 1.11 cannot mock: it is validated.
WITHOUT_TESTS = {Path("modules/platform")}
TESTED = [folder for folder in FOLDERS if folder.parts[0] != "environments" and folder not in WITHOUT_TESTS]


def terraform(folder: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = terraform_without_aws(data)
    with one_init_at_a_time() if arguments[0] == "init" else nullcontext():
        return subprocess.run(
            ["terraform", f"-chdir={TERRAFORM / folder}", *arguments, "-no-color"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_module(folder: Path, tmp_path: Path):
    """A module or root is valid, and its own tests pass."""
    init = terraform(folder, tmp_path, "init", "-backend=false", "-input=false")
    assert init.returncode == 0, init.stderr
    validated = terraform(folder, tmp_path, "validate")
    assert validated.returncode == 0, validated.stderr
    if folder in TESTED:
        tested = terraform(folder, tmp_path, "test")
        assert tested.returncode == 0, tested.stdout + tested.stderr
        assert "Success!" in tested.stdout
        assert " 0 passed" not in tested.stdout


@pytest.mark.parametrize("file", ["outputs.tf", "variables.tf", "versions.tf"])
def test_environments_differ_in_size_only(file: str):
    """The roots dev and prod are the same but for main.tf, which has their sizes, and the key of their state."""
    dev, prod = (TERRAFORM / "environments" / name / file for name in ("dev", "prod"))
    assert dev.read_text() == prod.read_text()
