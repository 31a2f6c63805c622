"""The tills: registers, returns, voids, tenders, and the identity of every receipt."""

from datetime import datetime

import duckdb

from stores.fleet.calendar import FOLDED
from stores.fleet.workspace import epoch_ms

RETURNED_SHARE = 0.01
VOIDED_SHARE = 0.005
RECEIPTS_A_REGISTER = 200
MOST_REGISTERS = 12


def ring_up(database: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Make the tables `rung` (every receipt on its register at its moment, none later than now) and `back_lines`.

    rung: type, basket, store_id, time_zone, customer_id, register_id, sold_ms, total, lines_count. A return or a void
    has the basket of its sale, and its lines in back_lines (type, and the columns of sale_lines).
    """
    database.execute(_SOLD, {"now_ms": epoch_ms(now)})
    database.execute(_BACK_LINES, {"returned": RETURNED_SHARE, "voided": VOIDED_SHARE})
    database.execute(_RUNG, {"now_ms": epoch_ms(now)})


def book(database: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Make the table `receipts` of `rung` and of the tables of `trouble`.

    Adds: outbox_no (1, or 2 after a replacement), event_ms (by the till's own clock), business_date, position_ms
    (when the outbox gets it), seq, receipt_no, tenders, refused (why the lake will not take it, or null).
    """
    database.execute(_RECEIPTS, {"now_ms": epoch_ms(now)})


_SOLD = f"""
CREATE TABLE sold AS
WITH registers AS (
    SELECT store_id, least({MOST_REGISTERS}, 1 + count(*) // {RECEIPTS_A_REGISTER}) AS registers
    FROM sales GROUP BY store_id
)
SELECT f.*, r.registers, (1 + floor(draw('register', basket) * r.registers))::INTEGER::VARCHAR AS register_id
FROM ({FOLDED}) AS f JOIN registers AS r USING (store_id)
"""  # noqa: S608 - own constants only

# A return brings back about half of the lines, a void takes all of them back.
_BACK_LINES = """
CREATE TABLE back_lines AS
WITH undone AS (
    SELECT 'return' AS type, basket FROM sold WHERE draw('return', basket) < $returned
    UNION ALL SELECT 'void', basket FROM sold WHERE draw('void', basket) < $voided
)
SELECT type, basket, row_number() OVER (PARTITION BY type, basket ORDER BY line_no) AS line_no, sku,
       -quantity AS quantity, -amount AS amount, -retail_discount AS retail_discount,
       -coupon_discount AS coupon_discount, -coupon_match_discount AS coupon_match_discount
FROM sale_lines JOIN undone USING (basket)
WHERE type = 'void' OR line_no = 1 OR draw('line', concat(basket, ':', line_no)) < 0.5
"""

# A return comes some time later, at any register; a void at once, at the same one.
_RUNG = """
CREATE TABLE rung AS
WITH back AS (
    SELECT type, basket, sum(amount)::BIGINT AS total, count(*) AS lines_count FROM back_lines GROUP BY ALL
)
SELECT 'sale' AS type, basket, store_id, time_zone, customer_id, register_id, sold_ms, total, lines_count FROM sold
UNION ALL
SELECT b.type, basket, s.store_id, s.time_zone, s.customer_id, CASE b.type
           WHEN 'void' THEN s.register_id
           ELSE (1 + floor(draw('return register', basket) * s.registers))::INTEGER::VARCHAR
       END, CASE b.type
           WHEN 'void' THEN least(s.sold_ms + 60_000, $now_ms)
           ELSE s.sold_ms + floor(draw('return time', basket) * ($now_ms - s.sold_ms))::BIGINT
       END, b.total, b.lines_count
FROM back AS b JOIN sold AS s USING (basket)
"""

# What was late comes after everything else, in its own order. ASOF: the business day that a till's clock is in.
_RECEIPTS = """
CREATE TABLE receipts AS
WITH ranked AS (
    SELECT *, row_number() OVER (PARTITION BY store_id, register_id ORDER BY sold_ms DESC, basket DESC, type DESC)
           AS from_last
    FROM rung
),
troubled AS (
    SELECT r.* EXCLUDE (from_last), r.sold_ms + coalesce(s.shift_ms, 0) AS event_ms,
           CASE WHEN n.from_ms <= r.sold_ms THEN 2 ELSE 1 END AS outbox_no,
           CASE WHEN l.store_id IS NULL THEN r.sold_ms ELSE $now_ms + 1 END AS position_ms, s.refused
    FROM ranked AS r
    LEFT JOIN skewed AS s ON s.store_id = r.store_id AND s.register_id = r.register_id AND r.from_last <= s.receipts
    LEFT JOIN late AS l ON l.store_id = r.store_id AND l.register_id = r.register_id
    LEFT JOIN replaced AS n ON n.store_id = r.store_id AND n.register_id = r.register_id
),
dated AS (
    SELECT t.*, d.business_date
    FROM troubled AS t ASOF JOIN days AS d ON d.time_zone = t.time_zone AND t.event_ms >= d.starts_ms
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY store_id, register_id, outbox_no ORDER BY sold_ms, basket, type) AS seq
    FROM dated
)
SELECT n.* EXCLUDE (refused), coalesce(n.refused, c.refused) AS refused,
       lpad((
           row_number() OVER (PARTITION BY n.store_id, n.register_id ORDER BY sold_ms, basket, type)
       )::VARCHAR, 5, '0') AS receipt_no,
       CASE
           WHEN type = 'sale' AND total > 1000 AND draw('tender', basket) < 0.04
               THEN [{tender_no: 1, type: 'voucher', amount: 500}, {tender_no: 2, type: 'card', amount: total - 500}]
           WHEN draw('tender', basket) < 0.34 THEN [{tender_no: 1, type: 'cash', amount: total}]
           ELSE [{tender_no: 1, type: 'card', amount: total}]
       END AS tenders
FROM numbered AS n
LEFT JOIN corrupted AS c
       ON c.store_id = n.store_id AND c.register_id = n.register_id AND c.seq = n.seq AND n.outbox_no = 1
"""
