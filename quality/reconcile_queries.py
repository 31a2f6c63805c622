"""What till and lake say of one business date, side by side, from the tables (DuckDB, Arrow in, rows out).

Receipts decide what is in the lake: their lines and tenders are committed before them, so a tender whose receipt
is not in the pinned version of `receipts` does not count yet.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from quality import reconcile_sql as sql
from quality.register_days import RegisterKey

Source: TypeAlias = pa.Table | ds.Dataset

MEMORY_LIMIT = "512MB"
LARGEST_DAY = 100_000
"""Receipts a register can have in a day. A total that claims more is not believed, and its holes are not searched."""

MISBOOKED_DAYS = 7
"""How far from its business date a receipt that seems to be absent is looked for."""


@dataclass(frozen=True)
class Tables:
    """The tables at their pinned versions, as Arrow tables or datasets."""

    receipts: Source
    receipt_tenders: Source
    control_totals: Source
    control_total_tenders: Source
    quarantine: Source
    stores: Source


@dataclass(frozen=True)
class Measure:
    """One figure that till and lake must have in common."""

    name: str
    till: int
    lake: int


@dataclass(frozen=True)
class Hole:
    """Consecutive seqs of the till's day that are not in the lake under that business date."""

    first_seq: int
    last_seq: int
    quarantined: str | None
    """Why and where they are in quarantine, if they are."""
    booked_on: date | None
    """The other business date under which the lake has them, if it has."""


@dataclass(frozen=True)
class Sides:
    """One register and business date. `till` fields are None where there is no control total."""

    key: RegisterKey
    time_zone: str | None
    currency: str
    revision: int | None
    first_seq: int | None
    last_seq: int | None
    till_receipts: int | None
    till_amount: int | None
    lake_receipts: int
    lake_amount: int
    other_currencies: int
    outside: tuple[int, ...]
    """Seqs of this business date that the total's range does not contain (at most ten of them)."""
    doubled: tuple[int, ...]
    measures: tuple[Measure, ...]
    holes: tuple[Hole, ...]
    refused_total: str | None
    """Why and where a control total of this register and day is in quarantine, if one is."""


_MEASURES = (
    "receipts_count",
    "sales_count",
    "sales_amount",
    "returns_count",
    "returns_amount",
    "voids_count",
    "voids_amount",
    "total",
)


@contextmanager
def connect(tables: Tables) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with the tables registered by name, that spills to disk beyond MEMORY_LIMIT."""
    with TemporaryDirectory(prefix="tillstream-reconcile-") as spill, duckdb.connect() as database:
        database.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        database.execute("SET temp_directory = ?", [spill])
        database.execute("SET TimeZone = 'UTC'")
        database.execute("SET VARIABLE largest_day = ?::BIGINT", [LARGEST_DAY])
        database.execute("SET VARIABLE misbooked_days = ?::INTEGER", [MISBOOKED_DAYS])
        for field in fields(tables):
            database.register(field.name, getattr(tables, field.name))
        database.execute(sql.CLAIMS)
        yield database


def business_dates(database: duckdb.DuckDBPyConnection) -> list[date]:
    """Every business date that a receipt or a control total has, oldest first."""
    rows = database.execute("SELECT dt FROM receipts UNION SELECT dt FROM control_totals ORDER BY dt").fetchall()
    return [row[0] for row in rows]


def sides(database: duckdb.DuckDBPyConnection, business_date: date, store_id: str | None) -> list[Sides]:
    """Every register that has a control total or a receipt on that date, ordered by store, register and epoch."""
    database.execute("SET VARIABLE business_date = ?::DATE", [business_date])
    database.execute("SET VARIABLE store = ?::VARCHAR", [store_id])
    for statement in (sql.TOTALS, sql.RECEIPTS, sql.COMPARED, sql.HOLES):
        database.execute(statement)
    measures = _by_key(database, sql.TENDERS)
    holes = _by_key(database, sql.HOLE_RANGES)
    doubled = _by_key(database, sql.DOUBLED)
    outside = _by_key(database, sql.OUTSIDE)
    result = []
    for row in _rows(database, sql.SIDES):
        key = RegisterKey(row["store_id"], row["register_id"], row["epoch"])
        result.append(
            Sides(
                key=key,
                time_zone=row["time_zone"],
                currency=row["currency"],
                revision=row["revision"],
                first_seq=row["first_seq"],
                last_seq=row["last_seq"],
                till_receipts=row["receipts_count"],
                till_amount=row["total"],
                lake_receipts=row["lake_receipts_count"],
                lake_amount=row["lake_total"],
                other_currencies=row["other_currencies"],
                outside=tuple(found["seq"] for found in outside.get(key, [])),
                doubled=tuple(found["seq"] for found in doubled.get(key, [])),
                measures=(
                    *(
                        Measure(name, row[name], row[f"lake_{name}"])
                        for name in _MEASURES
                        if row["revision"] is not None
                    ),
                    *_tender_measures(measures.get(key, [])),
                ),
                holes=tuple(
                    Hole(found["first_seq"], found["last_seq"], found["quarantined"], found["booked_on"])
                    for found in holes.get(key, [])
                ),
                refused_total=row["refused_total"],
            )
        )
    return result


def _tender_measures(rows: list[dict[str, Any]]) -> Iterator[Measure]:
    for row in rows:
        yield Measure(f"{row['tender_type']}_count", row["till_count"], row["lake_count"])
        yield Measure(f"{row['tender_type']}_amount", row["till_amount"], row["lake_amount"])


def _rows(database: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = database.execute(query)
    names = [column[0] for column in cursor.description or ()]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _by_key(database: duckdb.DuckDBPyConnection, query: str) -> dict[RegisterKey, list[dict[str, Any]]]:
    grouped: dict[RegisterKey, list[dict[str, Any]]] = {}
    for row in _rows(database, query):
        key = RegisterKey(row.pop("store_id"), row.pop("register_id"), row.pop("epoch"))
        grouped.setdefault(key, []).append(row)
    return grouped
