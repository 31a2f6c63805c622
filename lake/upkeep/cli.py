"""`tillstream compact` and `clean`: what keeps the lake small and quick."""

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console
from rich.table import Table

import contracts
from contracts import system_tables
from lake import curated
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables
from lake.upkeep import cleaning
from lake.upkeep.compaction import QUIET, Compacted
from lake.upkeep.compaction import compact as compact_table

_json = click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")


@click.command()
@click.argument("names", nargs=-1, metavar="[TABLE…]")
@click.option(
    "--quiet-minutes",
    type=click.IntRange(min=0),
    default=int(QUIET.total_seconds() // 60),
    show_default=True,
    help="Leave partitions alone into which something was committed more recently.",
)
@_json
def compact(names: tuple[str, ...], quiet_minutes: int, as_data: bool) -> None:
    """Join the small objects of each partition of TABLES (default: all), ordered by store and time.

    The rows stay the same, which is checked before anything is committed. Streams and readers go on meanwhile; the
    old objects stay until `tillstream clean` removes them. Run twice, it finds nothing to do.

    Exit 0: done, or nothing to do; 1: another commit came first somewhere, run it again.
    """
    tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
    known = [name for name in _all_tables() if tables.exists(name)]
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"no table {', '.join(unknown)}; there are {', '.join(known)}")
    done: list[Compacted] = []
    with Console(stderr=True).status("compacting") as status:
        for name in names or known:
            done += compact_table(
                tables,
                name,
                now=datetime.now(UTC),
                quiet=timedelta(minutes=quiet_minutes),
                progress=lambda what: status.update(f"compacting {what}"),
            )
    outrun = [each for each in done if each.version is None]
    if as_data:
        click.echo(json.dumps({"partitions": [asdict(each) for each in done]}))
    else:
        _show_compacted(done)
    sys.exit(1 if outrun else 0)


@click.command()
@click.option("--yes", is_flag=True, help="Remove it. Without this, only say what would be removed.")
@_json
def clean(yes: bool, as_data: bool) -> None:
    """Remove what nobody needs: rows older than their contract keeps them, replaced and abandoned objects, old
    checkpoints and states. Without --yes it only says what it would remove.

    Exit 0: done (or said).
    """
    settings = LakeSettings.from_env()
    tables, checkpoints = DeltaTables(ObjectStore(settings.lake_uri)), ObjectStore(settings.checkpoints_uri)
    with Console(stderr=True).status("looking") as status:
        plan = cleaning.plan(tables, checkpoints, contracts.load(), datetime.now(UTC))
        if yes:
            plan.carry_out(lambda item: status.update(f"removed {item.what} from {item.where}"))
    if as_data:
        click.echo(json.dumps({"removed": yes, "items": [asdict(each) for each in plan.items]}))
        return
    console = Console()
    table = Table("kind", "where", "count", "MB", "what")
    for each in plan.items:
        table.add_row(each.kind, each.where, f"{each.count:,}", f"{each.size / 1e6:,.1f}", each.what)
    console.print(table)
    console.print("removed" if yes else "nothing was removed; to remove it: tillstream clean --yes")


def _all_tables() -> list[str]:
    own = [table.name for contract in contracts.load().values() for table in contract.tables]
    return [*own, *system_tables.SCHEMAS, curated.TABLE]


def _show_compacted(done: list[Compacted]) -> None:
    console = Console()
    table = Table("table", "partition", "objects before", "after", "rows", "MB", "")
    for each in done:
        figures = (f"{each.before:,}", f"{each.after:,}", f"{each.rows:,}", f"{each.size / 1e6:,.1f}")
        table.add_row(each.table, each.partition, *figures, "" if each.version is not None else "[yellow]outrun[/]")
    console.print(table)
    console.print(f"{len(done):,} partitions" if done else "nothing to compact")
