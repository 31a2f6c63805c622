"""`tillstream topics`: Kafka's topics and access rules, planned and applied from the contracts."""

import json
import os
import sys
from pathlib import Path

import click
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.progress import Progress

import contracts
from contracts import Contract
from topics.against import contracts_at
from topics.apply import apply_plan, read_state
from topics.apply import revoke as revoke_principals
from topics.connection import connect
from topics.desired import ADMINISTRATOR, desired_state, read_stores, workload_principals
from topics.errors import SettingsError
from topics.model import State, Store
from topics.plan import Plan, make_plan
from topics.report import as_json, as_markdown, as_table, summary
from topics.settings import KafkaSettings
from topics.users import read_passwords, set_users, users_of

REPLICATION = "TILLSTREAM_KAFKA_REPLICATION"
REPOSITORY = Path(contracts.__file__).parents[1]


@click.group()
def topics() -> None:
    """Kafka's topics and ACLs, from the contracts. Never deletes a topic, nor changes its partitions or clean-up."""


_stores = click.option(
    "--stores",
    "stores_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON list of all stores with store_id, key_generation and login if not mtls; all else is revoked. "
    "Without it the ACLs of stores stay as they are.",
)
_prune = click.option("--prune", is_flag=True, help="Also remove ACLs that belong to nobody known here.")
_shrink = click.option(
    "--shrink-retention", is_flag=True, help="Let retention get shorter; Kafka may then delete messages."
)
_json = click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")


@topics.command()
@_stores
@_prune
@_shrink
@_json
@click.option(
    "--against",
    metavar="REVISION",
    help="Compare with the contracts of that revision of Git instead of a broker. Stores are left out.",
)
@click.option("--markdown", is_flag=True, help="Print a list for a comment.")
def plan(
    stores_file: Path | None, prune: bool, shrink_retention: bool, as_data: bool, against: str | None, markdown: bool
) -> None:
    """Show what `apply` would do. Exit 0: nothing; 1: changes, or differences that are refused."""
    if against and (stores_file or prune):
        raise click.UsageError("--against knows contracts only: it goes with neither --stores nor --prune.")
    if against:
        found = _plan_against(against, shrink_retention=shrink_retention)
    else:
        found = _plan(connect(KafkaSettings.from_env()), stores_file, prune=prune, shrink_retention=shrink_retention)
    if markdown:
        click.echo(as_markdown(found))
    else:
        _show(found, as_data=as_data, applied=False)
    sys.exit(1 if found.changes or found.refused else 0)


@topics.command()
@_stores
@_prune
@_shrink
@_json
def apply(stores_file: Path | None, prune: bool, shrink_retention: bool, as_data: bool) -> None:
    """Make topics and ACLs as the contracts say. Exit 0: done; 1: done but for what is refused."""
    admin = connect(KafkaSettings.from_env())
    found = _plan(admin, stores_file, prune=prune, shrink_retention=shrink_retention)
    if found.changes and not as_data:
        Console().print(as_table(found))
    with Progress(console=Console(stderr=True), disable=as_data or not found.changes) as progress:
        bar = progress.add_task("applying", total=found.changes)
        apply_plan(admin, found, lambda count: progress.advance(bar, count))
    _show(found, as_data=as_data, applied=True)
    sys.exit(1 if found.refused else 0)


@topics.command()
@click.option("--store-id", required=True, help="The store.")
@click.option("--generation", type=click.IntRange(min=1), required=True, help="Its key_generation that is to end.")
@_json
def revoke(store_id: str, generation: int, as_data: bool) -> None:
    """Take every right from a generation of a store: when this has ended, no write of it passes. Exit 0: done."""
    principals = [Store(store_id, generation, by_certificate=each).principal for each in (True, False)]
    count = revoke_principals(connect(KafkaSettings.from_env()), principals)
    if as_data:
        click.echo(json.dumps({"store_id": store_id, "generation": generation, "removed_acls": count}))
    elif count:
        click.echo(
            f"Store {store_id}: generation {generation} has lost its {count} rights. Now set its key_generation to "
            f"{generation + 1} in the list of stores, or the next apply gives them back; then `tillstream topics apply "
            "--stores FILE` and `tillstream stores certificates issue`."
        )
    else:
        click.echo(f"Store {store_id}: generation {generation} had no rights. Nothing was changed.")


@topics.command()
@click.option(
    "--passwords",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="Folder with a file a user, called as the user, that holds its password.",
)
@_json
def users(passwords: Path, as_data: bool) -> None:
    """Make the workloads' users where Kafka keeps them itself (not on MSK). Needs an administrator. Exit 0: done."""
    found = read_passwords(passwords, users_of(contracts.load().values()))
    set_users(connect(KafkaSettings.from_env()), found)
    if as_data:
        click.echo(json.dumps({"users": sorted(found)}))
    else:
        click.echo(f"{', '.join(sorted(found))}: each has its user. Next: tillstream topics apply, as {ADMINISTRATOR}.")


def _plan(admin: AdminClient, stores_file: Path | None, *, prune: bool, shrink_retention: bool) -> Plan:
    found = contracts.load().values()
    stores = read_stores(stores_file) if stores_file else ()
    return make_plan(
        desired_state(found, stores, _replication()),
        read_state(admin),
        workloads=workload_principals(found),
        with_stores=stores_file is not None,
        shrink_retention=shrink_retention,
        prune=prune,
    )


def _plan_against(revision: str, *, shrink_retention: bool) -> Plan:
    now, then = contracts.load(), contracts_at(revision, REPOSITORY)

    def desired(found: dict[str, Contract]) -> State:
        return desired_state(found.values(), (), _replication())

    return make_plan(
        desired(now),
        desired(then),
        workloads=workload_principals([*now.values(), *then.values()]),
        with_stores=False,
        shrink_retention=shrink_retention,
    )


def _replication() -> int:
    value = os.environ.get(REPLICATION, "3")
    if not value.isdecimal() or int(value) < 1:
        raise SettingsError(
            f"{REPLICATION} is {value!r}, not a number of copies. Nothing was changed; set it to 1 or 3."
        )
    return int(value)


def _show(found: Plan, *, as_data: bool, applied: bool) -> None:
    if as_data:
        click.echo(json.dumps({**as_json(found), "applied": applied}))
        return
    console = Console()
    if applied and found.changes:
        console.print(f"[green]Applied:[/] {summary(found)}")
    elif found.changes or found.refused or found.unknown_acls:
        console.print(as_table(found))
        console.print(summary(found))
    else:
        console.print("[green]Kafka is as the contracts say.[/]")
