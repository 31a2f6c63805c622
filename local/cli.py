"""`tillstream up | down | status | demo`: the whole pipeline on one machine."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import click
from rich.console import Console
from rich.table import Column, Table

from local.airflow.configuration import USER
from local.environment import LOCAL, ROOT, RUN_DIRECTORY, Platform, StackError, only_stack, running_pid
from local.progress import Steps

# Of all that is drawn: the default of `tillstream stores simulate`, too, so that both know the same stores.
SEED = 1
STOP_SECONDS = 300
UP_DIRECTORY = LOCAL / "up"
DEMO_DIRECTORY = LOCAL / "demo"
REPLAY_SECONDS = 50
LOG = RUN_DIRECTORY / "stack.log"

_json = click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")


@click.command()
@click.option("--detach", is_flag=True, help="Return when everything runs; `tillstream down` stops it.")
def up(detach: bool) -> None:
    """Start the pipeline for work by hand, on the data of the last time. Exit 0: stopped as asked; 1: a part failed."""
    if detach:
        _detach()
        return
    # The imports take a second, which `--help` need not wait for.
    from local.monitoring import Monitoring, Pace  # noqa: PLC0415
    from local.stack import Stack  # noqa: PLC0415

    _stop_on_sigterm()
    console = Console(stderr=True)
    monitoring = Monitoring(UP_DIRECTORY / "monitoring", Pace(), with_airflow=True)
    with (
        only_stack(),
        Steps(console) as steps,
        Stack(UP_DIRECTORY, steps, SEED, with_airflow=True, monitoring=monitoring) as stack,
    ):
        stack.start()
        with steps.step("Spark: the streams start"):
            stack.run_streams("ingest", "rollup")
        with steps.step("Prometheus: every target answers"):
            monitoring.await_targets()
        stack.platform().write()
        if stack.airflow:
            steps.say(f"Airflow: {stack.airflow.url}, user {USER}, password in {stack.airflow.home.password_file}")
        for part in monitoring.parts():
            steps.say(f"{part.name}: {part.address}")
        steps.say("Everything runs. `tillstream status` shows it; Ctrl-C or `make down` stops it.")
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


@click.command()
def down() -> None:
    """Stop the stack that runs here, and wait for its end. Its data stay. Exit 0 also when none runs."""
    console = Console(stderr=True)
    if (pid := running_pid()) is None:
        console.print("Nothing runs here.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    with console.status("stopping every part in order"):
        while running_pid() == pid:
            if time.monotonic() > deadline:
                # Its watchdog kills what it has started.
                os.kill(pid, signal.SIGKILL)
                raise StackError(
                    f"The stack did not stop within {STOP_SECONDS} s and was killed, with all of its parts. Its data "
                    f"are as after a power cut: `make up` goes on from there. Its log is {LOG}."
                )
            time.sleep(0.1)
    console.print("Stopped. `make up` goes on where it was; `make clean` removes its data.")


@click.command()
@_json
def status(as_data: bool) -> None:
    """Every part of the running stack with its address and health. Exit 0: all is well; 1: something is not."""
    platform = Platform.running()
    if platform is None:
        if as_data:
            click.echo(json.dumps({"running": False, "parts": []}))
        else:
            Console().print("Nothing runs here. `make up` starts the pipeline.")
        sys.exit(1)
    from local.health import examine  # noqa: PLC0415 - as in `up`

    parts = examine(platform)
    if as_data:
        shown = [
            {"name": part.name, "address": part.address, "healthy": part.healthy, "says": part.says} for part in parts
        ]
        click.echo(json.dumps({"running": True, "pid": platform.pid, "directory": platform.directory, "parts": shown}))
    else:
        # An address that is cut off cannot be asked.
        address = Column("address", overflow="fold")
        table = Table("part", address, "health", box=None, pad_edge=False)
        for part in parts:
            table.add_row(part.name, part.address, f"[{'green' if part.healthy else 'red'}]{part.says}[/]")
        Console().print(table)
    sys.exit(0 if all(part.healthy for part in parts) else 1)


@click.command()
@click.option(
    # With fewer there are not enough busy stores for all of the trouble.
    "--receipts",
    type=click.IntRange(min=1_000),
    default=100_000,
    show_default=True,
    help="How many to replay.",
)
@click.option(
    "--replay-seconds", type=float, default=REPLAY_SECONDS, show_default=True, help="Spread them over so long."
)
@click.option("--keep", is_flag=True, help="Leave lake, logs and broker data in .local/demo for a look.")
@click.option("--airflow", is_flag=True, help="Let Airflow start, watch and stop the streams, and check the lake.")
@click.option("--report", type=click.Path(dir_okay=False, path_type=Path), default=ROOT / "report.html", help="HTML.")
@_json
def demo(receipts: int, replay_seconds: float, keep: bool, airflow: bool, report: Path, as_data: bool) -> None:
    """Replay real receipts with trouble on purpose, and prove what became of each. Exit 0: to the cent; 1: not."""
    from local.demo import Replay, run  # noqa: PLC0415 - as in `up`

    _stop_on_sigterm()
    console = Console(stderr=True, quiet=as_data)
    with only_stack(), Steps(console) as steps:
        replay = Replay(receipts, replay_seconds, SEED)
        summary, passed = run(DEMO_DIRECTORY, report, replay, keep=keep, steps=steps, with_airflow=airflow)
    click.echo(json.dumps(summary))
    sys.exit(0 if passed else 1)


def _stop_on_sigterm() -> None:
    """`kill` ends a run in the same good order as Ctrl-C."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _detach() -> None:
    """Start the stack in a session of its own and show its log until everything runs."""
    if (pid := running_pid()) is not None:
        raise StackError(f"A stack runs here already (process {pid}); `tillstream status` shows it.")
    RUN_DIRECTORY.mkdir(parents=True, exist_ok=True, mode=0o700)
    with LOG.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tillstream.cli", "up"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            start_new_session=True,
        )
    shown = 0
    try:
        while Platform.running() is None:
            shown = _echo_from(LOG, shown)
            if process.poll() is not None:
                _echo_from(LOG, shown)
                raise StackError(f"The stack could not be started; what it said is above and in {LOG}. Nothing runs.")
            time.sleep(0.1)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise
    _echo_from(LOG, shown)


def _echo_from(log: Path, position: int) -> int:
    with log.open("rb") as file:
        file.seek(position)
        content = file.read()
    sys.stderr.write(content.decode(errors="replace"))
    sys.stderr.flush()
    return position + len(content)
