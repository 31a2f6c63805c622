"""Which hours did the commits of a table touch?"""

import json
from collections.abc import Iterable
from datetime import date

from jobs.delta_reader import Hour


def touched_hours(commits: Iterable[bytes]) -> set[Hour]:
    """The hours whose rows these commits (files of the Delta log) changed.

    What only moves rows between objects, as compaction does, changes none.
    """
    hours = set()
    for commit in commits:
        for line in commit.splitlines():
            action = json.loads(line)
            change = action.get("add") or action.get("remove")
            if change and change["dataChange"]:
                hours.add(_hour(change))
    return hours


def _hour(change: dict[str, dict[str, str]]) -> Hour:
    values = change["partitionValues"]
    return Hour(date.fromisoformat(values["dt"]), int(values["hour"]))
