"""Do the objects of a table and its log agree? By listing the one and reading the other."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from deltalake import DeltaTable

from lake import names
from lake.objects import ObjectInfo, ObjectStore
from lake.status import Committed
from lake.tables import DeltaTables

# Whoever writes objects commits them sooner than this, or was killed.
BEING_WRITTEN = timedelta(minutes=15)


@dataclass(frozen=True)
class Inventory:
    """`unlogged`: no log names them and nobody is about to. `missing`: the log names them, they are not there.
    `altered`: their size is not the one of the log. All are paths within the table.
    """

    table: str
    objects: int
    size: int
    unlogged: tuple[str, ...]
    missing: tuple[str, ...]
    altered: tuple[str, ...]


def take(
    tables: DeltaTables, name: str, is_pending: Callable[[names.ObjectName], bool], now: datetime | None = None
) -> Inventory:
    """Compare the objects of a table with its log.

    `is_pending` says whether an object of this name can belong to a batch that is not committed yet. Objects are listed
    first: what is committed meanwhile is then in the log that is read after.
    """
    now = now or datetime.now(UTC)
    found = _listed(tables.store, name)
    table = tables.table(name)
    logged = _logged(table)
    removed = set(table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False))
    unlogged = [
        path
        for path, info in found.items()
        if path not in logged and path not in removed and not _pending(path, info, is_pending, now)
    ]
    # Committed and written since the listing, or gone.
    missing = [path for path in logged if path not in found and not tables.store.exists(f"{name}/{path}")]
    altered = [path for path, info in found.items() if path in logged and info.size != logged[path]]
    return Inventory(
        table=name,
        objects=len(logged),
        size=sum(logged.values()),
        unlogged=tuple(sorted(unlogged)),
        missing=tuple(sorted(missing)),
        altered=tuple(sorted(altered)),
    )


def pending_behind(claims: Iterable[Committed]) -> Callable[[names.ObjectName], bool]:
    """Whether an object has offsets behind the committed end of its feed."""
    ends = {(claim.topic_id, partition): end for claim in claims for partition, end in claim.end_offsets.items()}
    return lambda name: name.last >= ends.get((name.topic_id, name.partition), 0)


def _listed(store: ObjectStore, name: str) -> dict[str, ObjectInfo]:
    prefix = f"{name}/"
    objects = ((info.key.removeprefix(prefix), info) for info in store.list(prefix))
    return {path: info for path, info in objects if not path.startswith("_delta_log/")}


def _logged(table: DeltaTable) -> dict[str, int]:
    """Size by path of what the newest version consists of."""
    actions = pa.table(table.get_add_actions())
    return dict(zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True))


def _pending(path: str, info: ObjectInfo, is_pending: Callable[[names.ObjectName], bool], now: datetime) -> bool:
    if name := names.parse(path):
        return is_pending(name)
    return info.modified > now - BEING_WRITTEN
