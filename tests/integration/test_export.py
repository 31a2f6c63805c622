"""Deliveries as the Spark application makes them on the emulated AWS: complete or absent, and never twice."""

import csv
import hashlib
import io
from datetime import time
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import orc

import contracts
from jobs.export.delivery import MANIFEST, Manifest, Order, newest, orders
from tests.support.lake_rows import DAY, ControlTotal, Receipt, day_of_receipts, receipt_tables, total_tables
from tests.support.scratch_lake import ScratchLake

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

RUNG_UP = (*day_of_receipts(20, at=time(9)), *day_of_receipts(5, register_id="2", at=time(18), partition=1))
# Kills the driver and its JVM when all objects of the first delivery are written and its manifest is not.
KILLER = """
import os, signal, sys
from jobs.export import __main__ as application
from lake.objects import ObjectStore

ObjectStore.put_new = lambda *arguments: os.killpg(os.getpgid(0), signal.SIGKILL)
sys.exit(application.main())
"""


def ordered() -> dict[str, Order]:
    return {order.name: order for order in orders(contracts.load().values())}


def content(lake: ScratchLake, order: Order, manifest: Manifest) -> list[bytes]:
    """The objects that the manifest names. Raises where one is not what it says."""
    folder = order.folder(DAY, manifest.version)
    found = [lake.store.get(f"{folder}/{part.name}") for part in manifest.parts]
    for part, body in zip(manifest.parts, found, strict=True):
        assert (part.size_bytes, part.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    return found


def test_a_delivery_is_complete_or_absent(scratch_lake: ScratchLake, tmp_path: Path):
    """Killed before its manifest a delivery does not exist; run again it is whole; run once more nothing is added,
    unless rows have changed, be it only those of a child table.
    """
    for name, rows in (receipt_tables(RUNG_UP) | total_tables([ControlTotal(RUNG_UP[:20])])).items():
        scratch_lake.append(name, rows)
    # Lines whose receipt is not committed yet are nobody's yet.
    scratch_lake.append("receipt_lines", receipt_tables([Receipt(99, at=time(9))])["receipt_lines"])

    script = tmp_path / "killer.py"
    script.write_text(KILLER)
    killed = scratch_lake.submit("export", f"--business-date={DAY}", script=script)
    assert killed.wait() == -9, killed.said()
    half = {info.key for info in scratch_lake.store.list("exports/")}
    assert half
    assert not any(key.endswith(MANIFEST) for key in half)
    assert [newest(scratch_lake.store, order) for order in ordered().values()] == [{}, {}]

    first = scratch_lake.submit("export", f"--business-date={DAY}")
    assert first.wait() == 0, first.said()
    delivered = {info.key for info in scratch_lake.store.list("exports/")}
    assert half < delivered, "the objects of the killed run are those of the next"

    lines = ordered()["receipt_lines.orc"]
    manifest = newest(scratch_lake.store, lines)[DAY]
    rows = pa.concat_tables([orc.read_table(io.BytesIO(body)) for body in content(scratch_lake, lines, manifest)])
    expected = {(line["event_id"], line["line_no"], line["amount"]) for receipt in RUNG_UP for line in receipt.lines()}
    assert {(row["event_id"], row["line_no"], row["amount"]) for row in rows.to_pylist()} == expected
    assert rows.num_rows == manifest.rows == len(expected)
    assert rows.column_names == [column["name"] for column in manifest.columns]

    totals_order = ordered()["control_totals.csv"]
    manifest = newest(scratch_lake.store, totals_order)[DAY]
    [body] = content(scratch_lake, totals_order, manifest)
    [row] = csv.DictReader(io.StringIO(body.decode()))
    assert (row["store_id"], row["total"]) == ("330", str(sum(receipt.total for receipt in RUNG_UP[:20])))

    again = scratch_lake.submit("export", f"--business-date={DAY}")
    assert again.wait() == 0, again.said()
    assert {info.key for info in scratch_lake.store.list("exports/")} == delivered

    # As a replay does that makes lines anew and finds their receipts as they should be.
    before, kept = (newest(scratch_lake.store, each)[DAY] for each in (lines, totals_order))
    scratch_lake.tables.table("receipt_lines").update(updates={"quantity": "7"}, predicate="line_no = 1")
    changed = scratch_lake.submit("export", f"--business-date={DAY}")
    assert changed.wait() == 0, changed.said()
    manifest = newest(scratch_lake.store, lines)[DAY]
    assert (manifest.version > before.version, manifest.rows) == (True, before.rows)
    quantities = [
        orc.read_table(io.BytesIO(body), columns=["quantity"])["quantity"].to_pylist()
        for body in content(scratch_lake, lines, manifest)
    ]
    assert sum(each.count(7) for each in quantities) == len(RUNG_UP)
    assert newest(scratch_lake.store, totals_order)[DAY] == kept
