"""Counts the violations of a feed's suites, out of core (DuckDB over the tables' objects), one business date at a time.

Row checks of a table cost one pass over its rows together; group checks read a date in as many parts as its size asks
for. Memory is bounded by MEMORY_LIMIT and the buffers of the readers, whatever the tables hold.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from contracts.sql import quote
from quality.validation.checks import Check, Expectation, Found, GroupCheck, Part, Suite
from quality.validation.suites import KEYS

MEMORY_LIMIT = "640MB"
BUCKET_ROWS = 4_000_000
"""A group check reads at most about so many rows of a table at once."""

SAMPLE_ROWS = 5
_BUCKET = re.compile(r"\$bucket\((\w+)\)")


@dataclass(frozen=True)
class Day:
    """One business date of a feed: by table its rows and the hours to judge. `behind` is SQL that is true of rows that
    belong to a batch which was being committed: they are left out.
    """

    dt: date
    datasets: Mapping[str, ds.Dataset]
    hours: Mapping[str, Sequence[int]]
    rows: Mapping[str, int]
    behind: str = "false"


@contextmanager
def database(dimensions: Mapping[str, pa.Table]) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database that spills to disk beyond MEMORY_LIMIT, with the dimensions in it."""
    with TemporaryDirectory(prefix="tillstream-validate-") as spill, duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        connection.execute("SET temp_directory = ?", [spill])
        connection.execute("SET preserve_insertion_order = false")
        connection.execute("SET TimeZone = 'UTC'")
        for name, rows in dimensions.items():
            connection.register(name, rows)
        yield connection


def measure(connection: duckdb.DuckDBPyConnection, suites: Sequence[Suite], day: Day) -> dict[str, list[Found]]:
    """By table: what each expectation found in each hour to judge. Every hour is in it, with 0 where all is well."""
    for name, dataset in day.datasets.items():
        connection.register(f"{name} at rest", dataset)
        hours = ", ".join(str(hour) for hour in day.hours[name]) or "-1"
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {quote(name)} AS "  # noqa: S608 - names of contracts, and numbers
            "SELECT *, CASE WHEN kafka_topic_id IS NOT NULL THEN hash(kafka_topic_id) END AS topic "
            f"FROM {quote(f'{name} at rest')} WHERE hour IN ({hours}) AND ({day.behind}) IS NOT TRUE"
        )
    found = {suite.table: list(_row_checks(connection, suite, day)) for suite in suites}
    keyless = {name: _keyless(of_table) for name, of_table in found.items()}
    for suite in suites:
        connection.execute(f"CREATE OR REPLACE TEMP VIEW rows AS FROM {quote(suite.table)}")
        for check in suite.groups:
            involved = (suite.table, *check.reads)
            blind = {hour for name in involved for hour in keyless.get(name, ())}
            blind |= {hour for hour in day.hours[suite.table] if any(hour not in day.hours[name] for name in involved)}
            found[suite.table] += _group_check(connection, suite, check, day, blind)
    return found


def _row_checks(connection: duckdb.DuckDBPyConnection, suite: Suite, day: Day) -> Iterator[Found]:
    counts = ", ".join(f"count(*) FILTER ({check.violated})" for check in suite.checks)
    query = f"SELECT hour, {counts} FROM {quote(suite.table)} GROUP BY hour"  # noqa: S608 - the project's own expressions
    by_hour = {row[0]: row[1:] for row in connection.execute(query).fetchall()}
    for position, check in enumerate(suite.checks):
        failing = {hour: counts[position] for hour, counts in by_hour.items() if counts[position]}
        samples = _samples(connection, suite, check, failing)
        expectation = Expectation(check.name, check.description, check.severity)
        for hour in day.hours[suite.table]:
            yield Found(expectation, Part(day.dt, hour), failing.get(hour, 0), sample=samples.get(hour, ()))


def _samples(
    connection: duckdb.DuckDBPyConnection, suite: Suite, check: Check, hours: Iterable[int]
) -> dict[int, tuple[Mapping[str, Any], ...]]:
    """A few violating rows of each hour that has any."""
    columns = ", ".join(dict.fromkeys(quote(name) for name in check.shown)) or "*"
    return {
        hour: tuple(
            _records(
                connection.execute(
                    f"SELECT {columns} FROM {quote(suite.table)} WHERE hour = {hour} AND ({check.violated}) "  # noqa: S608 - as above
                    f"LIMIT {SAMPLE_ROWS}"
                )
            )
        )
        for hour in hours
    }


def _group_check(
    connection: duckdb.DuckDBPyConnection, suite: Suite, check: GroupCheck, day: Day, blind: set[int]
) -> Iterator[Found]:
    violations: dict[int, int] = {}
    samples: dict[int, tuple[Mapping[str, Any], ...]] = {}
    largest = max(day.rows[name] for name in (suite.table, *check.reads))
    buckets = -(-largest // BUCKET_ROWS) or 1
    for bucket in range(buckets):
        turn = "true" if buckets == 1 else rf"hash(\1) % {buckets} = {bucket}"
        for row in _records(connection.execute(_BUCKET.sub(turn, check.query))):
            hour = row["hour"]
            violations[hour] = violations.get(hour, 0) + row["violations"]
            samples[hour] = (*samples.get(hour, ()), *row["sample"])[:SAMPLE_ROWS]
    expectation = Expectation(check.name, check.description, check.severity)
    for hour in day.hours[suite.table]:
        if hour not in blind:
            yield Found(expectation, Part(day.dt, hour), violations.get(hour, 0), sample=samples.get(hour, ()))


def _keyless(found: Sequence[Found]) -> set[int]:
    """The hours whose rows cannot be put together, because what joins them is null."""
    names = {f"{column}.not_null" for column in KEYS}
    return {
        each.part.hour
        for each in found
        if each.expectation.name in names and not each.holds and each.part and each.part.hour is not None
    }


def _records(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
