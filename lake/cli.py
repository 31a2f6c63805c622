"""`tillstream verify`, `explain` and `quarantine`: what the lake can prove, and what it refused."""

import json
import sys
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

import contracts
from contracts import Contract
from lake import quarantine as refused
from lake.errors import LakeError
from lake.explain import Batch, Fate, ObjectFate
from lake.explain import explain as explain_subject
from lake.objects import ObjectStore
from lake.places import Place
from lake.settings import LakeSettings
from lake.tables import DeltaTables
from lake.verify import Report
from lake.verify import verify as prove
from topics.connection import Connection
from topics.settings import KafkaSettings

_json = click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")


@click.command()
@click.argument("feeds", nargs=-1)
@click.option("--without-broker", is_flag=True, help="Do not ask Kafka: neither ends nor lag are compared.")
@_json
def verify(feeds: tuple[str, ...], without_broker: bool, as_data: bool) -> None:
    """Prove that every offset of FEEDS (default: all) is in the lake once, and that its money is whole.

    Exit 0: all is sound; 1: something is off.
    """
    chosen = _chosen(feeds)
    broker = None if without_broker else Connection.to(KafkaSettings.from_env())
    with Console(stderr=True).status("verifying") as status:
        report = prove(_tables(), chosen, broker, lambda what: status.update(f"verifying {what}"))
    if as_data:
        click.echo(json.dumps({"sound": report.sound, **asdict(report)}, default=str))
    else:
        _show_report(report)
    sys.exit(0 if report.sound else 1)


@click.command()
@click.argument("subject")
@_json
def explain(subject: str, as_data: bool) -> None:
    """Say where SUBJECT came from and what became of it.

    SUBJECT is an object (receipts/dt=…/….parquet), an event_id (330:2:9f86d081884c:4711) or an offset
    (pos.receipts.v1:3:1204). Exit 1: it is nowhere, or not where it should be.
    """
    try:
        found = explain_subject(_tables(), contracts.load(), subject)
    except LakeError as error:
        click.echo(json.dumps({"error": str(error)}) if as_data else str(error), err=not as_data)
        sys.exit(1)
    if as_data:
        click.echo(json.dumps(asdict(found) if isinstance(found, ObjectFate) else [asdict(each) for each in found]))
    elif isinstance(found, ObjectFate):
        Console().print(_fields(_object_fields(found)))
    else:
        for each in found:
            Console().print(_fields(_fate_fields(each)))
    sys.exit(0 if _is_well(found) else 1)


@click.group()
def quarantine() -> None:
    """What was refused, and why. Nothing is lost: the whole message is kept."""


@quarantine.command(name="list")
@click.option("--feed", help="Only of this feed.")
@click.option("--reason", help="Only for this reason, as bad_signature.")
@click.option("--store", help="Only with this store as the message's key.")
@_json
def list_refused(feed: str | None, reason: str | None, store: str | None, as_data: bool) -> None:
    """List refused messages. Exit 1: there are some."""
    found = refused.find(_tables(), feed, reason, store)
    if as_data:
        click.echo(json.dumps([_refused_data(each) for each in found]))
    else:
        _show_refused(found)
    sys.exit(1 if found else 0)


@quarantine.command()
@click.argument("place", metavar="TOPIC:PARTITION:OFFSET")
@_json
def show(place: str, as_data: bool) -> None:
    """Show one refused message whole."""
    found = refused.show(_tables(), Place.parse(place))
    if as_data:
        payload = None if found.payload is None else found.payload.hex()
        shown = {"payload_hex": payload, "headers": found.header_texts(), "job_version": found.job_version}
        click.echo(json.dumps(_refused_data(found.message) | shown))
        return
    console = Console()
    fields = {name: str(value) for name, value in _refused_data(found.message).items() if value is not None}
    console.print(_fields(fields | {"job version": found.job_version}))
    console.print(_fields(found.header_texts(), title="headers"))
    console.print(found.payload_text(), markup=False, highlight=False)


def _tables() -> DeltaTables:
    return DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))


def _chosen(feeds: tuple[str, ...]) -> dict[str, Contract]:
    known = contracts.load()
    if unknown := [feed for feed in feeds if feed not in known]:
        raise click.UsageError(f"no feed {', '.join(unknown)}; there are {', '.join(known)}")
    return {feed: contract for feed, contract in known.items() if not feeds or feed in feeds}


def _show_report(report: Report) -> None:
    console = Console()
    table = Table(
        "feed",
        "partition",
        *(Column(each, justify="right") for each in ("offsets", "rows", "quarantined", "duplicates", "lag")),
    )
    for feed in report.feeds:
        for each in feed.partitions:
            lag = "" if each.lag is None else f"{each.lag:,}"
            counts = (each.end - each.start, each.rows, each.quarantined, each.duplicates)
            table.add_row(feed.feed, str(each.partition), *(f"{count:,}" for count in counts), lag)
    console.print(table)
    objects = sum(each.objects for each in report.tables)
    size = sum(each.size for each in report.tables) / 1e6
    console.print(f"{objects:,} objects of {size:,.1f} MB in {len(report.tables)} tables compared with their logs")
    for name in report.not_ingested:
        console.print(f"{name} has not been ingested yet")
    findings = [*(finding for feed in report.feeds for finding in feed.findings), *report.findings]
    for finding in findings:
        console.print(f"[red]{finding.kind}[/] {escape(finding.table)}: {escape(finding.what)}")
    console.print(
        f"[red]{len(findings)} finding(s)[/]" if findings else "[green]sound: every offset once, money whole[/]"
    )


def _show_refused(found: list[refused.Refused]) -> None:
    console = Console()
    table = Table("feed", "message", "store", "reason", "detail", "refused at")
    for each in found:
        cells = (
            each.feed,
            str(each.place),
            each.store or "",
            each.reason,
            each.detail or "",
            _time(each.refused) or "",
        )
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    for (feed, reason), count in sorted(Counter((each.feed, each.reason) for each in found).items()):
        console.print(f"{count:6,} {feed} {reason}")


def _refused_data(each: refused.Refused) -> dict[str, Any]:
    return {
        "feed": each.feed,
        "message": str(each.place),
        "store": each.store,
        "reason": each.reason,
        "detail": each.detail,
        "sent": _time(each.sent),
        "refused": _time(each.refused),
    }


def _is_well(found: list[Fate] | ObjectFate) -> bool:
    if isinstance(found, ObjectFate):
        return found.state != "in no log" and found.intact is not False
    return all(each.outcome != "nothing" for each in found)


def _fate_fields(fate: Fate) -> dict[str, str]:
    return {
        "message": str(fate.place),
        "became": fate.outcome + (f" of {fate.table}" if fate.table else ""),
        "event_id": fate.event_id or "",
        "detail": fate.detail or "",
        "items": ", ".join(f"{count} {table}" for table, count in fate.items.items()),
        "objects": "\n".join(fate.objects),
        **_batch_fields(fate.batch),
    }


def _object_fields(fate: ObjectFate) -> dict[str, str]:
    content = {
        True: "the bytes it is named for",
        False: "OTHER bytes than it is named for",
        None: "not named for content",
    }
    offsets = f"{fate.topic or 'unknown topic'} partition {fate.partition}, {fate.first} to {fate.last}"
    return {
        "object": fate.key,
        "table": fate.table,
        "state": fate.state,
        "offsets": offsets if fate.partition is not None else "",
        "size": f"{fate.size:,} bytes",
        "content": content[fate.intact],
        **_batch_fields(fate.batch),
    }


def _batch_fields(batch: Batch | None) -> dict[str, str]:
    if batch is None:
        return {}
    return {
        "batch": f"{batch.batch} of {batch.feed}/{batch.generation} at {batch.time}",
        "written by": f"job {batch.job_version}, contract {batch.contract_version}",
        "manifest": batch.manifest,
    }


def _fields(fields: dict[str, str], title: str | None = None) -> Table:
    table = Table(show_header=False, box=None, title=title, title_justify="left")
    for name, value in fields.items():
        if value:
            table.add_row(f"[bold]{escape(name)}[/]", escape(value))
    return table


def _time(value: datetime | None) -> str | None:
    return value.isoformat().replace("+00:00", "Z") if value else None
