"""Which hours did the commits of a table touch?"""

import json
from collections.abc import Iterable

from jobs.delta_reader import Hour
from lake.changes import changed_hours


def touched_hours(commits: Iterable[bytes]) -> set[Hour]:
    """The hours whose rows these commits (files of the Delta log) changed; compaction changes none."""
    return {Hour(dt, hour) for dt, hour in changed_hours(commits)}


def hours_outside_batches(commits: Iterable[bytes]) -> set[Hour]:
    """As `touched_hours`, of the commits that carry no batch of a stream."""
    return touched_hours(commit for commit in commits if not _is_of_a_batch(commit))


def _is_of_a_batch(commit: bytes) -> bool:
    return any("txn" in json.loads(line) for line in commit.splitlines())
