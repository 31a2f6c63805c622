"""`tillstream stores`: the door and the sender of a store, and a fleet of simulated ones."""

import json
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
from prometheus_client import CollectorRegistry, start_http_server
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import contracts
from stores.errors import FleetError
from stores.keys import read_master_key, read_store_key
from stores.metrics import StoreMetrics
from stores.outbox import MAX_PENDING, Outbox
from stores.reporting import EVERY_SECONDS, Reporter
from stores.sealing import StoreSeal, topics_of
from stores.sender import Sender
from topics.desired import STORE_ID
from topics.logins import Mtls
from topics.settings import KafkaSettings

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
DIRECTORY = click.Path(file_okay=False, path_type=Path)


@click.group()
def stores() -> None:
    """The store side: an outbox that keeps, a sender that sends, and a fleet that replays real sales."""


def _options(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def add(command: Any) -> Any:  # noqa: ANN401 - click's decorators are untyped
        for option in reversed(options):
            command = option(command)
        return command

    return add


_store = _options(
    click.option("--outbox", "outbox_file", type=click.Path(path_type=Path), required=True, help="The outbox's file."),
    click.option("--store-id", required=True, help="The store whose outbox it is."),
)
_json = click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")


@stores.command()
@_store
@click.option("--port", default=8080, show_default=True, help="Where tills post, on loopback; 0 chooses a free one.")
@click.option("--max-pending", default=MAX_PENDING, show_default=True, help="So many unsent messages fill the outbox.")
@_json
def door(outbox_file: Path, store_id: str, port: int, max_pending: int, as_data: bool) -> None:
    """Take receipts from tills: POST /receipts; GET /metrics, /healthz. Ends by Ctrl-C or SIGTERM."""
    import uvicorn  # noqa: PLC0415 - the other verbs need no web server

    from stores.door import FEED, application  # noqa: PLC0415 - as above

    with Outbox(outbox_file, store_id, max_pending=max_pending) as outbox:
        metrics = StoreMetrics(CollectorRegistry())
        config = uvicorn.Config(
            application(outbox, contracts.load()[FEED], metrics), host="127.0.0.1", port=port, log_level="warning"
        )
        listening = config.bind_socket()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        started = {"url": url, "store_id": store_id, "epoch": outbox.epoch}
        click.echo(json.dumps(started) if as_data else f"store {store_id} takes receipts at {url}/receipts")
        uvicorn.Server(config).run(sockets=[listening])


@stores.command()
@_store
@click.option(
    "--key-file",
    type=FILE,
    envvar="TILLSTREAM_STORE_KEY_FILE",
    required=True,
    help="The store's own signing key (32 bytes).",
)
@click.option("--key-generation", default=1, show_default=True, help="The generation of that key.")
@click.option("--metrics-port", type=int, help="Also serve GET /metrics on this port of loopback.")
@click.option(
    "--report-seconds", default=EVERY_SECONDS, show_default=True, help="So often report how the store is; 0: never."
)
@click.option("--time-zone", default="UTC", show_default=True, help="The store's own, of its business date.")
@click.option("--drain", is_flag=True, help="End when the outbox is empty. Reports nothing.")
@_json
def send(
    outbox_file: Path,
    store_id: str,
    key_file: Path,
    key_generation: int,
    metrics_port: int | None,
    report_seconds: float,
    time_zone: str,
    drain: bool,
    as_data: bool,
) -> None:
    """Send what the outbox holds to Kafka (TILLSTREAM_KAFKA_*). Ends by Ctrl-C or SIGTERM; what was not sent stays."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    seal = StoreSeal(store_id, read_store_key(key_file), key_generation, topics_of(contracts.load()))
    metrics = StoreMetrics(CollectorRegistry())
    with Outbox(outbox_file, store_id) as outbox, Sender(outbox, KafkaSettings.from_env(), seal, metrics) as sender:
        metrics.watch([outbox])
        if metrics_port is not None:
            start_http_server(metrics_port, addr="127.0.0.1", registry=metrics.registry)
        reporter = threading.Thread(target=Reporter(outbox, _zone(time_zone)).run, args=(stop, report_seconds))
        if report_seconds > 0 and not drain:
            reporter.start()
        try:
            sender.run(stop, until_empty=drain)
        finally:
            stop.set()
            if reporter.ident:
                reporter.join()
        result = {"store_id": store_id, "unsent": outbox.depth()}
    click.echo(json.dumps(result) if as_data else f"store {store_id}: stopped with {result['unsent']} unsent")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise click.BadParameter(
            f"{name!r} is no time zone, as America/New_York is", param_hint="--time-zone"
        ) from error


@stores.group()
def certificates() -> None:
    """What stores log in to Kafka with. A running sender takes up a renewed one by itself; `topics revoke` ends one."""


_of_store = _options(
    click.option("--store-id", required=True, help="The store."),
    click.option("--generation", type=click.IntRange(min=1), required=True, help="The store's key_generation."),
)
_issuing = _options(
    click.option("--authority", "authority_dir", type=DIRECTORY, required=True, help="Holds ca.pem and ca.key."),
    click.option("--stores-dir", type=DIRECTORY, required=True, help="Where store-<id>.g<generation>.pem and .key go."),
    click.option("--days", type=click.IntRange(1, 825), default=90, show_default=True, help="So long it is valid."),
)


@certificates.command()
@_of_store
@_issuing
@_json
def issue(store_id: str, generation: int, authority_dir: Path, stores_dir: Path, days: int, as_data: bool) -> None:
    """Issue a store's first certificate of a generation, with a new key. Its rights come by `topics apply`."""
    _issue(store_id, generation, authority_dir, stores_dir, days, as_data=as_data, renewed=False)


@certificates.command()
@_of_store
@_issuing
@_json
def renew(store_id: str, generation: int, authority_dir: Path, stores_dir: Path, days: int, as_data: bool) -> None:
    """Replace a certificate and its key, under the same name and with the same rights. Nothing is restarted."""
    _issue(store_id, generation, authority_dir, stores_dir, days, as_data=as_data, renewed=True)


def _issue(
    store_id: str, generation: int, authority_dir: Path, stores_dir: Path, days: int, *, as_data: bool, renewed: bool
) -> None:
    from stores.authority import Authority, AuthorityError, not_after  # noqa: PLC0415 - only here

    if not STORE_ID.fullmatch(store_id):
        raise AuthorityError(f"{store_id!r} is no store id (letters, digits, _ and .). Nothing was issued.")
    stem = f"store-{store_id}.g{generation}"
    stands = stores_dir.joinpath(f"{stem}.pem").exists()
    if stands != renewed:
        raise AuthorityError(
            f"{stores_dir / stem}.pem {'is there already' if stands else 'is not there'}. Nothing was changed; type "
            f"`tillstream stores certificates {'renew' if stands else 'issue'}`, or give another generation."
        )
    made = Authority(authority_dir).issue_store(
        store_id, generation, directory=stores_dir, lifetime=timedelta(days=days)
    )
    ends = not_after(made.certificate_file)
    if as_data:
        files = {"certificate_file": str(made.certificate_file), "key_file": str(made.key_file)}
        click.echo(json.dumps({"principal": made.principal, **files, "not_after": ends.isoformat()}))
    else:
        click.echo(f"{made.principal}: {made.certificate_file}, valid until {ends:%Y-%m-%d %H:%M} UTC")


@stores.command()
@click.option(
    "--stores-dir",
    type=DIRECTORY,
    required=True,
    help="Certificates: store-<id>.g<generation>.pem and .key for every store.",
)
@click.option("--ca-file", type=FILE, envvar="TILLSTREAM_KAFKA_CA_FILE", help="Whom to trust for Kafka.")
@click.option("--bootstrap", envvar="TILLSTREAM_KAFKA_BOOTSTRAP", required=True, help="Kafka's listener for stores.")
@click.option(
    "--master-key-file",
    type=FILE,
    envvar="TILLSTREAM_STORE_MASTER_KEY_FILE",
    required=True,
    help="What the stores' signing keys are derived from.",
)
@click.option("--outboxes-dir", type=DIRECTORY, required=True, help="Where the outboxes are made; must be empty.")
@click.option("--ledger", "ledger_file", type=click.Path(path_type=Path), help="Write what was rung up, as JSON.")
@click.option("--receipts", default=100_000, show_default=True, help="So many real receipts; returns and voids on top.")
@click.option("--duration-seconds", default=60.0, show_default=True, help="Spread them evenly over this time.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same receipts and trouble.")
@click.option("--trouble", default="all", show_default=True, help="all, none, or names joined by commas.")
@_json
def simulate(
    stores_dir: Path,
    ca_file: Path | None,
    bootstrap: str,
    master_key_file: Path,
    outboxes_dir: Path,
    ledger_file: Path | None,
    receipts: int,
    duration_seconds: float,
    seed: int,
    trouble: str,
    as_data: bool,
) -> None:
    """Replay real receipts of 457 stores, as if they were rung up on the last three business days."""
    from stores.fleet.fleet import Fleet, Wiring  # noqa: PLC0415 - a store has no numpy and no data set
    from stores.fleet.preparation import prepare  # noqa: PLC0415 - as above
    from stores.fleet.trouble import parse  # noqa: PLC0415 - as above

    master_key = read_master_key(master_key_file)
    prepared = prepare(receipts=receipts, seed=seed, troubles=parse(trouble), now=datetime.now(UTC))
    generations = dict(
        zip(prepared.stores["store_id"].to_pylist(), prepared.stores["key_generation"].to_pylist(), strict=True)
    )

    def settings_of(store_id: str) -> KafkaSettings:
        name = f"store-{store_id}.g{generations[store_id]}"
        certificate, key = stores_dir / f"{name}.pem", stores_dir / f"{name}.key"
        if not certificate.exists() or not key.exists():
            raise FleetError(f"Store {store_id} has no {certificate} and {key.name}. Nothing was sent; issue them.")
        return KafkaSettings(bootstrap, Mtls(certificate, key), ca_file)

    wiring = Wiring(
        outboxes=outboxes_dir,
        topics={feed: contract.topic for feed, contract in contracts.load().items()},
        master_key=master_key,
        settings_of=settings_of,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Fleet(prepared, wiring, seed) as fleet,
        Progress(*columns, console=Console(stderr=True), disable=as_data) as progress,
    ):
        bar = progress.add_task("messages", total=prepared.messages.num_rows)
        truth = fleet.replay(duration_seconds, lambda done, _: progress.update(bar, completed=done))
    if ledger_file:
        ledger_file.write_text(json.dumps(truth))
    summary = {name: value for name, value in truth.items() if not isinstance(value, list)}
    if as_data:
        click.echo(json.dumps(summary))
    else:
        click.echo(
            f"{truth['receipts']} receipts with {truth['lines']} lines rung up and sent, "
            f"{truth['amount_cents'] / 100:.2f} USD; {truth['expected_quarantined']} messages belong into quarantine"
        )
