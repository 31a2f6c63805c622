"""`tillstream streams`: where the streams into the lake stand, and a new checkpoint for one that lost its own; and what
needs all that a stream needs: `tillstream quarantine redrive`, `tillstream replay`.
"""

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table

import contracts
from contracts import Contract
from jobs.errors import IngestError
from jobs.ingest.lost import named
from jobs.ingest.rebuild import rebuild as rebuild_feed
from jobs.ingest.topic import Topics
from jobs.keys import master_key
from jobs.messages import TopicReader
from jobs.redrive import Redrive, Redriven
from jobs.refused import Refused
from jobs.replay.replay import Replay, Replayed
from jobs.replay.standing import Span, refused_in
from lake.cli import quarantine
from lake.objects import ObjectStore
from lake.places import Place
from lake.quarantine import find
from lake.sequences import HIGHEST_SEQ, MAX_AHEAD
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
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Kafka's retention removed offsets that were not ingested: go on after them, and say which they are.",
)
@_json
def rebuild(feed: str, accept_new_topic: bool, accept_loss: bool, as_data: bool) -> None:
    """Give FEED a new checkpoint that goes on where its tables are. A driver that still runs is fenced off.

    Where Kafka no longer has what comes next, nothing is changed without --accept-loss.
    """
    topics = Topics(KafkaSettings.from_env())
    rebuilt = rebuild_feed(
        _contract(feed), _tables(), topics, accept_new_topic=accept_new_topic, accept_loss=accept_loss
    )
    begun = rebuilt.generation
    if as_data:
        lost = {partition: asdict(span) for partition, span in rebuilt.lost.items()}
        click.echo(
            json.dumps(
                {"feed": feed, "generation": begun.generation, "next_offsets": begun.starting_offsets, "lost": lost}
            )
        )
        return
    if rebuilt.lost:
        click.echo(f"{feed}: lost are {named(rebuilt.lost)}. `tillstream verify` reports them as a gap from now on.")
    click.echo(
        f"{feed}: generation {begun.generation} begins at offsets {dict(begun.starting_offsets)}. Start the stream."
    )


@quarantine.command()
@click.argument("places", nargs=-1, metavar="[TOPIC:PARTITION:OFFSET…]")
@click.option("--feed", help="All of this feed, or those of it that the other options choose.")
@click.option("--reason", help="With --feed: only what was refused for this reason.")
@click.option("--store", help="With --feed: only with this store as the message's key.")
@click.option(
    "--accept-far-ahead",
    is_flag=True,
    help="Believe also a seq that is more than 100,000 ahead of its register's (seq_far_ahead).",
)
@click.option("--dry-run", is_flag=True, help="Only say what would become of them.")
@_json
def redrive(
    places: tuple[str, ...],
    feed: str | None,
    reason: str | None,
    store: str | None,
    accept_far_ahead: bool,
    dry_run: bool,
    as_data: bool,
) -> None:
    """Bring quarantined messages into the tables, once what was wrong is put right: the contract, the store's entry.

    Each is judged again as it came and committed under its original offset; nothing is published. The feed's stream is
    ended by that and must be started again, as after a rebuild. Doing it twice changes nothing.

    Exit 0: all of them are in the tables now; 1: some are left in quarantine, each with its reason, or were not there;
    2: none of them was there.
    """
    if bool(places) == bool(feed):
        raise click.UsageError("name either messages (topic:partition:offset) or --feed")
    if places and (reason or store):
        raise click.UsageError("--reason and --store choose among those of --feed")
    tables = _tables()
    outcomes = {}
    for contract, own in _chosen(tables, places, feed, reason, store):
        job = Redrive(
            contract,
            tables,
            Topics(KafkaSettings.from_env()),
            master_key(),
            max_ahead=HIGHEST_SEQ if accept_far_ahead else MAX_AHEAD,
        )
        outcomes[contract.feed] = job.run(own, dry=dry_run)
    _print_redriven(outcomes, dry_run=dry_run, as_data=as_data)
    sys.exit(_exit_code(outcomes.values()))


def _chosen(
    tables: DeltaTables, places: Sequence[str], feed: str | None, reason: str | None, store: str | None
) -> list[tuple[Contract, list[Place]]]:
    """The messages that are meant, by feed; a feed without any is left out."""
    if feed:
        found = [each.place for each in find(tables, _contract(feed).feed, reason, store)]
        return [(_contract(feed), found)] if found else []
    named = [Place.parse(each) for each in places]
    topics = {contract.topic.name: contract for contract in contracts.load().values()}
    if foreign := sorted({place.topic for place in named} - topics.keys()):
        raise click.UsageError(f"no feed has topic {', '.join(foreign)}; there are {', '.join(topics)}")
    return [
        (contract, own)
        for topic, contract in topics.items()
        if (own := [place for place in named if place.topic == topic])
    ]


def _exit_code(outcomes: Collection[Redriven]) -> int:
    if not any(_is_of_quarantine(each) for each in outcomes):
        return 2
    return 1 if any(each.refused or each.absent for each in outcomes) else 0


def _is_of_quarantine(outcome: Redriven) -> bool:
    """Whether anything that was asked for was found there."""
    return bool(outcome.accepted or outcome.duplicates or outcome.finished or outcome.refused)


def _print_redriven(outcomes: Mapping[str, Redriven], *, dry_run: bool, as_data: bool) -> None:
    if as_data:
        feeds = {name: _redriven(each) for name, each in outcomes.items()}
        click.echo(json.dumps({"dry_run": dry_run, "feeds": feeds}))
        return
    if not outcomes:
        click.echo("nothing of that is in quarantine")
    for name, outcome in outcomes.items():
        _show_redriven(name, outcome, dry_run=dry_run)


def _redriven(outcome: Redriven) -> dict[str, object]:
    return {
        "accepted": [str(place) for place in outcome.accepted],
        "duplicates": [str(place) for place in outcome.duplicates],
        "finished": [str(place) for place in outcome.finished],
        "refused": [_refused(each) for each in outcome.refused],
        "left": len(outcome.refused),
        "absent": [str(place) for place in outcome.absent],
        "generation": outcome.generation,
    }


def _refused(refused: Refused) -> dict[str, str]:
    return {"message": str(refused.place), "reason": refused.reason, "detail": refused.detail}


def _show_redriven(feed: str, outcome: Redriven, *, dry_run: bool) -> None:
    verb = "would become" if dry_run else "became"
    click.echo(
        f"{feed}: {len(outcome.accepted)} {verb} rows, {len(outcome.duplicates)} {verb} duplicates, "
        f"{len(outcome.refused)} left in quarantine, {len(outcome.absent)} absent from it"
    )
    if outcome.finished:
        click.echo(f"{len(outcome.finished)} were in the tables already, and left quarantine")
    for each in outcome.refused:
        click.echo(f"{each.place} stays in quarantine: {each.reason}: {each.detail}")
    for place in outcome.absent:
        click.echo(f"{place} is not in quarantine; what became of it: tillstream explain {place}")
    if outcome.generation is not None:
        click.echo(f"the stream goes on in generation {outcome.generation}: start it again")


@click.command()
@click.argument("feed")
@click.option(
    "--business-date",
    "dates",
    type=click.DateTime(["%Y-%m-%d"]),
    multiple=True,
    required=True,
    help="Of this business date (repeat for more).",
)
@click.option("--store", "stores", multiple=True, help="Only of this store (repeat for more).")
@click.option(
    "--source",
    type=click.Choice(["kafka", "quarantine"]),
    default="kafka",
    show_default=True,
    help="kafka: rows that are there, or are missing, made anew. quarantine: refused messages brought in.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would differ.")
@_json
def replay(
    feed: str, dates: tuple[datetime, ...], stores: tuple[str, ...], source: str, dry_run: bool, as_data: bool
) -> None:
    """Make the rows of some business dates of FEED anew, after a fix, or where objects were lost.

    Each message is decoded again, and its rows take the old ones' place under the same offset, in one commit a table.
    Every other row stays as it is, which is compared before. The stream may go on meanwhile. Run twice, it finds
    nothing to do; after a kill, run it again. From quarantine it is a redrive of what was refused.

    Exit 0: done; 1: some messages would be refused today. Those keep their rows, or stay in quarantine.
    """
    contract, tables = _contract(feed), _tables()
    topics, span = Topics(KafkaSettings.from_env()), Span(frozenset(each.date() for each in dates), frozenset(stores))
    if source == "quarantine":
        places = refused_in(tables, contract, span)
        outcome = Redrive(contract, tables, topics, master_key()).run(places, dry=dry_run)
        _print_redriven({feed: outcome}, dry_run=dry_run, as_data=as_data)
        sys.exit(1 if outcome.refused else 0)
    with (
        Console(stderr=True).status("replaying") as status,
        TopicReader.connected(KafkaSettings.from_env()) as reader,
    ):
        job = Replay(contract, tables, topics, reader, master_key(), status.update)
        done = job.run(span, dry=dry_run)
    if as_data:
        click.echo(json.dumps({"feed": feed, "dry_run": dry_run, **_replayed(done)}))
    else:
        _show_replayed(feed, done, dry_run=dry_run)
    sys.exit(1 if done.refused else 0)


def _replayed(done: Replayed) -> dict[str, object]:
    return {
        "messages": done.messages,
        "restored": done.restored,
        "refused": [_refused(each) for each in done.refused],
        "tables": [
            {
                "table": each.table,
                "rows_before": each.before,
                "rows_after": each.after,
                "differing": each.differing,
                "unreadable": list(each.lost),
                "objects_replaced": len(each.replaced),
                "objects_made": len(each.made),
                "version": done.versions.get(each.table),
            }
            for each in done.changes
        ],
    }


def _show_replayed(feed: str, done: Replayed, *, dry_run: bool) -> None:
    console = Console()
    table = Table("table", "rows before", "after", "differing", "unreadable", "objects replaced", "by", "version")
    for each in done.changes:
        figures = (each.before, each.after, each.differing, len(each.lost), len(each.replaced), len(each.made))
        table.add_row(each.table, *(f"{figure:,}" for figure in figures), str(done.versions.get(each.table, "")))
    console.print(table)
    for refused in done.refused:
        click.echo(f"{refused.place} would be refused today and keeps its rows: {refused.reason}: {refused.detail}")
    what = "would be made anew" if dry_run else "were decoded again"
    click.echo(f"{feed}: {done.messages:,} messages {what}, {done.restored:,} of them had no row")


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
