"""What the head office knows of stores and products."""

import random

import duckdb

from stores.fleet.sales import data

# Zones of the continental United States, one without summer time, weighted as stores might stand.
TIME_ZONES = {
    "America/New_York": 45,
    "America/Chicago": 30,
    "America/Denver": 8,
    "America/Phoenix": 2,
    "America/Los_Angeles": 15,
}
CURRENCY = "USD"
FIRST_GENERATION = 1


def load(database: duckdb.DuckDBPyConnection, seed: int) -> None:
    """Make the tables `dim_stores` (all stores of the data, time zones from the seed) and `dim_products`."""
    ids = [row[0] for row in database.execute(_STORE_IDS, [str(data("transactions"))]).fetchall()]
    rng = random.Random(f"{seed}:stores")  # noqa: S311 - a simulation
    zones = rng.choices(list(TIME_ZONES), list(TIME_ZONES.values()), k=len(ids))
    opened = [f"{rng.randint(1975, 2015)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}" for _ in ids]
    database.execute(_STORES, {"ids": ids, "zones": zones, "opened": opened})
    database.execute(_PRODUCTS, {"source": str(data("products"))})


_STORE_IDS = "SELECT DISTINCT store_id::VARCHAR AS id FROM read_parquet(?) ORDER BY id"

_STORES = f"""
CREATE TABLE dim_stores AS
SELECT unnest($ids::VARCHAR[]) AS store_id, 'Store ' || store_id AS name, unnest($zones::VARCHAR[]) AS time_zone,
       '{CURRENCY}' AS currency, {FIRST_GENERATION}::INTEGER AS key_generation, unnest($opened::DATE[]) AS opened
ORDER BY store_id
"""

_PRODUCTS = """
CREATE TABLE dim_products AS
SELECT product_id::VARCHAR AS sku, coalesce(product_type, product_category, department) AS name, department,
       product_category AS category, brand, package_size, manufacturer_id::VARCHAR AS manufacturer_id
FROM read_parquet($source) ORDER BY sku
"""
