"""`tillstream streams`: where the streams into the lake stand, and a new checkpoint for one that lost its own; and
`tillstream quarantine redrive`, which needs what the stream needs.
"""

import json
import sys

import click
from rich.console import Console
from rich.table import Table

import contracts
from contracts import Contract
from jobs.errors import IngestError
from jobs.ingest.rebuild import rebuild as rebuild_feed
from jobs.ingest.topic import Topics
from jobs.keys import master_key
from jobs.redrive import Redrive, Redriven
from lake.cli import quarantine
from lake.objects import ObjectStore
from lake.places import Place
from lake.quarantine import find
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


@quarantine.command()
@click.argument("places", nargs=-1, metavar="[TOPIC:PARTITION:OFFSET…]")
@click.option("--feed", help="All of this feed, or those of it that the other options choose.")
@click.option("--reason", help="With --feed: only what was refused for this reason.")
@click.option("--store", help="With --feed: only with this store as the message's key.")
@click.option("--dry-run", is_flag=True, help="Only say what would become of them.")
@_json
def redrive(
    places: tuple[str, ...], feed: str | None, reason: str | None, store: str | None, dry_run: bool, as_data: bool
) -> None:
    """Bring quarantined messages into the tables, once what was wrong is put right: the contract, the store's entry.

    Each is judged again as it came and committed under its original offset; nothing is published. The feed's stream is
    ended by that and must be started again, as after a rebuild. Doing it twice changes nothing.

    Exit 0: all of them are in the tables now; 1: some are refused again, each with its reason.
    """
    if bool(places) == bool(feed):
        raise click.UsageError("name either messages (topic:partition:offset) or --feed")
    tables = _tables()
    chosen = [Place.parse(each) for each in places] if places else _found(tables, feed, reason, store)
    outcomes = {}
    for contract in contracts.load().values():
        if own := [place for place in chosen if place.topic == contract.topic.name]:
            job = Redrive(contract, tables, Topics(KafkaSettings.from_env()), master_key())
            outcomes[contract.feed] = job.run(own, dry=dry_run)
    if as_data:
        click.echo(
            json.dumps({"dry_run": dry_run, "feeds": {name: _redriven(each) for name, each in outcomes.items()}})
        )
    else:
        for name, outcome in outcomes.items():
            _show_redriven(name, outcome, dry_run=dry_run)
    sys.exit(1 if any(outcome.refused for outcome in outcomes.values()) else 0)


def _found(tables: DeltaTables, feed: str | None, reason: str | None, store: str | None) -> list[Place]:
    return [each.place for each in find(tables, feed, reason, store)]


def _redriven(outcome: Redriven) -> dict[str, object]:
    return {
        "accepted": [str(place) for place in outcome.accepted],
        "duplicates": [str(place) for place in outcome.duplicates],
        "finished": [str(place) for place in outcome.finished],
        "refused": [
            {"message": str(each.place), "reason": each.reason, "detail": each.detail} for each in outcome.refused
        ],
        "generation": outcome.generation,
    }


def _show_redriven(feed: str, outcome: Redriven, *, dry_run: bool) -> None:
    verb = "would become" if dry_run else "became"
    click.echo(f"{feed}: {len(outcome.accepted)} {verb} rows, {len(outcome.duplicates)} {verb} duplicates")
    if outcome.finished:
        click.echo(f"{len(outcome.finished)} were in the tables already, and left quarantine")
    for each in outcome.refused:
        click.echo(f"{each.place} stays in quarantine: {each.reason}: {each.detail}")
    if outcome.generation is not None:
        click.echo(f"the stream goes on in generation {outcome.generation}: start it again")


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
