"""The database in which a replay is prepared: each step reads tables of the steps before and makes its own."""

from datetime import datetime

import duckdb


def connect(seed: int) -> duckdb.DuckDBPyConnection:
    """An empty workspace. `draw(salt, key)` is a number in [0, 1) that depends on the seed and its arguments only."""
    database = duckdb.connect()
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET preserve_insertion_order = false")
    database.execute(
        f"CREATE MACRO draw(salt, key) AS md5_number_lower(concat({seed}, ':', salt, ':', key)) / {2**64}.0"
    )
    return database


def epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
