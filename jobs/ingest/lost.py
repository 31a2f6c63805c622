"""Offsets that the lake lacks and Kafka no longer has: its retention was faster than the stream."""

from collections.abc import Mapping

from jobs.errors import OffsetsLost
from lake.accounting import Span

Lost = Mapping[int, Span]
"""By partition, the offsets that are lost; without partitions that lost none."""


def lost_between(ends: Mapping[int, int], earliest: Mapping[int, int]) -> Lost:
    """What lies between the lake and Kafka: `ends` are the first offsets that the lake lacks, `earliest` the first
    that the topic still has, both by partition.
    """
    return {
        partition: Span(end, earliest[partition] - 1)
        for partition, end in sorted(ends.items())
        if earliest[partition] > end
    }


def named(lost: Lost) -> str:
    return "; ".join(
        f"partition {partition}, offsets {span.first} to {span.last} ({span.last - span.first + 1:,})"
        for partition, span in lost.items()
    )


def refuse_lost(feed: str, topic: str, lost: Lost) -> None:
    """Raise OffsetsLost where any are."""
    if lost:
        raise OffsetsLost(
            f"{topic} no longer has what comes after the tables of {feed}: {named(lost)}. Kafka's retention removed "
            "them before they were ingested. Nothing was changed; the tables are whole up to there. If no backup of "
            "the topic has them, go on after them, and have verify report them as a gap from then on: tillstream "
            f"streams rebuild {feed} --accept-loss"
        )
