"""Is curated money raw money? Hour by hour, at the raw version that the curated table says it was computed from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
from deltalake import DeltaTable

from lake.names import rollup_id
from lake.tables import DeltaTables, scan

TABLE = "sales_per_minute"
SOURCE = "receipts"

_Key = tuple[date, int, str]
_KEYS = ["dt", "hour", "currency"]


@dataclass(frozen=True)
class Sum:
    """Receipts, and their money in minor units."""

    receipts: int = 0
    amount: int = 0


@dataclass(frozen=True)
class Difference:
    """An hour and currency in which the two tables differ."""

    dt: date
    hour: int
    currency: str
    raw: Sum
    curated: Sum


def differences(tables: DeltaTables) -> tuple[list[Difference], int | None]:
    """The hours that differ, and the version of the raw table they were compared at (None: nothing curated yet)."""
    if not tables.exists(TABLE):
        return [], None
    table = tables.table(TABLE)
    version = table.transaction_version(rollup_id(TABLE, str(tables.last_seen(SOURCE).metadata().id)))
    if version is None:
        return [], None
    computed = _by_hour(_sums(table, "amount", "receipts"))
    raw = _by_hour(_sums(tables.at_version(SOURCE, version), "total"))
    pairs = ((key, raw.get(key, Sum()), computed.get(key, Sum())) for key in sorted(raw.keys() | computed.keys()))
    return [Difference(*key, expected, found) for key, expected, found in pairs if expected != found], version


def _sums(table: DeltaTable, amount: str, receipts: str | None = None) -> Iterator[tuple[_Key, Sum]]:
    """Partial sums. Without a column that counts receipts, every row is one."""
    columns = [*_KEYS, amount, *([receipts] if receipts else [])]
    count = (receipts, "sum") if receipts else (amount, "count")
    for batch in scan(table, columns):
        # `currency` arrives as a view, which pyarrow cannot group by.
        rows = pa.table(batch).set_column(2, "currency", batch["currency"].cast(pa.string()))
        for row in rows.group_by(_KEYS).aggregate([(amount, "sum"), count]).to_pylist():
            yield (row["dt"], row["hour"], row["currency"]), Sum(row["_".join(count)], row[f"{amount}_sum"])


def _by_hour(parts: Iterator[tuple[_Key, Sum]]) -> dict[_Key, Sum]:
    sums: dict[_Key, Sum] = {}
    for key, part in parts:
        known = sums.get(key, Sum())
        sums[key] = Sum(known.receipts + part.receipts, known.amount + part.amount)
    return sums
