"""What `tillstream validate` costs: time and memory over a lake of millions of rows.

    python -m bench.validation [--rows 20000000]

One business date of receipts with nine lines and a tender each, in objects as the stream writes them, in the emulated
S3. The verb runs as a process of its own; its greatest resident memory is the kernel's own figure.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import boto3
import numpy as np
import pyarrow as pa
from deltalake import write_deltalake

import contracts
from lake.objects import ObjectStore
from lake.tables import DeltaTables, definitions
from local.authority import Authority
from local.aws.account import Account

DAY = date(2026, 11, 20)
BUCKET = "bench-validation"
LINES = 9
RECEIPTS_AT_ONCE = 60_000
HOURS = range(12, 24)
STORES = 400


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.validation", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000_000, help="rows in all three tables")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        account = Account(Path(directory) / "aws", Authority.create(Path(directory) / "ca"))
        account.start()
        try:
            _measure(account, Path(directory), arguments.rows // (LINES + 2))
        finally:
            account.stop()


def _measure(account: Account, directory: Path, receipts: int) -> None:
    account.administrator_client().create_bucket(Bucket=BUCKET)
    given = account.workload_environment("arn:aws:iam::000000000000:role/none", directory)
    environment = {name: value for name, value in given.items() if not name.startswith(("AWS_ROLE", "AWS_WEB"))}
    environment |= account.administrator_environment()
    environment |= {"TILLSTREAM_LAKE_URI": f"s3://{BUCKET}", "TILLSTREAM_CHECKPOINTS_URI": f"s3://{BUCKET}-checkpoints"}
    os.environ.update(environment)
    tables = DeltaTables(ObjectStore(f"s3://{BUCKET}", aws=boto3.session.Session()))
    _fill(tables, receipts)
    started = time.monotonic()
    verb = [sys.executable, "-m", "tillstream.cli", "validate", "pos.receipts", "--json"]
    ended = subprocess.run(verb, capture_output=True, text=True, check=False)
    took = time.monotonic() - started
    [feed] = json.loads(ended.stdout)["feeds"]
    rows = sum(table["rows"] for table in feed["tables"])
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    for table in feed["tables"]:
        print(f"{table['table']}: {table['rows']:,} rows, {table['expectations']} expectations, {table['failed']}")
    print(
        f"{rows:,} rows in {took:.0f} s ({took / rows * 1e6:.1f} s and "
        f"{(usage.ru_utime + usage.ru_stime) / rows * 1e6:.1f} CPU-s a million), "
        f"at most {usage.ru_maxrss / 2**20:.2f} GiB resident; exit {ended.returncode}"
    )


def _fill(tables: DeltaTables, receipts: int) -> None:
    for definition in definitions([contracts.load()["pos.receipts"]]):
        tables.ensure(definition)
    stores = pa.table({"store_id": [str(number) for number in range(STORES)]})
    products = pa.table({"sku": [str(number) for number in range(1000)]})
    for name, rows in (("dim_stores", stores), ("dim_products", products)):
        write_deltalake(tables.table_uri(name), rows, storage_options=tables.store.storage_options())
    for first in range(0, receipts, RECEIPTS_AT_ONCE):
        for name, rows in _batch(first, min(RECEIPTS_AT_ONCE, receipts - first)):
            write_deltalake(tables.table(name), rows, mode="append")


def _batch(first: int, count: int) -> Iterator[tuple[str, pa.Table]]:
    """Receipts spread over stores and the hours of the day, children first."""
    numbers = np.arange(first, first + count)
    hour = HOURS.start + numbers % len(HOURS)
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    times = pa.array(
        [midnight + timedelta(hours=int(h), seconds=int(n) % 3600) for h, n in zip(hour, numbers, strict=True)]
    )
    stores = (numbers % STORES).astype(str)
    ids = np.char.add(np.char.add(stores, ":1:0123456789ab:"), (numbers + 1).astype(str))
    common = {
        "kafka_topic_id": pa.array(["AbCdEfGhIjKlMnOpQrStUv"] * count),
        "kafka_partition": pa.array(numbers % 6, pa.int32()),
        "kafka_offset": pa.array(numbers, pa.int64()),
        "event_id": pa.array(ids),
        "store_id": pa.array(stores),
        "register_id": pa.array(["1"] * count),
        "event_time": times,
        "business_date": pa.array([DAY] * count),
        "type": pa.array(["sale"] * count),
        "currency": pa.array(["USD"] * count),
        "dt": pa.array([DAY] * count),
        "hour": pa.array(hour, pa.int32()),
    }
    own = {
        "ordinal": pa.array(np.zeros(count), pa.int32()),
        "kafka_timestamp": times,
        "key_generation": pa.array(np.ones(count), pa.int32()),
        "signature": pa.array([bytes(32)] * count),
        "epoch": pa.array(["0123456789ab"] * count),
        "seq": pa.array(numbers + 1, pa.int64()),
        "schema_version": pa.array(["1.0"] * count),
        "receipt_no": pa.array(numbers.astype(str)),
        "total": pa.array(np.full(count, 100 * LINES), pa.int64()),
    }
    repeated = np.repeat(np.arange(count), LINES)
    line = np.tile(np.arange(LINES), count)
    lines = {name: column.take(pa.array(repeated)) for name, column in common.items()} | {
        "ordinal": pa.array(line, pa.int32()),
        "line_no": pa.array(line + 1, pa.int64()),
        "sku": pa.array(((repeated + line) % 1000).astype(str)),
        "quantity": pa.array(np.ones(len(line)), pa.int64()),
        "amount": pa.array(np.full(len(line), 100), pa.int64()),
    }
    tenders = common | {
        "ordinal": own["ordinal"],
        "tender_no": pa.array(np.ones(count), pa.int64()),
        "tender_type": pa.array(["card"] * count),
        "amount": own["total"],
    }
    for table in contracts.load()["pos.receipts"].tables:
        given = {"receipt_lines": lines, "receipt_tenders": tenders, "receipts": common | own}[table.name]
        schema = table.arrow_schema()
        length = len(given["event_id"])
        yield (
            table.name,
            pa.table([given.get(field.name, pa.nulls(length, field.type)) for field in schema], schema=schema),
        )


if __name__ == "__main__":
    main()
