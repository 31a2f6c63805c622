"""One step of the rollup: from the commits of `receipts` since the last step to one commit of the curated table.

Progress is in the curated table's own log: the commit that replaces the touched hours also carries the version of
`receipts` it was computed from, as Delta's application transaction. A step that was killed has either been committed
whole, and is not repeated, or not at all, and is. Two drivers cannot both commit: Delta refuses the second one with the
same application. The application's name holds the id of the raw table, so that a table made anew is computed anew.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction, Transaction
from pyspark.sql import SparkSession
from pyspark.sql.pandas.types import from_arrow_schema

from contracts.errors import TillstreamError
from jobs.delta_reader import Hour, Snapshot, read, worker_store
from jobs.rollup.hour_object import WRITTEN, serialise
from jobs.rollup.sales_per_minute import (
    DEFINITION,
    LINE_COLUMNS,
    PRODUCT_COLUMNS,
    RECEIPT_COLUMNS,
    STORE_COLUMNS,
    TABLE,
    sales_per_minute,
)
from jobs.rollup.touched import touched_hours
from lake.errors import Fenced, ObjectMissing
from lake.names import rollup_id
from lake.objects import ObjectStore
from lake.tables import DeltaTables
from tillstream import __version__

RAW = "receipts"
SOURCES = (RAW, "receipt_lines", "dim_stores", "dim_products")
_CHECKPOINT_EVERY = 100
_ATTEMPTS = 5
# Clean-up is a job of its own, because the rollup may not delete; a checkpoint's failure is not the commit's.
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
log = logging.getLogger(__name__)


class RollupError(TillstreamError):
    """A step was not committed; the curated table is as the last commit left it."""


@dataclass(frozen=True)
class Sources:
    """What a step computes from, each at one version."""

    receipts: Snapshot
    lines: Snapshot
    stores: pa.Table
    products: pa.Table

    @classmethod
    def pin(cls, tables: DeltaTables) -> Self:
        """Receipts first: their lines are committed before them, so whatever comes next has every line of theirs."""
        return cls.at(tables, tables.table(RAW).version())

    @classmethod
    def at(cls, tables: DeltaTables, version: int) -> Self:
        """The receipts of this version. Lines that came after them belong to none of them."""
        return cls(
            receipts=Snapshot.of(tables.at_version(RAW, version)),
            lines=Snapshot.of(tables.table("receipt_lines")),
            stores=tables.table("dim_stores").to_pyarrow_table(columns=list(STORE_COLUMNS)),
            products=tables.table("dim_products").to_pyarrow_table(columns=list(PRODUCT_COLUMNS)),
        )


@dataclass(frozen=True)
class Done:
    """A committed step. `receipts` and `amount` (minor units) are those of the hours it computed."""

    source_version: int
    hours: int
    receipts: int
    amount: int


def step(spark: SparkSession, tables: DeltaTables) -> Done | None:
    """Bring the curated table up to the newest receipts. None if they touched nothing.

    Raises Fenced where another rollup committed meanwhile, RollupError where the money would not be the raw money.
    Either way the curated table is as the last commit left it.
    """
    curated = tables.table(TABLE)
    if not _behind(curated, Snapshot.of(tables.table(RAW))):
        return None
    sources = Sources.pin(tables)
    hours = _changed_hours(curated, sources.receipts, tables.store)
    if not hours:
        return None
    written = _compute(spark, sources, hours, tables.store.uri)
    _check(sources.receipts, hours, written)
    _commit(curated, sources.receipts, hours, written)
    return _done(sources, hours, written)


def backfill(spark: SparkSession, tables: DeltaTables, dates: Collection[date]) -> Done | None:
    """Compute every hour of these dates anew, as of the receipts that the curated table is at; None if it is at none
    yet. Hours that come out as they are stay the objects they are. Raises as `step` does.
    """
    curated = tables.table(TABLE)
    version = curated.transaction_version(_application(Snapshot.of(tables.table(RAW))))
    if version is None:
        return None
    sources = Sources.at(tables, version)
    hours = {each for each in sources.receipts.hours() | Snapshot.of(curated).hours() if each.dt in dates}
    written = _compute(spark, sources, hours, tables.store.uri) if hours else []
    _check(sources.receipts, hours, written)
    _commit(curated, sources.receipts, hours, written)
    return _done(sources, hours, written)


def _done(sources: Sources, hours: set[Hour], written: list[dict[str, Any]]) -> Done:
    return Done(
        source_version=sources.receipts.version,
        hours=len(hours),
        receipts=sum(row["receipts"] for row in written),
        amount=sum(row["amount"] for row in written),
    )


def _application(receipts: Snapshot) -> str:
    return rollup_id(TABLE, receipts.table_id)


def _behind(curated: DeltaTable, receipts: Snapshot) -> bool:
    done = curated.transaction_version(_application(receipts))
    return done is None or done < receipts.version


def _changed_hours(curated: DeltaTable, receipts: Snapshot, store: ObjectStore) -> set[Hour]:
    """The hours that changed since the last step; all there are, if there was none or the log since then is gone."""
    done = curated.transaction_version(_application(receipts))
    try:
        if done is not None:
            keys = [f"{RAW}/_delta_log/{version:020d}.json" for version in range(done + 1, receipts.version + 1)]
            return touched_hours(store.get(key) for key in keys)
    except ObjectMissing:
        log.info("the log of %s since version %s is gone; every hour is computed anew", RAW, done)
    return receipts.hours() | Snapshot.of(curated).hours()


def _compute(spark: SparkSession, sources: Sources, hours: set[Hour], lake_uri: str) -> list[dict[str, Any]]:
    """Aggregate in Spark; the task that holds an hour writes its object. Rows of WRITTEN."""
    rows = sales_per_minute(
        read(spark, sources.receipts.of_hours(hours), RECEIPT_COLUMNS),
        read(spark, sources.lines.of_hours(hours), LINE_COLUMNS),
        spark.createDataFrame(sources.stores),
        spark.createDataFrame(sources.products),
    )

    def write(hour: pa.Table) -> pa.Table:
        description, content = serialise(hour)
        worker_store(lake_uri).put(f"{TABLE}/{description['path'][0]}", content)
        return description

    described = rows.groupBy(*DEFINITION.partition_columns).applyInArrow(write, from_arrow_schema(WRITTEN)).toArrow()
    found: list[dict[str, Any]] = described.to_pylist()
    return found


def _check(receipts: Snapshot, hours: set[Hour], written: list[dict[str, Any]]) -> None:
    """Compare what was written with the raw tables, hour by hour.

    Every row that the log says is there must count once, and the lines' money, which was added up apart, must be the
    receipts'. Costs nothing: the log knows how many rows an object has.
    """
    rows: Counter[Hour] = Counter()
    for each in receipts.of_hours(hours).objects.to_pylist():
        rows[Hour(each["dt"], each["hour"])] += each["num_records"]
    counted = Counter({Hour(each["dt"], each["hour"]): each["receipts"] for each in written})
    wrong = [
        f"{hour}: {rows[hour]} rows, {counted[hour]} counted" for hour in rows | counted if rows[hour] != counted[hour]
    ]
    wrong += [
        f"{Hour(each['dt'], each['hour'])}: receipts of {each['amount']} minor units, lines of {each['lines_amount']}"
        for each in written
        if each["amount"] != each["lines_amount"]
    ]
    if wrong:
        raise RollupError(
            f"{RAW} at version {receipts.version} cannot be rolled up whole. Nothing was committed. Find what the raw "
            f"tables lack: tillstream verify. {'; '.join(wrong)}"
        )


def _commit(curated: DeltaTable, receipts: Snapshot, hours: set[Hour], written: list[dict[str, Any]]) -> None:
    """Replace these hours in one commit. An object that is there already, of the same rows, stays.

    Whoever else commits meanwhile without a step of its own, as a backfill does, only makes this one look again.
    """
    application = _application(receipts)
    begun = curated.transaction_version(application)
    for _ in range(_ATTEMPTS):
        actions = _exchange(curated, hours, written)
        if not actions and begun == receipts.version:
            return
        try:
            curated.create_write_transaction(
                actions,
                "append",
                curated.schema(),
                list(DEFINITION.partition_columns),
                commit_properties=CommitProperties(
                    custom_metadata={
                        "source": RAW,
                        "source_version": str(receipts.version),
                        "job_version": __version__,
                    },
                    app_transactions=[Transaction(application, receipts.version)] if begun != receipts.version else [],
                    max_commit_retries=0,
                ),
                post_commithook_properties=_NO_HOOKS,
            )
        except CommitFailedError as error:
            curated.update_incremental()
            if curated.transaction_version(application) != begun:
                raise Fenced(
                    f"Another step of the rollup came first ({error}). Nothing of this step is in the table. If a "
                    "second rollup runs, stop it; then start this one again, it goes on from the table."
                ) from error
        else:
            break
    else:
        raise RollupError(f"{TABLE} was written to {_ATTEMPTS} times meanwhile. Nothing was committed; run it again.")
    curated.update_incremental()
    if curated.version() % _CHECKPOINT_EVERY == 0:
        curated.create_checkpoint()


def _exchange(curated: DeltaTable, hours: set[Hour], written: list[dict[str, Any]]) -> list[AddAction | RemoveAction]:
    now_ms = int(time.time() * 1000)
    present = {row["path"]: row for row in Snapshot.of(curated).of_hours(hours).objects.to_pylist()}
    computed = {row["path"]: row for row in written}
    removed = [
        RemoveAction(path, True, now_ms, row["size_bytes"], Hour(row["dt"], row["hour"]).values)  # noqa: FBT003 - its own order
        for path, row in present.items()
        if path not in computed
    ]
    added = [
        AddAction(path, row["size_bytes"], Hour(row["dt"], row["hour"]).values, now_ms, True, row["stats"])  # noqa: FBT003 - as above
        for path, row in computed.items()
        if path not in present
    ]
    return [*removed, *added]
