"""Computes business dates of the curated table anew, then ends: after a change of the rollup, or of the dimensions."""

import argparse
import json
import logging
import sys
from dataclasses import asdict
from datetime import date

from contracts.errors import TillstreamError
from jobs.ingest.session import open_session
from jobs.rollup.sales_per_minute import TABLE
from jobs.rollup.step import SOURCES, backfill
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables

log = logging.getLogger("jobs.rollup.backfill")


def run(dates: set[date]) -> None:
    """Raise TillstreamError where it was not committed; run again, it does the same once."""
    tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
    if absent := [name for name in (TABLE, *SOURCES) if not tables.exists(name)]:
        log.info("nothing to compute: there is no %s yet", ", ".join(absent))
        return
    spark = open_session("rollup-backfill")
    try:
        done = backfill(spark, tables, dates)
        log.info("computed %s", json.dumps(asdict(done)) if done else "nothing: the rollup has not begun")
    finally:
        spark.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="rollup-backfill", description=__doc__)
    parser.add_argument(
        "--business-date", type=date.fromisoformat, action="append", required=True, help="repeat for more"
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        run(set(arguments.business_date))
    except TillstreamError as error:
        log.error("%s", error)  # noqa: TRY400 - it says what to do; a traceback would hide that
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
