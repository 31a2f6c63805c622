"""The shell steps of the workflows, run as they are: real Terraform, its state in the emulated S3, and real Git."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.aws.account import Account, without_aws
from tests.support.github_api import TOKEN, FakeGitHub, github
from tests.support.manifests import ROOT

pytestmark = pytest.mark.integration

# An environment without a provider: what is proven here is the way of a plan, not what is in it.
ROOT_MODULE = """
terraform {
  backend "s3" {
    key            = "dev/terraform.tfstate"
    use_lockfile   = true
    use_path_style = true
  }
}
resource "terraform_data" "made" {
  input = "%s"
}
output "platform" {
  value = "made: ${terraform_data.made.output}\\n"
}
"""


@dataclass(frozen=True)
class Steps:
    """Runs scripts of ci/bin and steps of `python -m ci` in a working tree, with what a workflow gives them."""

    tree: Path
    environment: Mapping[str, str]
    api: FakeGitHub

    def script(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run(str(self.tree / "ci" / "bin" / name), *arguments)

    def keep_plan(self, run: str) -> None:
        bucket = self.environment["STATE_BUCKET"]
        arguments = ("--environment=dev", f"--run={run}", f"--bucket={bucket}", ".ci-plan/plan")
        kept = self._run(sys.executable, "-m", "ci", "keep-plan", *arguments)
        assert kept.returncode == 0, kept.stderr

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=self.tree, env=self.environment, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A working tree of Git with the scripts and one small environment, pushed to a repository beside it."""
    tree = tmp_path / "tree"
    shutil.copytree(ROOT / "ci" / "bin", tree / "ci" / "bin")
    for folder in ("terraform/environments/dev", "argocd/overlays/dev/values"):
        (tree / folder).mkdir(parents=True)
    (tree / "terraform/environments/dev/main.tf").write_text(ROOT_MODULE % "first")
    shutil.copy(ROOT / "argocd/overlays/dev/values/images.yaml", tree / "argocd/overlays/dev/values")
    (tree / ".gitignore").write_text(".terraform/\n.ci-plan/\n.terraform.lock.hcl\n")
    subprocess.run(["git", "init", "--quiet", "--bare", tmp_path / "origin.git"], check=True)
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "."),
        ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message=first"),
        ("push", "--quiet", str(tmp_path / "origin.git"), "main"),
    ):
        subprocess.run(["git", *command], cwd=tree, check=True)
    return tree


@pytest.fixture
def steps(checkout: Path, aws_account: Account, tmp_path: Path) -> Iterator[Steps]:
    bucket = f"state-{uuid.uuid4()}"
    aws_account.administrator_client().create_bucket(Bucket=bucket)
    with github() as api:
        environment = {
            **without_aws(os.environ),
            **aws_account.administrator_environment(),
            "PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT),
            "STATE_BUCKET": bucket,
            "CHECKPOINT_DISABLE": "1",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
            "GITHUB_REPOSITORY": "example/tillstream",
            "GITHUB_API_URL": api.address,
            "GITHUB_TOKEN": TOKEN,
            "PUSH_URL": str(tmp_path / "origin.git"),
        }
        yield Steps(checkout, environment, api)


def test_a_plan_is_made_kept_read_and_applied_once(steps: Steps, checkout: Path, tmp_path: Path):
    """Plan, keep, take and apply: the outputs reach the overlay, the plan is gone, and a second plan is empty."""
    planned = steps.script("plan", "dev")
    assert planned.returncode == 0, planned.stderr
    assert (tmp_path / "output").read_text() == "changes=true\n"
    assert "terraform_data.made will be created" in (tmp_path / "summary").read_text()
    assert json.loads((checkout / ".ci-plan/plan.json").read_text())["resource_changes"]
    steps.keep_plan("41")
    (checkout / ".ci-plan/plan").unlink()

    applied = steps.script("apply", "dev", "41")
    assert applied.returncode == 0, applied.stderr
    assert (checkout / "argocd/overlays/dev/values/platform.yaml").read_text() == "made: first\n"
    assert not (checkout / ".ci-plan/plan").exists()
    again = steps.script("apply", "dev", "41")
    assert again.returncode == 1
    assert "There is no plan for dev" in again.stderr

    assert steps.script("plan", "dev").returncode == 0
    assert (tmp_path / "output").read_text().splitlines()[-1] == "changes=false"


def test_another_runs_plan_is_not_applied(steps: Steps):
    """A plan that a person has not read in this run is refused, and stays where it is."""
    assert steps.script("plan", "dev").returncode == 0
    steps.keep_plan("41")
    refused = steps.script("apply", "dev", "42")
    assert refused.returncode == 1
    assert "is of run 41, not of this one (42)" in refused.stderr
    assert steps.script("apply", "dev", "41").returncode == 0


def test_a_plan_that_the_state_has_left_behind_is_refused(steps: Steps, checkout: Path):
    """Terraform applies a plan only to the state it was made for."""
    assert steps.script("plan", "dev").returncode == 0
    steps.keep_plan("41")
    first = (checkout / ".ci-plan/plan").read_bytes()
    assert steps.script("apply", "dev", "41").returncode == 0
    (checkout / ".ci-plan/plan").write_bytes(first)
    steps.keep_plan("42")
    stale = steps.script("apply", "dev", "42")
    assert stale.returncode == 1
    assert "Saved plan is stale" in stale.stderr


def test_a_plan_that_fails_fails_its_step(steps: Steps, checkout: Path, tmp_path: Path):
    """An error of Terraform's is one of the job's: nothing says that there are no changes."""
    (checkout / "terraform/environments/dev/main.tf").write_text('resource "none" {')
    assert steps.script("plan", "dev").returncode != 0
    assert not (tmp_path / "output").exists()


def test_changes_become_one_pull_request(steps: Steps, checkout: Path, tmp_path: Path):
    """What changed is pushed to a branch and proposed once; where nothing changed nobody is asked."""
    images = "argocd/overlays/dev/values/images.yaml"
    nothing = steps.script("propose", "images-dev", "Run new images in dev", "Built.", images)
    assert nothing.returncode == 0
    assert "no pull request" in nothing.stdout
    for digit in "12":
        subprocess.run(["git", "checkout", "--quiet", "main"], cwd=checkout, check=True)
        file = checkout / images
        file.write_text(file.read_text().replace(f"spark: sha256:{'0' * 64}", f"spark: sha256:{digit * 64}"))
        proposed = steps.script("propose", "images-dev", "Run new images in dev", "Built.", images)
        assert proposed.returncode == 0, proposed.stderr
    pushed = subprocess.run(
        ["git", "-C", tmp_path / "origin.git", "log", "--format=%s", "--patch", "main..images-dev"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert pushed.startswith("Run new images in dev")
    assert f"+  spark: sha256:{'2' * 64}" in pushed
    assert [pull["head"] for pull in steps.api.pulls] == ["images-dev"]
    assert TOKEN not in (checkout / ".git" / "config").read_text()
