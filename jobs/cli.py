"""`tillstream streams`: where the streams into the lake stand, and a new checkpoint for one that lost its own."""

import json

import click
from rich.console import Console
from rich.table import Table

import contracts
from contracts import Contract
from jobs.errors import IngestError
from jobs.ingest.rebuild import rebuild as rebuild_feed
from jobs.ingest.topic import Topics
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.status import Committed, committed
from lake.tables import DeltaTables
from topics.settings import KafkaSettings

_json = click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")


@click.group()
def streams() -> None:
    """The streams from Kafka into the lake."""


@streams.command(name="list")
@_json
def list_streams(as_data: bool) -> None:
    """Show each feed's generation, newest batch and next offsets, as the tables have them."""
    tables = _tables()
    known = {feed: committed(tables, contract) for feed, contract in contracts.load().items()}
    if as_data:
        click.echo(json.dumps({feed: _shown(found) for feed, found in known.items()}))
        return
    table = Table("feed", "generation", "batch", "next offsets")
    for feed, found in known.items():
        if found is None:
            table.add_row(feed, "not begun", "", "")
        else:
            offsets = " ".join(f"{partition}:{offset}" for partition, offset in found.end_offsets.items())
            table.add_row(feed, str(found.generation), "none" if found.batch is None else str(found.batch), offsets)
    Console().print(table)


@streams.command()
@click.argument("feed")
@click.option(
    "--accept-new-topic",
    is_flag=True,
    help="The topic was deleted and made again: start at its beginning.",
)
@_json
def rebuild(feed: str, accept_new_topic: bool, as_data: bool) -> None:
    """Give FEED a new checkpoint that goes on where its tables are. A driver that still runs is fenced off."""
    topics = Topics(KafkaSettings.from_env())
    begun = rebuild_feed(_contract(feed), _tables(), topics, accept_new_topic=accept_new_topic)
    if as_data:
        click.echo(json.dumps({"feed": feed, "generation": begun.generation, "next_offsets": begun.starting_offsets}))
        return
    click.echo(
        f"{feed}: generation {begun.generation} begins at offsets {dict(begun.starting_offsets)}. Start the stream."
    )


def _tables() -> DeltaTables:
    return DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))


def _contract(feed: str) -> Contract:
    known = contracts.load()
    if feed not in known:
        raise IngestError(f"There is no contract for {feed}. Nothing was changed; there are: {', '.join(known)}.")
    return known[feed]


def _shown(found: Committed | None) -> dict[str, object]:
    if found is None:
        return {"generation": None, "batch": None, "next_offsets": {}}
    return {"generation": found.generation, "batch": found.batch, "next_offsets": dict(found.end_offsets)}
