"""Do the objects of a table and its log agree? By listing the one and reading the other."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

import pyarrow as pa
from deltalake import DeltaTable

from lake import names
from lake.objects import ObjectInfo, ObjectStore
from lake.status import Committed, undone
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


@dataclass(frozen=True)
class Pending:
    """What can belong to a batch that is not committed yet. `ends` are the committed ends of feeds by topic id and
    partition; `decided` are keys: those of a redrive hold offsets before such an end.
    """

    ends: Mapping[tuple[str, int], int]
    decided: frozenset[str]

    @classmethod
    def of(cls, store: ObjectStore, claims: Collection[Committed]) -> Self:
        return cls(
            {(claim.topic_id, partition): end for claim in claims for partition, end in claim.end_offsets.items()},
            frozenset(
                f"{table}/{each.path}"
                for claim in claims
                for manifest in undone(store, claim)
                for table, objects in manifest.objects.items()
                for each in objects
            ),
        )

    def holds(self, info: ObjectInfo, now: datetime) -> bool:
        if info.key in self.decided:
            return True
        if name := names.parse(info.key):
            return name.last >= self.ends.get((name.topic_id, name.partition), 0)
        return info.modified > now - BEING_WRITTEN


def take(tables: DeltaTables, name: str, pending: Pending, now: datetime | None = None) -> Inventory:
    """Compare the objects of a table with its log. Objects are listed
    first: what is committed meanwhile is then in the log that is read after.
    """
    now = now or datetime.now(UTC)
    found = _listed(tables.store, name)
    table = tables.table(name)
    known = logged(table)
    removed = set(table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False))
    unlogged = [
        path
        for path, info in found.items()
        if path not in known and path not in removed and not pending.holds(info, now)
    ]
    # Committed and written since the listing, or gone.
    missing = [path for path in known if path not in found and not tables.store.exists(f"{name}/{path}")]
    altered = [path for path, info in found.items() if path in known and info.size != known[path]]
    return Inventory(
        table=name,
        objects=len(known),
        size=sum(known.values()),
        unlogged=tuple(sorted(unlogged)),
        missing=tuple(sorted(missing)),
        altered=tuple(sorted(altered)),
    )


def _listed(store: ObjectStore, name: str) -> dict[str, ObjectInfo]:
    prefix = f"{name}/"
    objects = ((info.key.removeprefix(prefix), info) for info in store.list(prefix))
    return {path: info for path, info in objects if not path.startswith("_delta_log/")}


def logged(table: DeltaTable) -> dict[str, int]:
    """Size by path of what the newest version consists of."""
    actions = pa.table(table.get_add_actions())
    return dict(zip(actions["path"].to_pylist(), actions["size_bytes"].to_pylist(), strict=True))
