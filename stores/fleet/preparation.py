"""Everything a replay will append, made before it starts: no clock of the replay is spent on it."""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from stores.fleet import calendar, dimension, following, sales, tills, trouble
from stores.fleet.workspace import connect


@dataclass(frozen=True)
class Preparation:
    """What the fleet will do. Tables in Arrow, amounts in cents."""

    plan: trouble.Plan
    messages: pa.Table
    """In the order of their append: feed, store_id, outbox_no, register_id, seq, business_date, receipt_no (both null
    but for receipts), body."""
    receipts: pa.Table
    """One row a receipt: store_id, register_id, outbox_no, seq, business_date, type, total, lines_count, refused."""
    totals: pa.Table
    """One row a control total, its columns named as in the contract."""
    stores: pa.Table
    products: pa.Table


def prepare(*, receipts: int, seed: int, troubles: frozenset[trouble.Trouble], now: datetime) -> Preparation:
    """Ring up so many real receipts, and all that follows from them. Raises FleetError for an impossible number."""
    with connect(seed) as database:
        sales.load(database, receipts)
        dimension.load(database, seed)
        calendar.load(database, now)
        tills.ring_up(database, now)
        plan = trouble.plan(database, troubles, seed, now)
        trouble.make_tables(database, plan)
        tills.book(database, now)
        following.move_stock(database)
        following.read_equipment(database)
        following.close_days(database, now)
        return Preparation(
            plan=plan,
            messages=database.sql(_MESSAGES).to_arrow_table(),
            receipts=database.sql(_RECEIPTS).to_arrow_table(),
            totals=database.sql(_TOTALS).to_arrow_table(),
            stores=database.sql("FROM dim_stores ORDER BY store_id").to_arrow_table(),
            products=database.sql("FROM dim_products ORDER BY sku").to_arrow_table(),
        )


_RECEIPTS = """
SELECT store_id, register_id, outbox_no, seq, business_date, type, total, lines_count, refused FROM receipts
ORDER BY store_id, register_id, outbox_no, seq
"""
_TOTALS = """
FROM totals ORDER BY store_id, register_id, outbox_no, business_date, revision
"""

_TIME = "strftime(make_timestamp_ms(event_ms), '%Y-%m-%dT%H:%M:%S.%gZ')"
_STORE_WIDE = "store_id, 1 AS outbox_no, 'store' AS register_id"

_MESSAGES = f"""
WITH line_texts AS (
    SELECT 'sale' AS type, basket, to_json(lines)::VARCHAR AS lines FROM sale_lists
    UNION ALL
    SELECT type, basket, to_json(list({{
        line_no: line_no, sku: sku, quantity: quantity, amount: amount, retail_discount: retail_discount,
        coupon_discount: coupon_discount, coupon_match_discount: coupon_match_discount
    }} ORDER BY line_no))::VARCHAR FROM back_lines GROUP BY ALL
),
heads AS (
    SELECT position_ms, seq, store_id, outbox_no, register_id, business_date, receipt_no, type, basket, to_json({{
        event_time: {_TIME}, business_date: business_date, type: type, receipt_no: receipt_no, currency: 'USD',
        customer_id: customer_id, total: total, tenders: tenders
    }})::VARCHAR AS head FROM receipts
),
bodies AS (
    SELECT position_ms, 'pos.receipts' AS feed, seq, store_id, outbox_no, register_id, business_date, receipt_no,
           concat(head[:-2], ',"lines":', lines, '}}') AS body
    FROM heads JOIN line_texts USING (type, basket)
    UNION ALL
    SELECT event_ms, 'store.inventory', row_number() OVER (PARTITION BY store_id ORDER BY event_ms, movement),
           {_STORE_WIDE}, NULL, NULL, to_json({{
        event_time: {_TIME}, business_date: business_date, movement: movement, items: items
    }})::VARCHAR FROM inventory
    UNION ALL
    SELECT event_ms, 'store.operations', row_number() OVER (PARTITION BY store_id ORDER BY event_ms, reading),
           {_STORE_WIDE}, NULL, NULL, to_json({{
        event_time: {_TIME}, business_date: business_date, reading: reading, value: value
    }})::VARCHAR FROM operations
    UNION ALL
    SELECT position_ms, 'store.control-totals', row_number() OVER (
               PARTITION BY store_id, outbox_no, register_id ORDER BY position_ms, business_date, revision
           ), store_id, outbox_no, register_id, NULL, NULL, to_json({{
        event_time: {_TIME}, business_date: business_date, revision: revision, first_seq: first_seq,
        last_seq: last_seq, receipts_count: receipts_count, sales_count: sales_count, sales_amount: sales_amount,
        returns_count: returns_count, returns_amount: returns_amount, voids_count: voids_count,
        voids_amount: voids_amount, total: total, currency: currency, tenders: tenders
    }})::VARCHAR FROM totals
)
SELECT feed, store_id, outbox_no, register_id, seq, business_date::VARCHAR AS business_date, receipt_no, body
FROM bodies ORDER BY position_ms, seq, feed, store_id, outbox_no, register_id
"""  # noqa: S608 - own constants only
