"""What follows from the receipts: movements of stock, readings of the equipment, and the tills' own totals."""

from datetime import datetime

import duckdb

from stores.fleet.dimension import CURRENCY
from stores.fleet.workspace import epoch_ms

CLOSING_MS = 300_000
"""A register closes its day so long after midnight."""


def move_stock(database: duckdb.DuckDBPyConnection) -> None:
    """Make the table `inventory`: for each store and hour what was sold, and what came back.

    Columns: store_id, business_date, event_ms, movement, items.
    """
    database.execute(_INVENTORY)


def read_equipment(database: duckdb.DuckDBPyConnection) -> None:
    """Make the table `operations`: for each store and hour with receipts a heartbeat, open registers and a fridge.

    Columns: store_id, business_date, event_ms, reading, value.
    """
    database.execute(_OPERATIONS)


def close_days(database: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Make the table `totals`: one row a control total, its columns named as in the contract, with position_ms.

    A day that has ended is closed after its midnight; a day that is still open, at the end of the replay. A register
    whose receipts are late closes on time without them (revision 1, empty) and again when they have come (2).
    """
    database.execute(_TOTALS, {"now_ms": epoch_ms(now)})


# The moments are those of the store's server, whose clock is right whatever a till's says.
_INVENTORY = """
CREATE TABLE inventory AS
WITH dated AS (
    SELECT r.type, r.basket, r.store_id, r.sold_ms, d.business_date
    FROM rung AS r ASOF JOIN days AS d ON d.time_zone = r.time_zone AND r.sold_ms >= d.starts_ms
),
grouped AS (
    SELECT *, CASE type WHEN 'sale' THEN 'sale' ELSE 'return' END AS movement,
           dense_rank() OVER (ORDER BY store_id, business_date, sold_ms // 3_600_000, type = 'sale') AS no
    FROM dated
),
hours AS (
    SELECT no, any_value(store_id) AS store_id, any_value(business_date) AS business_date, max(sold_ms) AS event_ms,
           any_value(movement) AS movement
    FROM grouped GROUP BY no
),
moved AS (
    SELECT no, sku, -sum(quantity)::BIGINT AS quantity FROM (
        SELECT no, sku, quantity FROM grouped JOIN sale_lines USING (basket) WHERE type = 'sale'
        UNION ALL
        SELECT no, sku, quantity FROM grouped JOIN back_lines USING (type, basket)
    ) GROUP BY ALL HAVING sum(quantity) <> 0
),
listed AS (SELECT no, list({sku: sku, quantity: quantity} ORDER BY sku) AS items FROM moved GROUP BY no)
SELECT store_id, business_date, event_ms, movement, list_transform(items, lambda item, position:
           {item_no: position, sku: item.sku, quantity: item.quantity}) AS items
FROM listed JOIN hours USING (no)
"""

_OPERATIONS = """
CREATE TABLE operations AS
WITH hours AS (
    SELECT r.store_id, d.business_date, max(r.sold_ms) AS event_ms, count(DISTINCT r.register_id) AS registers
    FROM rung AS r ASOF JOIN days AS d ON d.time_zone = r.time_zone AND r.sold_ms >= d.starts_ms
    GROUP BY r.store_id, d.business_date, r.sold_ms // 3_600_000
)
SELECT store_id, business_date, event_ms, 'heartbeat' AS reading, 1.0::DOUBLE AS value FROM hours
UNION ALL SELECT store_id, business_date, event_ms, 'registers_open', registers FROM hours
UNION ALL
SELECT store_id, business_date, event_ms, 'fridge_celsius',
       round(2 + 4 * draw('fridge', concat(store_id, ':', event_ms)), 1)
FROM hours
"""

# A total is of the moment its day ended, also when it is made again days later: no event may be dated so far from its
# business date.
_TOTALS = f"""
CREATE TABLE totals AS
WITH sums AS (
    SELECT store_id, time_zone, register_id, outbox_no, business_date, min(seq) AS first_seq, max(seq) AS last_seq,
           count(*) AS receipts_count,
           count(*) FILTER (type = 'sale') AS sales_count,
           coalesce(sum(total) FILTER (type = 'sale'), 0)::BIGINT AS sales_amount,
           count(*) FILTER (type = 'return') AS returns_count,
           coalesce(sum(total) FILTER (type = 'return'), 0)::BIGINT AS returns_amount,
           count(*) FILTER (type = 'void') AS voids_count,
           coalesce(sum(total) FILTER (type = 'void'), 0)::BIGINT AS voids_amount,
           sum(total)::BIGINT AS total
    FROM receipts GROUP BY ALL
),
paid AS (
    SELECT store_id, register_id, outbox_no, business_date, unnest(tenders) AS tender FROM receipts
),
kinds AS (
    SELECT store_id, register_id, outbox_no, business_date, tender.type AS type, count(*) AS count,
           sum(tender.amount)::BIGINT AS amount
    FROM paid GROUP BY ALL
),
tendered AS (
    SELECT store_id, register_id, outbox_no, business_date,
           list({{type: type, count: count, amount: amount}} ORDER BY type) AS tenders
    FROM kinds GROUP BY ALL
),
closed AS (
    SELECT s.* EXCLUDE (time_zone), '{CURRENCY}' AS currency, t.tenders, l.store_id IS NOT NULL AS late,
           least(d.ends_ms + {CLOSING_MS}, $now_ms) AS closed_ms, d.ends_ms + {CLOSING_MS} > $now_ms AS open
    FROM sums AS s
    JOIN tendered AS t USING (store_id, register_id, outbox_no, business_date)
    JOIN days AS d USING (time_zone, business_date)
    LEFT JOIN late AS l USING (store_id, register_id)
)
SELECT * EXCLUDE (late, open, closed_ms), CASE WHEN late THEN 2 ELSE 1 END AS revision, closed_ms AS event_ms,
       CASE WHEN late OR open THEN $now_ms + 2 ELSE closed_ms END AS position_ms
FROM closed
UNION ALL BY NAME
SELECT store_id, register_id, outbox_no, business_date, 1 AS first_seq, 0 AS last_seq, 0 AS receipts_count,
       0 AS sales_count, 0 AS sales_amount, 0 AS returns_count, 0 AS returns_amount, 0 AS voids_count,
       0 AS voids_amount, 0 AS total, currency, tenders[:0] AS tenders, 1 AS revision,
       closed_ms AS event_ms, closed_ms AS position_ms
FROM closed WHERE late
"""  # noqa: S608 - own constants only
