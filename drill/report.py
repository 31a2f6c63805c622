"""The table of a drill, for people and for programs."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from drill.runner import Outcome
from drill.story import Row, Story


def table(stories: Sequence[Story]) -> Table:
    made = Table("alert", "told", "injected", "fired", "notified", "resolved", "held back", box=None, pad_edge=False)
    for story in stories:
        for row in story.rows:
            colour = "[red]" if story.problems else ""
            made.add_row(
                f"{colour}{row.alert}",
                ", ".join(sorted(row.receivers)),
                f"{story.fault.told}{' (stand-in)' if story.fault.stand_in else ''}",
                *map(_seconds, (row.fired_seconds, row.notified_seconds, row.resolved_seconds)),
                ", ".join(sorted(story.held_back)),
            )
    return made


def data(outcome: Outcome) -> dict[str, Any]:
    return {
        "alerts": [_row(story, row) for story in outcome.stories for row in story.rows],
        "strangers": sorted(each.alert for each in outcome.strangers),
        "excused": list(outcome.excused),
    }


def _row(story: Story, row: Row) -> dict[str, Any]:
    return {
        "alert": row.alert.name,
        "labels": dict(row.alert.labels),
        "injected": story.fault.told,
        "stand_in": story.fault.stand_in,
        "severity": row.severity,
        "receivers": sorted(row.receivers),
        "fired_seconds": row.fired_seconds,
        "notified_seconds": row.notified_seconds,
        "resolved_seconds": row.resolved_seconds,
        "held_back": sorted(story.held_back),
        "problems": story.problems,
    }


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.0f} s"
