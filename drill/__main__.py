"""Sets off every alert by its own fault, on the live pipeline, and sees that it reaches whom its route names.

    python -m drill [ALERT …] [--json]

The clock of rules and routes runs 12 times as fast (drill.pace); the rules themselves are those of alerts/. Exit 0:
every alert fired, was told and has resolved, nothing else was told, and, with all alerts, every panel of every board
had something to show of it; 1: not so; 2: wrong use. Of faults that ran side by side, a few that went wrong are drilled
once more, beside few others, and that counts; what was wrong before is said all the same.
"""

import json
import shutil
import sys
import time
from collections.abc import Sequence

import click
from rich.console import Console
from rich.markup import escape

from ci.alert_rules import alerts
from drill.boards import empty
from drill.model import Fault, Part
from drill.report import data, table
from drill.runner import FAILURES, Outcome, Runner
from drill.scene import Scene
from drill.table import FAULTS
from local.beside import said
from local.environment import LOCAL
from local.monitoring.alertmanager import routes
from local.monitoring.rules import ALERTS
from local.progress import Steps

DIRECTORY = LOCAL / "drill"
# More than a few doubtful faults are no accident, and as many again would take as long as all.
# One alert that nobody explains has eight of them doubted.
AT_MOST_AGAIN, AGAIN_SIDE_BY_SIDE = 16, 3
# Of a table in a log.
LOG_WIDTH = 200


@click.command()
@click.argument("names", nargs=-1, metavar="[ALERT]…")
@click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")
def main(names: Sequence[str], as_data: bool) -> None:  # noqa: FBT001 - click passes flags so
    """Set off every alert by its own fault, or just these ALERTs."""
    rules = alerts(ALERTS)
    if unknown := [name for name in names if name not in rules]:
        raise click.UsageError(f"There is no alert {', '.join(unknown)}.")
    faults = [fault for fault in FAULTS if not names or any(alert.name in names for alert in fault.alerts)]
    severities = {name: rule["labels"]["severity"] for name, rule in rules.items()}
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    began_seconds = time.time()
    console = Console(stderr=True)
    with_airflow = any(Part.AIRFLOW in fault.breaks | fault.needs for fault in faults)
    with Steps(console) as steps, Scene(DIRECTORY, steps, with_airflow=with_airflow) as scene:
        scene.start()
        runner = Runner(scene, severities, routes()["inhibitRules"])
        _prepare(scene, faults)
        outcome = runner.run(faults)
        if len(faults) > 1 and outcome.doubtful:
            outcome = _once_more(scene, runner, outcome)
        problems = outcome.problems
        if not names:
            with steps.step("The boards show all of it"):
                found = list(empty(scene.monitoring.prometheus.url, began_seconds, time.time()))
            problems += [f"The panel {panel!r} of {board} shows nothing: {query}" for (board, panel), query in found]
    seconds = round(time.time() - began_seconds)
    if as_data:
        click.echo(json.dumps({"sound": not problems, "seconds": seconds, **data(outcome), "problems": problems}))
    else:
        Console(width=None if sys.stdout.isatty() else LOG_WIDTH).print(table(outcome.stories))
    for problem in outcome.excused:
        console.print(f"Wrong beside others only: {escape(problem)}", highlight=False)
    for problem in problems:
        console.print(f"[red]{escape(problem)}[/]", highlight=False)
    sys.exit(1 if problems else 0)


def _prepare(scene: Scene, faults: Sequence[Fault]) -> None:
    for fault in faults:
        if fault.prepare:
            fault.prepare(scene)
    with scene.steps.step("No alert fires"):
        scene.await_quiet()


def _once_more(scene: Scene, runner: Runner, outcome: Outcome) -> Outcome:
    """What is left to say when the doubtful faults, if they are few, have been drilled beside few others."""
    again = outcome.doubtful
    for problem in outcome.problems:
        scene.steps.say(f"Wrong beside others: {escape(problem)}")
    if len(again) > AT_MOST_AGAIN:
        scene.steps.say(f"{len(again)} faults went wrong: too many to drill them once more")
        return outcome
    scene.steps.say(f"Once more, beside few others: {escape('; '.join(fault.told for fault in again))}")
    try:
        _prepare(scene, again)
    except FAILURES as error:
        scene.steps.say(f"They were not drilled once more: {escape(said(error))}")
        return outcome
    return outcome.amended(runner.run(again, AGAIN_SIDE_BY_SIDE))


if __name__ == "__main__":
    main()
