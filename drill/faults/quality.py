"""Is the lake right, and does anybody ask? A receipt that never came, an object that is gone, no judgement."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from drill.registers import RECEIPT, RECEIPTS, TOTALS, total_of
from drill.scene import Scene

# Its store's cut-off has passed.
DAYS_AGO = timedelta(days=3)
RECONCILE, COMPACT = "reconcile_day", "compact_lake"


@contextmanager
def receipt_lost(scene: Scene) -> Iterator[None]:
    """A till counted two receipts, and one of them has come. It comes after all, late."""
    store_id = scene.stores.others[7]
    at = datetime.now(UTC) - DAYS_AGO
    receipts = scene.stores.register(store_id, RECEIPTS, "7")
    totals = scene.stores.register(store_id, TOTALS, "7", receipts.epoch)
    came, missing = (receipts.message({**RECEIPT, "receipt_no": number}, at) for number in ("1", "2"))
    scene.stores.send(store_id, [came, totals.message(total_of(2), at)])
    try:
        scene.await_in_lake(RECEIPTS, TOTALS)
        scene.run_dag(RECONCILE)
        yield
    finally:
        scene.stores.send(store_id, [missing])
        scene.await_in_lake(RECEIPTS)
        scene.run_dag(RECONCILE)


@contextmanager
def object_gone(scene: Scene) -> Iterator[None]:
    """Somebody removes an object of a table. Validation says so, and so does the DAG that would join objects. It is put
    back from the bucket's versions.
    """
    _send_total(scene)
    (key, *_) = sorted(each.key for each in scene.lake.list("control_totals/dt=") if each.key.endswith(".parquet"))
    body = scene.lake.get(key)
    scene.lake.delete(key)
    try:
        scene.validate(TOTALS, "--everything")
        scene.run_dag(COMPACT)
        yield
    finally:
        scene.lake.put(key, body)
        scene.validate(TOTALS, "--everything")


@contextmanager
def nobody_validates(scene: Scene) -> Iterator[None]:
    """What has come in since was judged hours ago."""
    _send_total(scene)
    scene.validate(TOTALS, f"--now={datetime.now(UTC) - timedelta(hours=4):%Y-%m-%dT%H:%M:%SZ}")
    try:
        yield
    finally:
        _send_total(scene)
        scene.validate(TOTALS)


def _send_total(scene: Scene) -> None:
    store_id = scene.stores.others[8]
    scene.stores.send(store_id, [scene.stores.register(store_id, TOTALS, "8").message(total_of(0))])
    scene.await_in_lake(TOTALS)
