"""`tillstream exporter`: the lake's metrics, for Prometheus to read."""

import json
import logging
import signal
import threading

import click
from prometheus_client import CollectorRegistry, start_http_server

import contracts
from lake.exporter.exporter import Exporter, parts
from lake.objects import ObjectStore
from lake.request_metrics import RequestMetrics
from lake.settings import LakeSettings
from lake.tables import DeltaTables


@click.command()
@click.option(
    "--listen", default="127.0.0.1:9108", show_default=True, metavar="ADDRESS:PORT", help="Port 0 chooses a free one."
)
@click.option(
    "--times-as-often", type=click.IntRange(min=1), default=1, metavar="N", help="Look more often, where time is short."
)
@click.option("--least-pause", type=float, default=0, metavar="SECONDS", help="But with this pause between two looks.")
@click.option("--json", "as_data", is_flag=True, help="Print JSON for programs.")
def exporter(listen: str, times_as_often: int, least_pause: float, as_data: bool) -> None:
    """Serve what the lake's logs and manifests say: GET /metrics. Ends by Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    address, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter(f"{listen!r} is not ADDRESS:PORT", param_hint="--listen")
    registry = CollectorRegistry()
    RequestMetrics(registry).watch()
    settings = LakeSettings.from_env()
    watched = parts(lambda: DeltaTables(ObjectStore(settings.lake_uri)), contracts.load())
    looking = Exporter(watched, registry, times_as_often, least_pause)
    server, _ = start_http_server(int(port), addr=address, registry=registry)
    url = f"http://{address}:{server.server_port}/metrics"
    click.echo(json.dumps({"url": url}) if as_data else f"the lake's metrics are at {url}")
    looking.run(stop)
    server.shutdown()
