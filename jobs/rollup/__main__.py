"""The rollup as a Spark application: follows `receipts` until it is told to stop; with --once, catches up and ends."""

import argparse
import json
import logging
import signal
import sys
import threading
from dataclasses import asdict

from contracts.errors import TillstreamError
from jobs.ingest.session import open_session
from jobs.rollup.sales_per_minute import DEFINITION
from jobs.rollup.step import SOURCES, RollupError, step
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables

log = logging.getLogger("jobs.rollup")
# A replay commits lines a moment before their receipts: between the two, their money differs.
_LOOKS = 3


def run(*, once: bool, poll_seconds: float, stop: threading.Event) -> None:
    """Step, wait, step again. A step that has begun when `stop` is set is finished. Raise RollupError where the raw
    tables' money differs at one look after the other, or at the only one.
    """
    tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
    tables.ensure(DEFINITION)
    spark = open_session("rollup")
    failed = 0
    try:
        while not stop.is_set():
            if not once and (absent := [name for name in SOURCES if not tables.exists(name)]):
                log.info("waiting for %s", ", ".join(absent))
            else:
                try:
                    if done := step(spark, tables):
                        log.info("committed %s", json.dumps(asdict(done)))
                    failed = 0
                except RollupError as error:
                    failed += 1
                    if once or failed == _LOOKS:
                        raise
                    log.warning("%s Looking again in %s s.", error, poll_seconds)
            if once:
                return
            stop.wait(poll_seconds)
    finally:
        spark.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="rollup", description=__doc__)
    parser.add_argument("--once", action="store_true", help="catch up with receipts and lines, then end")
    parser.add_argument("--poll-seconds", type=float, default=10, help="how long to wait for new receipts (default 10)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        run(once=arguments.once, poll_seconds=arguments.poll_seconds, stop=stop)
    except TillstreamError as error:
        log.error("%s", error)  # noqa: TRY400 - it says what to do; a traceback would hide that
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
