"""The real sales arrive at the tills whole: every line, every cent, nothing later than now."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest

from stores.errors import FleetError
from stores.fleet import calendar, dimension, sales, tills
from stores.fleet.workspace import connect, epoch_ms

SEED = 7


@pytest.fixture(scope="module")
def everything() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect(SEED) as database:
        sales.load(database, sales.RECEIPTS)
        yield database


def test_every_cent_of_the_source(everything: duckdb.DuckDBPyConnection):
    """Cents of lines and of receipts add up to the source's dollars, to the cent, for amount and each discount."""
    source = str(sales.data("transactions"))
    dollars = everything.execute("SELECT * FROM read_parquet(?)", [source]).fetchnumpy()
    cents = everything.execute("FROM sale_lines").fetchnumpy()
    for ours, theirs in sales.MONEY.items():
        written = Counter(f"{value:.9f}" for value in dollars[theirs].tolist())
        exact = sum(Decimal(value) * count for value, count in written.items())
        assert int(cents[ours].sum()) == exact * 100, ours
    [(total,)] = everything.execute("SELECT sum(total) FROM sales").fetchall()
    assert total == int(cents["amount"].sum())


def test_every_line_of_the_source(everything: duckdb.DuckDBPyConnection):
    """Every line is there as it is: baskets with their products and quantities, 0 and 89,638 included."""
    source = str(sales.data("transactions"))
    difference = """
        WITH original AS (
            SELECT store_id::VARCHAR AS store_id, household_id::VARCHAR AS customer_id,
                   transaction_timestamp AS sold_at, product_id::VARCHAR AS sku, quantity,
                   (sales_value::DECIMAL(18, 2) * 100)::BIGINT AS amount
            FROM read_parquet(?)
        ),
        replayed AS (
            SELECT store_id, customer_id, local_at + INTERVAL '5 hours' AS sold_at, sku, quantity, amount
            FROM sale_lines JOIN sales USING (basket)
        )
        SELECT count(*) FROM (
            (FROM original EXCEPT ALL FROM replayed) UNION ALL (FROM replayed EXCEPT ALL FROM original)
        )
    """
    assert everything.execute(difference, [source]).fetchall() == [(0,)]
    [(smallest, largest)] = everything.execute("SELECT min(quantity), max(quantity) FROM sale_lines").fetchall()
    assert (smallest, largest) == (0, 89_638)


def test_lists_are_the_lines(everything: duckdb.DuckDBPyConnection):
    """The list of a basket holds that basket's lines, numbered from 1."""
    query = """
        WITH counted AS (SELECT basket, count(*) AS lines, sum(amount) AS amount FROM sale_lines GROUP BY basket)
        SELECT count(*) FROM sale_lists JOIN counted USING (basket) JOIN sales USING (basket)
        WHERE len(sale_lists.lines) <> counted.lines OR lines_count <> counted.lines OR total <> counted.amount
           OR list_sum(list_transform(sale_lists.lines, lambda line: line.amount)) <> total
           OR list_transform(sale_lists.lines, lambda line: line.line_no) <> range(1, counted.lines + 1)
    """
    assert everything.execute(query).fetchall() == [(0,)]


@pytest.mark.parametrize("receipts", [sales.STORES, 2_000])
def test_every_store_takes_part(receipts: int):
    """However few receipts are asked for, each of the 457 stores has one, and there are exactly so many."""
    with connect(SEED) as database:
        sales.load(database, receipts)
        found = database.execute("SELECT count(*), count(DISTINCT store_id) FROM sales").fetchall()
    assert found == [(receipts, sales.STORES)]


@pytest.mark.parametrize("receipts", [0, sales.STORES - 1, sales.RECEIPTS + 1])
def test_impossible_numbers_are_refused(receipts: int):
    """Fewer receipts than stores, or more than there are, cannot be replayed."""
    with connect(SEED) as database, pytest.raises(FleetError, match=r"457 .* to 155848"):
        sales.load(database, receipts)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 20, 23, 30, tzinfo=UTC),
        # A minute after midnight in New York, the morning after the clocks went back.
        datetime(2026, 11, 2, 5, 1, tzinfo=UTC),
        # The clocks went forward in the night.
        datetime(2026, 3, 8, 20, 0, tzinfo=UTC),
    ],
)
def test_last_three_business_days(now: datetime):
    """Sales lie on the last three local days, none later than now, and every trading hour keeps its place."""
    with connect(SEED) as database:
        sales.load(database, 5_000)
        dimension.load(database, SEED)
        calendar.load(database, now)
        tills.ring_up(database, now)
        rung = database.execute("SELECT time_zone, sold_ms, type FROM rung").fetchall()
    assert max(sold_ms for _, sold_ms, _ in rung) <= epoch_ms(now)
    for zone, sold_ms, _ in rung:
        today = now.astimezone(ZoneInfo(zone)).date()
        sold_on = datetime.fromtimestamp(sold_ms / 1000, ZoneInfo(zone)).date()
        assert 0 <= (today - sold_on).days <= 2
    hours = [datetime.fromtimestamp(sold / 1000, ZoneInfo(zone)).hour for zone, sold, kind in rung if kind == "sale"]
    assert sum(9 <= hour < 21 for hour in hours) > 0.8 * len(hours)


def test_returns_and_voids(everything: duckdb.DuckDBPyConnection):
    """About 1% come back in part and 0.5% are voided whole; both are never above zero and have no unknown line."""
    now = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    dimension.load(everything, SEED)
    calendar.load(everything, now)
    tills.ring_up(everything, now)
    counts = dict(everything.execute("SELECT type, count(*) FROM rung GROUP BY type").fetchall())
    assert counts["sale"] == sales.RECEIPTS
    assert 0.009 < counts["return"] / sales.RECEIPTS < 0.011
    assert 0.004 < counts["void"] / sales.RECEIPTS < 0.006
    assert everything.execute("SELECT max(total) FROM rung WHERE type <> 'sale'").fetchall()[0][0] <= 0
    unequal = """
        SELECT count(*) FROM rung AS v JOIN sales AS s USING (basket)
        WHERE v.type = 'void' AND (v.total <> -s.total OR v.lines_count <> s.lines_count)
           OR v.type = 'return' AND (v.total < -s.total OR v.lines_count > s.lines_count)
    """
    assert everything.execute(unequal).fetchall() == [(0,)]
