"""Finding single messages again: the spelling of a place in Kafka, and the batch that an offset went through."""

import re
from dataclasses import dataclass
from typing import Self

from lake.errors import LakeError
from lake.manifests import BatchManifest, load_manifest
from lake.names import batch_of, manifest_key
from lake.objects import ObjectStore
from lake.status import Committed

_PLACE = re.compile(r"(?P<topic>[A-Za-z0-9._-]+):(?P<partition>\d+):(?P<offset>\d+)")


@dataclass(frozen=True, order=True)
class Place:
    """One message in Kafka, spelled `topic:partition:offset`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raise LakeError where the text is no place."""
        if not (match := _PLACE.fullmatch(text)):
            raise LakeError(f"{text!r} is not topic:partition:offset, as pos.receipts.v1:3:1204 is.")
        return cls(match["topic"], int(match["partition"]), int(match["offset"]))


def find_batch(
    store: ObjectStore, claim: Committed, topic_id: str, partition: int, offset: int
) -> BatchManifest | None:
    """The committed batch that an offset went through, or None. Halves its way through each generation's batches."""
    key = claim.manifest_key
    while key:
        feed, generation, newest = batch_of(key)
        first = load_manifest(store, manifest_key(feed, generation, 0))
        if first is None:
            return None
        if first.topic_id == topic_id and first.range_of(partition).start <= offset:
            return _halve(store, feed, generation, (0, newest), (partition, offset))
        key = first.previous
    return None


def _halve(
    store: ObjectStore, feed: str, generation: int, batches: tuple[int, int], place: tuple[int, int]
) -> BatchManifest | None:
    low, high = batches
    partition, offset = place
    while low <= high:
        middle = (low + high) // 2
        manifest = load_manifest(store, manifest_key(feed, generation, middle))
        if manifest is None:
            return None
        held = manifest.range_of(partition)
        if held.start <= offset < held.end:
            return manifest
        low, high = (low, middle - 1) if offset < held.start else (middle + 1, high)
    return None
