"""Which offsets have been let go: what proves the rest must know that their rows are gone on purpose.

One small object a feed, `_expired/<feed>.json`: by topic id and partition the spans of offsets whose rows a retention
removed. It is written before the rows go, so that no moment looks like a loss.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lake.errors import ObjectMissing
from lake.objects import ObjectStore

Numbers = npt.NDArray[np.int64]
Spans = Sequence[tuple[int, int]]
PREFIX = "_expired"


@dataclass(frozen=True)
class Expired:
    """By topic id and partition: spans of offsets, both ends included, ascending and apart."""

    spans: Mapping[str, Mapping[int, Spans]] = field(default_factory=dict)

    def of(self, topic_id: str, partition: int) -> Spans:
        return self.spans.get(topic_id, {}).get(partition, ())

    def with_offsets(self, topic_id: str, partition: int, offsets: Numbers) -> "Expired":
        """These offsets as well."""
        merged = _merged([*self.of(topic_id, partition), *_spans(np.unique(offsets))])
        of_topic = {**self.spans.get(topic_id, {}), partition: merged}
        return Expired({**self.spans, topic_id: of_topic})


def key(feed: str) -> str:
    return f"{PREFIX}/{feed}.json"


def load(store: ObjectStore, feed: str) -> Expired:
    """What has been let go of a feed; nothing where there is no such object."""
    try:
        found = json.loads(store.get(key(feed)))
    except ObjectMissing:
        return Expired()
    return Expired(
        {
            topic_id: {int(number): [(first, last) for first, last in spans] for number, spans in partitions.items()}
            for topic_id, partitions in found.items()
        }
    )


def save(store: ObjectStore, feed: str, expired: Expired) -> None:
    """Replace the object of a feed. Spans are only ever added, and one clean-up runs at a time."""
    store.put(key(feed), json.dumps(expired.spans, separators=(",", ":")).encode())


def _spans(offsets: Numbers) -> list[tuple[int, int]]:
    if not len(offsets):
        return []
    starts = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 2) > 1)
    ends = np.append(starts[1:], len(offsets)) - 1
    return list(zip(offsets[starts].tolist(), offsets[ends].tolist(), strict=True))


def _merged(spans: Spans) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
