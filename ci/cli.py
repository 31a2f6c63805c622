"""`python -m ci`: the steps of the workflows that are more than one command."""

import json
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import click

from ci import alert_rules, iam, images, kept_plan, release, report, terraform_plan
from ci.errors import CiError
from ci.github import Repository
from ci.proofs import proofs
from contracts.errors import TillstreamError

ROOT = Path(__file__).resolve().parents[1]
_file = click.Path(exists=True, dir_okay=False, path_type=Path)


class _Steps(click.Group):
    """A group whose errors are a line for the workflow's log, not a traceback."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except TillstreamError as error:
            click.echo(f"::error::{error}", err=True)
            sys.exit(1)


@click.group(cls=_Steps)
def ci() -> None:
    """Steps of the workflows on GitHub."""


@ci.command()
@click.option("--environment", required=True)
@click.option("--plan-json", type=_file, required=True, help="What `terraform show -json` printed.")
@click.option("--plan-text", type=_file, required=True, help="What `terraform show -no-color` printed.")
@click.option("--base", required=True, help="The revision that the pull request is compared with.")
@click.option("--revision", required=True)
@click.option("--pull-request", type=int, help="Write it there; without it, print it.")
def comment(
    environment: str, plan_json: Path, plan_text: Path, base: str, revision: str, pull_request: int | None
) -> None:
    """Say under a pull request what merging it would change."""
    changes = terraform_plan.changes(json.loads(plan_json.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as scratch:
        _files_at(base, "alerts", Path(scratch))
        alerts = alert_rules.difference(Path(scratch) / "alerts", ROOT / "alerts")
    found = report.Consequences(
        environment, changes, iam.differences(changes), _topics(base), alerts, plan_text.read_text(encoding="utf-8")
    )
    body = report.comment(found, revision)
    if pull_request is None:
        click.echo(body)
    else:
        click.echo(Repository.from_env().keep_comment(pull_request, report.marker(environment), body))


@ci.command()
@click.option("--environment", required=True)
@click.option("--plan-json", type=_file, required=True)
@click.option("--plan-text", type=_file, required=True)
@click.option("--run", required=True, help="The address of the workflow's run.")
def drift(environment: str, plan_json: Path, plan_text: Path, run: str) -> None:
    """Keep an issue while an environment differs from Git. Exit 1 while it does."""
    changes = terraform_plan.changes(json.loads(plan_json.read_text(encoding="utf-8")))
    title = f"Drift: {environment} is not what Git says"
    body = None
    if changes:
        found = report.Consequences(
            environment, changes, iam.differences(changes), "", (), plan_text.read_text(encoding="utf-8")
        )
        what_now = f"Found by {run}. Either apply, or bring into Git what was changed by hand."
        body = f"{what_now}\n\n{report.comment(found, 'main')}"
    address = Repository.from_env().keep_issue(title, "drift", body)
    click.echo(address or f"{environment} is what Git says")
    sys.exit(1 if changes else 0)


@ci.command("keep-plan")
@click.option("--environment", required=True)
@click.option("--run", required=True)
@click.option("--bucket", required=True)
@click.argument("file", type=_file)
def keep_plan(environment: str, run: str, bucket: str, file: Path) -> None:
    """Put a plan beside the state, for the job that applies it."""
    kept_plan.keep(bucket, environment, run, file)


@ci.command("take-plan")
@click.option("--environment", required=True)
@click.option("--run", required=True)
@click.option("--bucket", required=True)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def take_plan(environment: str, run: str, bucket: str, file: Path) -> None:
    """Take this run's plan from beside the state."""
    kept_plan.take(bucket, environment, run, file)


@ci.command("move-digest")
@click.option("--environment", required=True)
@click.argument("moves", nargs=-1, required=True)
def move_digest(environment: str, moves: tuple[str, ...]) -> None:
    """Let IMAGE=DIGEST … be what an environment runs."""
    for each in moves:
        image, _, digest = each.partition("=")
        moved = images.move(images.file_of(environment), image, digest)
        click.echo(f"{image}: {'moved to' if moved else 'already'} {digest}")


@ci.command()
@click.argument("source")
@click.argument("target")
def promote(source: str, target: str) -> None:
    """Let TARGET run the images that SOURCE runs."""
    moved = images.promote(images.file_of(source), images.file_of(target))
    click.echo(f"moved: {', '.join(moved)}" if moved else f"{target} already runs what {source} runs")


@ci.command("pull-request")
@click.option("--branch", required=True)
@click.option("--base", default="main", show_default=True)
@click.option("--title", required=True)
@click.option("--body", required=True)
def pull_request(branch: str, base: str, title: str, body: str) -> None:
    """Open a pull request for a pushed branch, or bring its text up to date."""
    click.echo(Repository.from_env().keep_pull_request(branch, base, title, body))


@ci.command("proofs")
def list_proofs() -> None:
    """Print the longer proofs as JSON, for a matrix."""
    click.echo(json.dumps(proofs()))


@ci.command("release-notes")
@click.argument("tag")
def release_notes(tag: str) -> None:
    """Print what the changelog says of a tag; exit 1 where tag, project and changelog disagree."""
    click.echo(release.notes(tag), nl=False)


def _topics(base: str) -> str:
    """What `tillstream topics plan` says of the contracts of now against those of then."""
    command = [sys.executable, "-m", "tillstream.cli", "topics", "plan", f"--against={base}", "--markdown"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    # 0: no difference; 1: differences.
    if run.returncode not in {0, 1} or (run.returncode == 1 and not run.stdout):
        raise CiError(f"The contracts could not be compared with {base}: {run.stderr.strip()}. Nothing was written.")
    return run.stdout if run.returncode else ""


def _files_at(revision: str, folder: str, target: Path) -> None:
    """Put a folder as it was at a revision below `target`; nothing where it was not there."""
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", revision, folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        raise CiError(f"{revision} cannot be read: {listed.stderr.strip()}. Fetch it first.")
    if listed.stdout.strip():
        archive = subprocess.run(["git", "archive", revision, folder], cwd=ROOT, capture_output=True, check=True).stdout
        with tarfile.open(fileobj=BytesIO(archive)) as opened:
            opened.extractall(target, filter="data")
