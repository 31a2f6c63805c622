"""The statements behind `quality.reconcile_queries`, in the order they run.

Variables: business_date; store (null for all); largest_day and misbooked_days as their constants say.
"""

# Which event each quarantined message says it is: by its header, by its payload, or by both.
CLAIMS = r"""
CREATE TEMP TABLE claims AS
WITH messages AS (
    SELECT feed, reason || ' at ' || topic || '-' || kafka_partition || '@' || kafka_offset AS place,
           try(decode(list_filter(headers, lambda header: header.key = 'event_id')[1].value)) AS header_id,
           try(decode(payload)) AS body
    FROM quarantine
    WHERE feed IN ('pos.receipts', 'store.control-totals')
),
parsed AS (
    SELECT feed, place, header_id, CASE WHEN json_valid(body) THEN body::JSON END AS body FROM messages
),
named AS (
    SELECT DISTINCT feed, place, unnest([header_id, body ->> 'event_id']) AS id,
           try_cast(body ->> 'business_date' AS DATE) AS business_date
    FROM parsed
),
split AS (
    SELECT *, regexp_extract(
        id, '^([\w.]+):([\w.]+):([\w.]+):([0-9]{1,15})$', ['store', 'register', 'epoch', 'seq']) AS part
    FROM named
)
SELECT feed, place, business_date, part.store AS store_id, part.register AS register_id, part.epoch AS epoch,
       part.seq::BIGINT AS seq
FROM split WHERE part.seq <> ''
"""

TOTALS = """
CREATE OR REPLACE TEMP TABLE day_totals AS
SELECT * FROM control_totals
WHERE dt = getvariable('business_date') AND (getvariable('store') IS NULL OR store_id = getvariable('store'))
QUALIFY row_number() OVER (
    PARTITION BY store_id, register_id, epoch ORDER BY revision DESC, kafka_timestamp DESC, kafka_offset DESC
) = 1
"""

# A receipt counts for the total whose range contains its seq; without a total, every one counts.
RECEIPTS = """
CREATE OR REPLACE TEMP TABLE day_receipts AS
SELECT r.kafka_topic_id, r.kafka_partition, r.kafka_offset, r.store_id, r.register_id, r.epoch, r.seq, r.type,
       r.currency, r.total, t.first_seq IS NULL OR r.seq BETWEEN t.first_seq AND t.last_seq AS counted
FROM receipts AS r LEFT JOIN day_totals AS t USING (store_id, register_id, epoch)
WHERE r.dt = getvariable('business_date') AND (getvariable('store') IS NULL OR r.store_id = getvariable('store'))
"""

COMPARED = """
CREATE OR REPLACE TEMP TABLE compared AS
WITH lake AS (
    SELECT store_id, register_id, epoch, min(currency) AS first_currency,
           count(DISTINCT seq) FILTER (counted) AS seqs
    FROM day_receipts GROUP BY ALL
),
keyed AS (
    SELECT store_id, register_id, epoch, t.revision, t.first_seq, t.last_seq, t.receipts_count, t.sales_count,
           t.sales_amount, t.returns_count, t.returns_amount, t.voids_count, t.voids_amount, t.total,
           coalesce(t.currency, lake.first_currency) AS currency, coalesce(lake.seqs, 0) AS seqs
    FROM lake FULL JOIN day_totals AS t USING (store_id, register_id, epoch)
),
sums AS (
    SELECT store_id, register_id, epoch,
           count(*) AS receipts_count, sum(r.total)::BIGINT AS total,
           count(*) FILTER (type = 'sale') AS sales_count, sum(r.total) FILTER (type = 'sale')::BIGINT AS sales_amount,
           count(*) FILTER (type = 'return') AS returns_count,
           sum(r.total) FILTER (type = 'return')::BIGINT AS returns_amount,
           count(*) FILTER (type = 'void') AS voids_count, sum(r.total) FILTER (type = 'void')::BIGINT AS voids_amount
    FROM day_receipts AS r JOIN keyed AS k USING (store_id, register_id, epoch)
    WHERE r.counted AND r.currency = k.currency GROUP BY ALL
),
foreign_ones AS (
    SELECT store_id, register_id, epoch, count(*) AS receipts
    FROM day_receipts AS r JOIN keyed AS k USING (store_id, register_id, epoch)
    WHERE r.counted AND r.currency <> k.currency GROUP BY ALL
)
SELECT k.*, coalesce(s.receipts_count, 0) AS lake_receipts_count, coalesce(s.total, 0) AS lake_total,
       coalesce(s.sales_count, 0) AS lake_sales_count, coalesce(s.sales_amount, 0) AS lake_sales_amount,
       coalesce(s.returns_count, 0) AS lake_returns_count, coalesce(s.returns_amount, 0) AS lake_returns_amount,
       coalesce(s.voids_count, 0) AS lake_voids_count, coalesce(s.voids_amount, 0) AS lake_voids_amount,
       coalesce(f.receipts, 0) AS other_currencies
FROM keyed AS k
LEFT JOIN sums AS s USING (store_id, register_id, epoch)
LEFT JOIN foreign_ones AS f USING (store_id, register_id, epoch)
"""

HOLES = """
CREATE OR REPLACE TEMP TABLE holes AS
WITH short AS (
    SELECT store_id, register_id, epoch, first_seq, last_seq FROM compared
    WHERE revision IS NOT NULL AND seqs < last_seq - first_seq + 1 AND last_seq - first_seq < getvariable('largest_day')
),
gaps AS (
    SELECT s.store_id, s.register_id, s.epoch, unnest(generate_series(s.first_seq, s.last_seq)) AS seq FROM short AS s
),
absent AS (SELECT * FROM gaps ANTI JOIN day_receipts USING (store_id, register_id, epoch, seq)),
refused AS (
    SELECT store_id, register_id, epoch, seq, min(place) AS place
    FROM claims WHERE feed = 'pos.receipts' GROUP BY ALL
),
elsewhere AS (
    SELECT r.store_id, r.register_id, r.epoch, r.seq, min(r.dt) AS dt
    FROM receipts AS r SEMI JOIN absent USING (store_id, register_id, epoch, seq)
    WHERE r.dt BETWEEN getvariable('business_date') - getvariable('misbooked_days')
                   AND getvariable('business_date') + getvariable('misbooked_days')
      AND (getvariable('store') IS NULL OR r.store_id = getvariable('store'))
    GROUP BY ALL
)
SELECT a.*, e.dt AS booked_on, CASE WHEN e.dt IS NULL THEN q.place END AS quarantined
FROM absent AS a
LEFT JOIN refused AS q USING (store_id, register_id, epoch, seq)
LEFT JOIN elsewhere AS e USING (store_id, register_id, epoch, seq)
"""

HOLE_RANGES = """
WITH islands AS (
    SELECT *, seq - row_number() OVER (
        PARTITION BY store_id, register_id, epoch, booked_on, quarantined ORDER BY seq) AS island
    FROM holes
)
SELECT store_id, register_id, epoch, booked_on, quarantined, min(seq) AS first_seq, max(seq) AS last_seq
FROM islands GROUP BY store_id, register_id, epoch, booked_on, quarantined, island
ORDER BY store_id, register_id, epoch, first_seq
"""

DOUBLED = """
SELECT store_id, register_id, epoch, seq FROM day_receipts GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL
"""

OUTSIDE = """
SELECT store_id, register_id, epoch, seq FROM day_receipts WHERE NOT counted
QUALIFY row_number() OVER (PARTITION BY store_id, register_id, epoch ORDER BY seq) <= 10 ORDER BY ALL
"""

# Only the kinds of tender on which the two sides differ.
TENDERS = """
WITH lake AS (
    SELECT r.store_id, r.register_id, r.epoch, x.tender_type, count(*) AS lake_count,
           sum(x.amount)::BIGINT AS lake_amount
    FROM receipt_tenders AS x JOIN day_receipts AS r USING (kafka_topic_id, kafka_partition, kafka_offset)
    WHERE x.dt = getvariable('business_date') AND r.counted GROUP BY ALL
),
till AS (
    SELECT t.store_id, t.register_id, t.epoch, x.tender_type, sum(x."count")::BIGINT AS till_count,
           sum(x.amount)::BIGINT AS till_amount
    FROM control_total_tenders AS x JOIN day_totals AS t USING (kafka_topic_id, kafka_partition, kafka_offset)
    WHERE x.dt = getvariable('business_date') GROUP BY ALL
)
SELECT store_id, register_id, epoch, tender_type, coalesce(till_count, 0) AS till_count,
       coalesce(till_amount, 0) AS till_amount, coalesce(lake_count, 0) AS lake_count,
       coalesce(lake_amount, 0) AS lake_amount
FROM lake FULL JOIN till USING (store_id, register_id, epoch, tender_type)
SEMI JOIN day_totals USING (store_id, register_id, epoch)
WHERE till_count IS DISTINCT FROM lake_count OR till_amount IS DISTINCT FROM lake_amount
ORDER BY ALL
"""

SIDES = """
WITH refused AS (
    SELECT store_id, register_id, epoch, min(place) AS refused_total
    FROM claims WHERE feed = 'store.control-totals' AND business_date = getvariable('business_date') GROUP BY ALL
)
SELECT c.*, s.time_zone, refused.refused_total
FROM compared AS c
LEFT JOIN (SELECT store_id, any_value(time_zone) AS time_zone FROM stores GROUP BY ALL) AS s USING (store_id)
LEFT JOIN refused USING (store_id, register_id, epoch)
ORDER BY c.store_id, c.register_id, c.epoch
"""
