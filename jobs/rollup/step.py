"""One step of the rollup: from the commits of `receipts` and their lines since the last step to one commit of the
curated table.

Progress is in the curated table's own log: the commit that replaces the touched hours also carries the versions of the
raw tables it was computed from, as Delta's application transactions. A step that was killed has either been committed
whole, and is not repeated, or not at all, and is. Two drivers cannot both commit: Delta refuses the second one with the
same application. An application's name holds the id of its raw table, so that a table made anew is computed anew.
"""

import logging
import time
from collections import Counter
from collections.abc import Collection, Iterator
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
from jobs.rollup.touched import hours_outside_batches, touched_hours
from lake.errors import Fenced, ObjectMissing
from lake.names import rollup_id
from lake.objects import ObjectStore
from lake.tables import DeltaTables
from tillstream import __version__

RAW, LINES = "receipts", "receipt_lines"
SOURCES = (RAW, LINES, "dim_stores", "dim_products")
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
            lines=Snapshot.of(tables.table(LINES)),
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
    """Bring the curated table up to the newest receipts and lines. None if they touched nothing.

    Raises Fenced where another rollup committed meanwhile, RollupError where the money would not be the raw money.
    Either way the curated table is as the last commit left it.
    """
    curated = tables.table(TABLE)
    if not any(_behind(curated, tables.table(name)) for name in (RAW, LINES)):
        return None
    sources = Sources.pin(tables)
    hours = _changed_hours(curated, sources, tables.store)
    if not hours:
        _follow_lines(curated, sources)
        return None
    written = _compute(spark, sources, hours, tables.store.uri)
    _check(sources.receipts, hours, written)
    _commit(curated, sources.receipts, hours, written, lines=sources.lines)
    return _done(sources, hours, written)


def backfill(spark: SparkSession, tables: DeltaTables, dates: Collection[date]) -> Done | None:
    """Compute every hour of these dates anew, as of the receipts that the curated table is at; None if it is at none
    yet. Hours that come out as they are stay the objects they are. Raises as `step` does.
    """
    curated = tables.table(TABLE)
    version = _reached(curated, Snapshot.of(tables.table(RAW)))
    if version is None:
        return None
    sources = Sources.at(tables, version)
    hours = {each for each in sources.receipts.hours() | Snapshot.of(curated).hours() if each.dt in dates}
    written = _compute(spark, sources, hours, tables.store.uri) if hours else []
    _check(sources.receipts, hours, written)
    _commit(curated, sources.receipts, hours, written, lines=sources.lines, follows=False)
    return _done(sources, hours, written)


def _done(sources: Sources, hours: set[Hour], written: list[dict[str, Any]]) -> Done:
    return Done(
        source_version=sources.receipts.version,
        hours=len(hours),
        receipts=sum(row["receipts"] for row in written),
        amount=sum(row["amount"] for row in written),
    )


def _application(source: Snapshot) -> str:
    return rollup_id(TABLE, source.table_id)


def _reached(curated: DeltaTable, source: Snapshot) -> int | None:
    """The version of a raw table that the curated table was computed from; None where it does not follow it yet."""
    return curated.transaction_version(_application(source))


def _behind(curated: DeltaTable, source: DeltaTable) -> bool:
    done = curated.transaction_version(rollup_id(TABLE, str(source.metadata().id)))
    return done is None or done < source.version()


def _changed_hours(curated: DeltaTable, sources: Sources, store: ObjectStore) -> set[Hour]:
    """The hours that changed since the last step; all there are, if there was none or the log since then is gone.

    Lines that a batch commits belong to receipts that it commits after them, whose log names the same hours; what
    changes lines alone, as a replay may, is no batch. A table that did not follow lines so far begins at those of now.
    """
    receipts, lines = sources.receipts, sources.lines
    done, done_lines = _reached(curated, receipts), _reached(curated, lines)
    try:
        if done is not None:
            hours = touched_hours(_commits(store, RAW, done, receipts.version))
            if done_lines is not None:
                hours |= hours_outside_batches(_commits(store, LINES, done_lines, lines.version))
            return hours
    except ObjectMissing as error:
        log.info("a log since the last step is gone (%s); every hour is computed anew", error)
    return receipts.hours() | Snapshot.of(curated).hours()


def _commits(store: ObjectStore, name: str, after: int, until: int) -> Iterator[bytes]:
    return (store.get(f"{name}/_delta_log/{version:020d}.json") for version in range(after + 1, until + 1))


def _follow_lines(curated: DeltaTable, sources: Sources) -> None:
    """Note where to follow lines from, in a table whose rollup did not follow them yet."""
    if _reached(curated, sources.receipts) is not None and _reached(curated, sources.lines) is None:
        _commit(curated, sources.receipts, set(), [], lines=sources.lines)


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


def _commit(
    curated: DeltaTable,
    receipts: Snapshot,
    hours: set[Hour],
    written: list[dict[str, Any]],
    *,
    lines: Snapshot,
    follows: bool = True,
) -> None:
    """Replace these hours in one commit. An object that is there already, of the same rows, stays.

    `follows` says that these are all hours that changed up to these versions. Whoever else commits meanwhile without a
    step of its own, as a backfill does, only makes this one look again.
    """
    begun = {_application(each): _reached(curated, each) for each in (receipts, lines)}
    reached = {_application(each): each.version for each in (receipts, lines)} if follows else {}
    moved = [Transaction(each, version) for each, version in reached.items() if begun[each] != version]
    for _ in range(_ATTEMPTS):
        actions = _exchange(curated, hours, written)
        if not actions and not moved:
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
                        "lines_version": str(lines.version),
                        "job_version": __version__,
                    },
                    app_transactions=moved,
                    max_commit_retries=0,
                ),
                post_commithook_properties=_NO_HOOKS,
            )
        except CommitFailedError as error:
            curated.update_incremental()
            if any(curated.transaction_version(each) != version for each, version in begun.items()):
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
