"""The rollup as a Spark application on the emulated AWS: what it commits, what a kill leaves, what it refuses."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from jobs.delta_reader import Snapshot
from lake.curated import differences
from tests.support.lake_rows import DAY, Receipt, day_of_receipts, receipt_tables
from tests.support.scratch_lake import Run, ScratchLake
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

MORNING = day_of_receipts(20, at=time(9, 10))
EVENING = day_of_receipts(12, register_id="2", at=time(18, 59), sku="p2", partition=1)
# Replaces a function of the step by one that kills the driver and its JVM, before or after the real one.
KILLER = """
import os, signal, sys
from jobs.rollup import __main__ as application, step

commit = step._commit

def killed(*arguments, **named):
    if {after}:
        commit(*arguments, **named)
    os.killpg(os.getpgid(0), signal.SIGKILL)

step._commit = killed
sys.exit(application.main())
"""


@pytest.fixture
def stream(scratch_lake: ScratchLake) -> Iterator[Run]:
    run = scratch_lake.submit("rollup", "--poll-seconds=0.2")
    yield run
    run.kill()


def append(lake: ScratchLake, *receipts: Receipt) -> None:
    for name, rows in receipt_tables(receipts).items():
        lake.append(name, rows)


def raw_money(lake: ScratchLake) -> Counter[tuple[object, ...]]:
    money: Counter[tuple[object, ...]] = Counter()
    for row in lake.rows("receipts"):
        money[row["store_id"], row["event_time"].replace(second=0, microsecond=0)] += row["total"]
    return money


def curated_money(lake: ScratchLake) -> Counter[tuple[object, ...]]:
    """Raises ValueError where a store and minute stands in the table twice."""
    rows = lake.rows("sales_per_minute") if lake.tables.exists("sales_per_minute") else []
    money = Counter({(row["store_id"], row["minute"]): row["amount"] for row in rows})
    if len(money) != len(rows):
        raise ValueError("a store's minute stands in the table twice")
    return money


def test_the_stream_follows_receipts_and_takes_late_sales_into_old_hours(scratch_lake: ScratchLake, stream: Run):
    """Curated money follows raw money; a late sale recomputes its own hour and no other object changes."""
    append(scratch_lake, *MORNING)
    wait_for(lambda: curated_money(scratch_lake) == raw_money(scratch_lake), 300, f"the first hour: {stream.log}")
    append(scratch_lake, *EVENING)
    wait_for(lambda: curated_money(scratch_lake) == raw_money(scratch_lake), 300, f"the second hour: {stream.log}")
    evening = {row["path"] for row in objects(scratch_lake) if row["hour"] == 18}

    append(scratch_lake, Receipt(99, (250, 50), at=time(9, 10), sku="unheard of", offset=99))
    wait_for(lambda: curated_money(scratch_lake) == raw_money(scratch_lake), 300, f"the late sale: {stream.log}")
    assert {row["path"] for row in objects(scratch_lake) if row["hour"] == 18} == evening
    assert len(objects(scratch_lake)) == 2

    row = next(row for row in scratch_lake.rows("sales_per_minute") if row["minute"].hour == 9)
    assert (row["store_name"], row["time_zone"]) == ("Store 330", "America/New_York")
    assert (row["receipts"], row["sales"], row["returns"], row["voids"]) == (21, 15, 4, 2)
    assert (row["lines"], row["units"], row["basket_size"]) == (42, 42, 2.0)
    assert [(each["department"], each["amount"]) for each in row["departments"]] == [
        ("GROCERY", sum(receipt.total for receipt in MORNING)),
        ("unknown", 300),
    ]

    # Lines that the lake has lost must not become a silent difference.
    scratch_lake.append("receipts", receipt_tables([replace(MORNING[0], seq=100)])["receipts"])
    assert stream.wait() == 1
    assert "minor units, lines of" in stream.said()
    assert sum(curated_money(scratch_lake).values()) == sum(r.total for r in (*MORNING, *EVENING)) + 300


def test_a_killed_step_is_committed_whole_or_not_at_all(scratch_lake: ScratchLake, tmp_path: Path):
    """A step killed before its commit left nothing to see, one killed after it everything; a replay changes nothing."""
    append(scratch_lake, *MORNING, *EVENING)
    for after in (False, True):
        script = tmp_path / "killer.py"
        script.write_text(KILLER.format(after=after))
        run = scratch_lake.submit("rollup", "--once", script=script)
        assert run.wait() == -9, run.said()
        assert curated_money(scratch_lake) == (raw_money(scratch_lake) if after else Counter()), run.said()

    version, present = scratch_lake.tables.table("sales_per_minute").version(), objects(scratch_lake)
    again = scratch_lake.submit("rollup", "--once")
    assert again.wait() == 0, again.said()
    assert (scratch_lake.tables.table("sales_per_minute").version(), objects(scratch_lake)) == (version, present)
    stored = {info.key for info in scratch_lake.store.list("sales_per_minute/dt=")}
    assert stored == {f"sales_per_minute/{row['path']}" for row in present}, "the replay wrote the same objects"
    metadata = scratch_lake.tables.table("sales_per_minute").history(1)[0]
    assert json.loads(metadata["source_version"]) == scratch_lake.tables.table("receipts").version()


def test_dates_are_computed_anew(scratch_lake: ScratchLake):
    """A backfill computes the hours of its dates by the dimensions of now, at the receipts that the rollup has come to;
    other dates keep their objects, and the rollup its place. Then it follows what changed in lines alone, too.
    """
    next_day = [replace(each, business_date=DAY + timedelta(days=1), seq=100 + each.seq) for each in MORNING]
    append(scratch_lake, *MORNING, *next_day)
    first = scratch_lake.submit("rollup", "--once")
    assert first.wait() == 0, first.said()
    before = {row["dt"]: row["path"] for row in objects(scratch_lake)}
    # A late sale that the rollup has not seen, and another department for what was sold.
    append(scratch_lake, Receipt(99, (250, 50), at=time(9, 10), offset=99))
    scratch_lake.tables.table("dim_products").update(updates={"department": "'BAKERY'"}, predicate="sku = 'p1'")
    done = scratch_lake.submit("rollup-backfill", f"--business-date={DAY}")
    assert done.wait() == 0, done.said()
    after = {row["dt"]: row["path"] for row in objects(scratch_lake)}
    assert after[DAY] != before[DAY]
    assert after[DAY + timedelta(days=1)] == before[DAY + timedelta(days=1)]
    departments = {
        row["dt"]: {each["department"] for each in row["departments"]} for row in scratch_lake.rows("sales_per_minute")
    }
    assert departments == {DAY: {"BAKERY"}, DAY + timedelta(days=1): {"GROCERY"}}
    assert differences(scratch_lake.tables)[0] == []

    # As a replay does that makes lines anew and finds their receipts as they should be.
    scratch_lake.tables.table("receipt_lines").update(updates={"quantity": "3"}, predicate=f"dt > '{DAY}'")
    last = scratch_lake.submit("rollup", "--once")
    assert last.wait() == 0, last.said()
    assert curated_money(scratch_lake) == raw_money(scratch_lake)
    units = {row["dt"]: row["units"] for row in scratch_lake.rows("sales_per_minute") if row["minute"].hour == 9}
    assert units[DAY + timedelta(days=1)] == 3 * sum(len(each.amounts) for each in next_day)


def objects(lake: ScratchLake) -> list[dict[str, object]]:
    found: list[dict[str, object]] = Snapshot.of(lake.tables.table("sales_per_minute")).objects.to_pylist()
    return found
