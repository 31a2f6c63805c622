"""Who watches: the exporter killed, blind, and Alertmanager gone."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.registers import TOTALS
from drill.scene import Scene

LEDGER = "quality_results/_delta_log"


@contextmanager
def exporter_killed(scene: Scene) -> Iterator[None]:
    exporter = scene.exporter
    exporter.kill()
    try:
        yield
    finally:
        exporter.start()


@contextmanager
def ledger_damaged(scene: Scene) -> Iterator[None]:
    """Somebody has written into the log of the quality ledger, which the exporter then cannot read."""
    scene.validate(TOTALS)
    newest = max(each.key for each in scene.lake.list(f"{LEDGER}/") if each.key.endswith(".json"))
    following = f"{LEDGER}/{int(newest.rpartition('/')[2].removesuffix('.json')) + 1:020}.json"
    scene.lake.put(following, b"not a commit")
    try:
        yield
    finally:
        scene.lake.delete(following)


@contextmanager
def alertmanager_gone(scene: Scene) -> Iterator[None]:
    alertmanager = scene.monitoring.alertmanager
    alertmanager.stop()
    try:
        yield
    finally:
        alertmanager.start()
