"""Which hours did the commits of a table touch?"""

from collections.abc import Iterable

from jobs.delta_reader import Hour
from lake.changes import changed_hours


def touched_hours(commits: Iterable[bytes]) -> set[Hour]:
    """The hours whose rows these commits (files of the Delta log) changed; compaction changes none."""
    return {Hour(dt, hour) for dt, hour in changed_hours(commits)}
