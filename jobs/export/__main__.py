"""The deliveries that contracts ask for, as a Spark batch application: every closed business date, or those named."""

import argparse
import logging
import sys
from datetime import UTC, date, datetime

import contracts
from contracts.cutoff import closing_time
from contracts.errors import TillstreamError
from jobs.delta_reader import Snapshot
from jobs.export.deliver import deliver
from jobs.export.delivery import Order, orders
from jobs.ingest.session import open_session
from lake.objects import ObjectStore
from lake.settings import LakeSettings
from lake.tables import DeltaTables

log = logging.getLogger("jobs.export")


def closed_dates(tables: DeltaTables, order: Order, now: datetime) -> list[date]:
    """The business dates in the feed's parent table whose cut-off has passed in every store's time zone."""
    stores = tables.table("dim_stores").to_pyarrow_table(columns=["time_zone"])
    zones = stores["time_zone"].unique().to_pylist()
    present = {hour.dt for hour in Snapshot.of(tables.table(order.contract.parent.name)).hours()}
    hours = order.contract.cutoff_hours
    return sorted(dt for dt in present if all(closing_time(dt, zone, hours) <= now for zone in zones))


def run(dates: list[date]) -> None:
    tables = DeltaTables(ObjectStore(LakeSettings.from_env().lake_uri))
    spark = open_session("export")
    try:
        for order in orders(contracts.load().values()):
            wanted = dates or closed_dates(tables, order, datetime.now(UTC))
            for manifest in deliver(spark, tables, order, wanted):
                where = order.folder(date.fromisoformat(manifest.business_date), manifest.version)
                log.info("delivered %s: %d rows", where, manifest.rows)
    finally:
        spark.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="export", description=__doc__)
    parser.add_argument(
        "--business-date",
        type=date.fromisoformat,
        action="append",
        default=[],
        help="deliver this date, closed or not (may be repeated; default: every closed date)",
    )
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        run(arguments.business_date)
    except TillstreamError as error:
        log.error("%s", error)  # noqa: TRY400 - it says what to do; a traceback would hide that
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
