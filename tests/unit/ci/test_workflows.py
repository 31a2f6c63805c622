"""What the workflows on GitHub may do, and that nothing they run can change under them."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.manifests import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
every_workflow = pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
# Where each ecosystem is, by the file that says so.
ECOSYSTEMS = {"docker": "Dockerfile", "gomod": "go.mod", "maven": "pom.xml", "pip": "requirements.in"}


def load(file: Path) -> dict[str, Any]:
    # YAML reads the word `on` as true.
    found: dict[str, Any] = yaml.safe_load(file.read_text().replace("\non:", '\n"on":', 1))
    return found


def jobs(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from load(file)["jobs"].items()


@every_workflow
def test_rights_are_given_job_by_job(file: Path):
    """A workflow has no rights; each job names its own, and writes where it must."""
    assert load(file)["permissions"] == {}
    for name, job in jobs(file):
        assert "permissions" in job, name
        assert job["permissions"] != "write-all", name


@every_workflow
def test_jobs_end(file: Path):
    """Every job has a time limit, and runs of a workflow do not pile up."""
    workflow = load(file)
    for name, job in jobs(file):
        if "uses" not in job:
            assert job["timeout-minutes"] <= 120, name
    assert "concurrency" in workflow or all("concurrency" in job or "uses" in job for _, job in jobs(file))


@pytest.mark.parametrize("file", [*WORKFLOWS, *ACTIONS], ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_actions_are_named_by_commit(file: Path):
    """An action is a commit, with its version for people; our own are in this repository."""
    for line in re.findall(r"uses: (.*)", file.read_text()):
        assert line.startswith("./.github/") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@every_workflow
def test_a_checkout_keeps_no_token(file: Path):
    """What a checkout leaves on the disk cannot push."""
    for _, job in jobs(file):
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@every_workflow
def test_a_stranger_gets_no_rights(file: Path):
    """No workflow runs a stranger's code with our rights, and none takes text of an event into a script."""
    text = file.read_text()
    assert "pull_request_target" not in text
    assert "workflow_run" not in text
    for _, job in jobs(file):
        for step in job.get("steps", []):
            assert "${{" not in step.get("run", ""), step


@every_workflow
def test_steps_are_scripts_that_are_tested(file: Path):
    """A step is one command, or a script of ci/bin, or a step of `python -m ci`: what is longer has a test."""
    for _, job in jobs(file):
        for step in job.get("steps", []):
            for script in re.findall(r"ci/bin/([\w-]+)", step.get("run", "")):
                assert (ROOT / "ci" / "bin" / script).exists(), script
            assert step.get("run", "").count("\n") <= 4, step


def test_a_role_is_assumed_where_it_is_needed_only():
    """Only jobs of this repository's own branches, or of an environment that only main gets into, ask for a role."""
    for file in WORKFLOWS:
        for name, job in jobs(file):
            if job["permissions"].get("id-token") == "write" and "uses" not in job:
                guarded = "head.repo.full_name == github.repository" in job.get("if", "") or "environment" in job
                assert guarded, (file.name, name)


def test_secrets_are_read_in_protected_environments_only():
    """A secret is read by a job of an environment that only main gets into. The repository has none of its own, so
    whoever calls a workflow can pass no more than the name, by which that job's environment gives its secret.
    """
    read = re.compile(r"secrets\.(\w+)")
    for file in WORKFLOWS:
        outside = {key: value for key, value in load(file).items() if key != "jobs"}
        assert not read.search(str(outside)), file.name
        for name, job in jobs(file):
            if called := job.get("uses"):
                assert job.get("secrets", {}) == {each: f"${{{{ secrets.{each} }}}}" for each in job.get("secrets", {})}
                assert set(job.get("secrets", {})) == set(load(ROOT / called)["on"]["workflow_call"].get("secrets", {}))
            elif read.search(str(job)):
                assert job["environment"], (file.name, name)
                assert set(read.findall(str(job))) == {"APP_PRIVATE_KEY"}, (file.name, name)
                # Step by step, not as a variable of all of them.
                assert not read.search(str({key: value for key, value in job.items() if key != "steps"}))


@every_workflow
def test_only_runs_of_pull_requests_are_cut_off(file: Path):
    """A newer push ends the run of a pull request. What applies, publishes, proposes or releases is never cut off half
    way.
    """
    workflow = load(file)
    places = [workflow, *(job for _, job in jobs(file))]
    groups = [(place, place["concurrency"]) for place in places if "concurrency" in place]
    of_pull_request = "${{ github.event_name == 'pull_request' }}"
    for place, group in groups:
        if group["cancel-in-progress"] is True:
            assert "github.event_name == 'pull_request'" in place["if"]
            assert "github.ref" in group["group"]
        else:
            assert group["cancel-in-progress"] in (False, of_pull_request)
    if "pull_request" in workflow["on"]:
        assert any(group["cancel-in-progress"] for _, group in groups)


def test_every_commit_of_main_is_tested():
    """A run that waits is not dropped for a newer one, as it would be in a group of the whole branch."""
    group = load(ROOT / ".github" / "workflows" / "test.yml")["concurrency"]["group"]
    assert group == "test-${{ github.event_name == 'pull_request' && github.ref || github.sha }}"


def test_the_plan_leaves_no_trace_but_beside_the_state():
    """A plan holds what the state holds: it is no artifact."""
    for file in WORKFLOWS:
        for _, job in jobs(file):
            for step in job.get("steps", []):
                if step.get("uses", "").startswith(("actions/upload-artifact@", "actions/cache@")):
                    assert "plan" not in str(step["with"].get("path", "")).replace("plugin", "")


def test_every_ecosystem_is_kept_up_to_date():
    """Dependabot looks at every folder of every ecosystem, and takes nothing younger than a week."""
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    assert all(each["cooldown"]["default-days"] >= 7 for each in updates)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for ecosystem, name in ECOSYSTEMS.items():
        folders = {f"/{Path(file).parent}" for file in listed if Path(file).name == name}
        assert folders == set(next(each for each in updates if each["package-ecosystem"] == ecosystem)["directories"])


def test_images_are_built_when_what_is_in_them_changes():
    """The images' workflow watches every folder and file that a Dockerfile copies."""
    watched = load(ROOT / ".github" / "workflows" / "images.yml")["on"]
    assert watched["push"]["paths"] == watched["pull_request"]["paths"]
    roots = {path.removesuffix("/**") for path in watched["push"]["paths"]}
    for dockerfile in (ROOT / "images").glob("*/Dockerfile"):
        for line in re.findall(r"^COPY (?!--from)(.*)", dockerfile.read_text(), re.MULTILINE):
            for source in line.split()[:-1]:
                assert source in roots or source.split("/")[0] in roots or source == "local/setup/common.sh", source
