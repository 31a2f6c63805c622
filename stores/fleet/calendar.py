"""Folds a year of sales onto the last three business days, which end now."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import duckdb

TODAY = 2


def load(database: duckdb.DuckDBPyConnection, now: datetime) -> None:
    """Make the table `days`: for each time zone of `dim_stores` the business days around now, midnight to midnight.

    Columns: time_zone, day_no (0, 1, 2 = today, 3 for clocks that run ahead), business_date, starts_ms, ends_ms.
    """
    zones = [row[0] for row in database.execute("SELECT DISTINCT time_zone FROM dim_stores").fetchall()]
    database.execute(
        "CREATE TABLE days (time_zone VARCHAR, day_no INTEGER, business_date DATE, starts_ms BIGINT, ends_ms BIGINT)"
    )
    database.executemany("INSERT INTO days VALUES (?, ?, ?, ?, ?)", [day for zone in zones for day in _days(zone, now)])


def _days(zone: str, now: datetime) -> list[tuple[str, int, str, int, int]]:
    today = now.astimezone(ZoneInfo(zone)).date()
    dates = [today + timedelta(days=number - TODAY) for number in range(TODAY + 3)]
    midnights = [
        int(datetime.combine(date, time(), ZoneInfo(zone)).astimezone(UTC).timestamp() * 1000) for date in dates
    ]
    return [
        (zone, number, str(date), midnights[number], midnights[number + 1]) for number, date in enumerate(dates[:-1])
    ]


# The time of day is kept as a share of the day, so that a day of 23 or 25 hours has all of its sales.
# What would lie in the rest of today is put on one of the two days before.
FOLDED = f"""
WITH clocks AS (
    SELECT s.*, z.time_zone, date_diff('day', DATE '2017-01-01', s.local_at) AS source_day,
           date_diff('ms', date_trunc('day', s.local_at), s.local_at) / 86400000.0 AS share
    FROM sales AS s JOIN dim_stores AS z USING (store_id)
),
chosen AS (
    SELECT c.* EXCLUDE (source_day), CASE
        WHEN source_day % 3 < {TODAY} THEN source_day % 3
        WHEN today.starts_ms + share * (today.ends_ms - today.starts_ms) <= $now_ms THEN {TODAY}
        ELSE (source_day // 3) % {TODAY}
    END AS day_no
    FROM clocks AS c JOIN days AS today ON today.time_zone = c.time_zone AND today.day_no = {TODAY}
)
SELECT c.* EXCLUDE (share, day_no, local_at),
       floor(d.starts_ms + share * (d.ends_ms - d.starts_ms))::BIGINT AS sold_ms
FROM chosen AS c JOIN days AS d USING (time_zone, day_no)
"""  # noqa: S608 - own constants only
