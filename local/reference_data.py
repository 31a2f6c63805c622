"""The workload `reference-data`: writes the dimensions that the streams read.

    python -m local.reference_data DIRECTORY    holds dim_stores.parquet and dim_products.parquet

On AWS a retailer's own systems write these two tables, under the same role.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq
from deltalake import write_deltalake

from lake.objects import ObjectStore
from lake.settings import LakeSettings

TABLES = ("dim_stores", "dim_products")


def main(directory: Path) -> None:
    """Replace the rows of both tables, each in one commit."""
    store = ObjectStore(LakeSettings.from_env().lake_uri)
    for name in TABLES:
        write_deltalake(
            f"{store.uri}/{name}",
            pq.read_table(directory / f"{name}.parquet"),
            mode="overwrite",
            storage_options=store.storage_options(),
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
