"""What Terraform reads from the contracts is what the jobs make of them."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import contracts
from jobs.rollup.sales_per_minute import DEFINITION as CURATED
from lake.tables import TableDefinition, definitions
from quality.validation import ledger
from stores.fleet import dimension
from stores.fleet.workspace import connect

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
MODULE = ROOT / "terraform" / "modules" / "contracts"
HIVE = {
    pa.string(): "string",
    pa.int64(): "bigint",
    pa.int32(): "int",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.binary(): "binary",
    pa.date32(): "date",
    pa.timestamp("us", tz="UTC"): "timestamp",
}


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Every table by name, as module `contracts` gives it to Glue, to the policies and to the lifecycle rules."""
    data = tmp_path_factory.mktemp("terraform")
    environment = {**os.environ, "TF_DATA_DIR": str(data), "CHECKPOINT_DISABLE": "1"}
    terraform = ["terraform", f"-chdir={MODULE}"]
    subprocess.run([*terraform, "init", "-no-color"], env=environment, check=True, capture_output=True)
    asked = subprocess.run(
        [*terraform, "console", f"-var=directory={ROOT / 'contracts'}"],
        input="jsonencode(merge(local.feed_tables, local.shared_tables))",
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    tables: Mapping[str, Any] = json.loads(json.loads(asked.stdout.strip().splitlines()[-1]))
    return tables


def test_tables_are_those_of_the_jobs(catalog: Mapping[str, Any]):
    """Each table of the catalog has the columns, types and partitions that its writer gives it, and none is missing."""
    with connect(1) as database:
        dimension.load(database, 1)
        dimensions = [
            TableDefinition(name, database.table(name).to_arrow_table().schema, ())
            for name in ("dim_stores", "dim_products")
        ]
    made = [*definitions(contracts.load().values()), CURATED, *dimensions, ledger.PARTITIONS, ledger.RESULTS]
    assert sorted(catalog) == sorted(each.name for each in made)
    for table in made:
        columns = [(column["name"], column["type"]) for column in catalog[table.name]["columns"]]
        assert columns == [(each.name, _hive(each.type)) for each in table.schema], table.name
        assert catalog[table.name]["partition_columns"] == list(table.partition_columns)


def _hive(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"array<{_hive(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{_hive(field.type)}' for field in kind)}>"
    return HIVE[kind]
