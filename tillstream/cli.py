"""The one console command: each room's `cli.py` adds its verbs, imported only when they are used."""

import importlib
import importlib.util
import sys

import click

from contracts.errors import TillstreamError
from tillstream import __version__

VERBS = {
    "contracts": "contracts.cli:contracts",
    "topics": "topics.cli:topics",
    "stores": "stores.cli:stores",
    "streams": "jobs.cli:streams",
    "verify": "lake.cli:verify",
    "explain": "lake.cli:explain",
    "quarantine": "jobs.cli:quarantine",
    "replay": "jobs.cli:replay",
    "compact": "lake.upkeep.cli:compact",
    "clean": "lake.upkeep.cli:clean",
    "exporter": "lake.exporter.cli:exporter",
    "reconcile": "quality.cli:reconcile",
    "validate": "quality.validation.cli:validate",
    "demo": "local.cli:demo",
    "up": "local.cli:up",
    "down": "local.cli:down",
    "status": "local.cli:status",
}


class LazyGroup(click.Group):
    """A group that imports a verb's module when the verb is asked for, so that `--help` needs no Spark."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(VERBS)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if local := importlib.util.find_spec("local"):
            # On a machine with a stack of its own, a verb typed by hand finds it. Images have no `local`.
            importlib.import_module(f"{local.name}.environment").adopt(args)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


@click.group(cls=LazyGroup)
@click.version_option(__version__)
def cli() -> None:
    """From the till to the lake: every sale exactly once, provably."""


def main() -> None:
    try:
        cli()
    except TillstreamError as error:
        click.echo(f"tillstream: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
