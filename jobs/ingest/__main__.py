"""The streams into the lake: run by spark-submit, one query a feed in one application.

    spark-submit … jobs/ingest/__main__.py [--trigger-seconds S] [--source-option NAME=VALUE]… FEED…

Ends with 0 after SIGTERM, every query at the end of a batch; with 1 when a query fails, its cause in the last lines
of the log. The other feeds then stop at the end of a batch, too; all of them go on where they were at the next start.
"""

import argparse
import logging
import sys
from collections.abc import Sequence

from prometheus_client import CollectorRegistry

import contracts
from contracts.errors import TillstreamError
from jobs.errors import IngestError
from jobs.ingest import source, stopping
from jobs.ingest.metrics import Listener, StreamMetrics
from jobs.ingest.session import open_session
from jobs.ingest.streams import Options, Streams
from jobs.metrics_server import MetricsServer
from lake.request_metrics import RequestMetrics
from lake.settings import LakeSettings
from topics.settings import KafkaSettings

log = logging.getLogger("jobs.ingest")


def main(arguments: Sequence[str]) -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True)
    # py4j and botocore tell of every step; what fails is told once, at the end.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    options = _parse(arguments)
    try:
        return _run(options)
    except TillstreamError as error:
        log.error("%s", error)  # noqa: TRY400 - the message says what a person must know; no trace adds to it
        return 1


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ingest", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("feeds", nargs="+", metavar="FEED")
    parser.add_argument(
        "--trigger-seconds", type=float, default=1.0, help="0: a new batch as soon as the last one ended"
    )
    parser.add_argument(
        "--source-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        type=_pair,
        help=f"an option of Spark's Kafka source: {', '.join(source.TUNABLE)}, kafka.fetch.*, kafka.receive.*",
    )
    return parser.parse_args(arguments)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _run(options: argparse.Namespace) -> int:
    described = contracts.load()
    if unknown := [feed for feed in options.feeds if feed not in described]:
        raise IngestError(
            f"There is no contract for {', '.join(unknown)}. Nothing was started; there are: {', '.join(described)}."
        )
    source_options = dict(options.source_option)
    source.check_options(source_options)
    registry = CollectorRegistry()
    RequestMetrics(registry).watch()
    metrics, server = StreamMetrics(registry), MetricsServer(registry)
    streams = Streams(
        KafkaSettings.from_env(), LakeSettings.from_env(), Options(source_options, options.trigger_seconds), metrics
    )
    prepared = [streams.prepare(described[feed]) for feed in options.feeds]
    server.start()
    spark = open_session("ingest")
    try:
        spark.streams.addListener(Listener(metrics))
        stop = stopping.on_sigterm(spark)
        stores = streams.stores(spark)
        queries = [streams.start(spark, each, stores, stop) for each in prepared]
        log.info("streaming %s", ", ".join(options.feeds))
        code = stopping.await_end(queries, stop, metrics.failed)
        if code:
            server.linger()
        return code
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
