"""What the commits of a table changed, read from its log."""

import json
from collections.abc import Iterable
from datetime import date

from lake.errors import ObjectMissing
from lake.tables import DeltaTables


def changed_hours(commits: Iterable[bytes]) -> set[tuple[date, int]]:
    """The partitions (dt, hour) whose rows these commits (files of the Delta log) changed.

    What only moves rows between objects, as compaction does, changes none.
    """
    hours = set()
    for commit in commits:
        for line in commit.splitlines():
            action = json.loads(line)
            change = action.get("add") or action.get("remove")
            if change and change["dataChange"]:
                values = change["partitionValues"]
                hours.add((date.fromisoformat(values["dt"]), int(values["hour"])))
    return hours


def changed_since(tables: DeltaTables, name: str, version: int, until: int) -> set[tuple[date, int]] | None:
    """The partitions that the commits after `version`, up to `until`, changed; None where the log of then is gone."""
    try:
        return changed_hours(
            tables.store.get(f"{name}/_delta_log/{each:020d}.json") for each in range(version + 1, until + 1)
        )
    except ObjectMissing:
        return None
