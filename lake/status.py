"""How far a feed has come: the parent table's transaction names the manifest, the manifest the offsets."""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts import Contract
from lake.errors import Fenced, LakeError
from lake.manifests import BatchManifest, Generation, load_generation, load_manifest
from lake.names import manifest_key
from lake.objects import ObjectStore
from lake.tables import DeltaTables


@dataclass(frozen=True)
class Committed:
    """`batch` is None where the generation has committed nothing yet: then it stands at its starting offsets.

    `end_offsets`: by partition, the first offset that is not in the lake. `manifest_key` is the newest committed
    manifest, of this generation or of the one before; None before the first batch of all.
    """

    feed: str
    generation: int
    batch: int | None
    topic: str
    topic_id: str
    partitions: int
    end_offsets: Mapping[int, int]
    manifest_key: str | None
    manifest: BatchManifest | None
    current: Generation


@dataclass(frozen=True)
class Era:
    """The offsets of one topic that a feed has ingested: from `start` to `end`, by partition, the end not included."""

    topic_id: str
    start: Mapping[int, int]
    end: Mapping[int, int]


def committed(tables: DeltaTables, contract: Contract) -> Committed | None:
    """What the lake says of the feed, or None where it was never ingested.

    Raise LakeError where the log names a batch whose manifest is missing.
    """
    generation = load_generation(tables.store, contract.feed)
    if generation is None:
        return None
    batch = tables.table(contract.parent.name).transaction_version(generation.application_id)
    key = generation.previous_manifest
    manifest = None
    if batch is not None:
        key = manifest_key(contract.feed, generation.generation, batch)
        manifest = load_manifest(tables.store, key)
        if manifest is None:
            raise LakeError(
                f"{contract.parent.name} has batch {batch} of {generation.application_id}, but its manifest "
                f"{tables.store.uri}/{key} is missing. Nothing was changed; restore it from its bucket's versions."
            )
    return Committed(
        feed=contract.feed,
        generation=generation.generation,
        batch=batch,
        topic=generation.topic,
        topic_id=generation.topic_id,
        partitions=generation.partitions,
        end_offsets=manifest.end_offsets if manifest else dict(generation.starting_offsets),
        manifest_key=key,
        manifest=manifest,
        current=generation,
    )


def undone(store: ObjectStore, claim: Committed) -> list[BatchManifest]:
    """The batches of the feed that are decided and not committed, in order: a driver or a redrive that was killed may
    have left one, and whoever comes next commits it.
    """
    found: list[BatchManifest] = []
    batch = 0 if claim.batch is None else claim.batch + 1
    while manifest := decided(store, manifest_key(claim.feed, claim.generation, batch + len(found))):
        found.append(manifest)
    return found


def decided(store: ObjectStore, key: str) -> BatchManifest | None:
    """The manifest of this key; None where there is none, or a seal in its place."""
    try:
        return load_manifest(store, key)
    except Fenced:
        return None


def eras(store: ObjectStore, claim: Committed) -> list[Era]:
    """What the feed has ever ingested, newest first: one era, unless its topic was deleted and made again."""
    found = [Era(claim.topic_id, claim.current.starting_offsets, claim.end_offsets)]
    key = claim.current.previous_manifest
    while key:
        last = _chained(store, key)
        first = _chained(store, manifest_key(claim.feed, last.generation, 0))
        start = {each.partition: each.start for each in first.ranges}
        if last.topic_id == found[-1].topic_id:
            found[-1] = Era(last.topic_id, start, found[-1].end)
        else:
            found.append(Era(last.topic_id, start, last.end_offsets))
        key = first.previous
    return found


def _chained(store: ObjectStore, key: str) -> BatchManifest:
    manifest = load_manifest(store, key)
    if manifest is None:
        raise LakeError(f"{store.uri}/{key} is missing: restore it from its bucket's versions. Nothing was changed.")
    return manifest
