"""The write-ahead record of each batch, and the generation of a stream.

A batch is decided once: its manifest is put before anything is committed, and whoever finds one adopts it. The
manifests of a feed are a chain, from which the sequence state is rebuilt: back to the last snapshot, then forward.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from lake.errors import Fenced, LakeError, ObjectExists, ObjectMissing
from lake.names import application_id, batch_of, generation_key, manifest_key, snapshot_key
from lake.objects import ObjectStore
from lake.sequences import Intervals, SeqState, merge

SNAPSHOT_EVERY = 100
"""So many batches at most are read back to rebuild the state."""

_SEAL = b'{"sealed": true}'


@dataclass(frozen=True)
class DataObject:
    """One Parquet object. `path` is relative to its table; `stats` is Delta's own form (numRecords, minValues, …)."""

    path: str
    size: int
    rows: int
    partition_values: Mapping[str, str]
    stats: Mapping[str, Any]


@dataclass(frozen=True)
class OffsetRange:
    """The offsets of one partition in a batch: `start` included, `end` not. Equal where the batch has none of it."""

    partition: int
    start: int
    end: int


@dataclass(frozen=True)
class BatchManifest:
    """Everything a batch adds. `ranges` names every partition of the topic, so the last manifest knows where all are.

    `writer` is drawn by each driver, so that two drivers never write equal manifests. `previous` is the key of the
    manifest before (None for the first batch of a feed), also across generations; `snapshot` the key of the sequence
    state after this batch, where there is one. `counts` has rows by table and quarantined by reason, as the job
    likes; `batch_time` is ISO 8601 UTC.
    """

    feed: str
    generation: int
    batch: int
    topic: str
    topic_id: str
    ranges: tuple[OffsetRange, ...]
    objects: Mapping[str, tuple[DataObject, ...]]
    sequences: Intervals
    previous: str | None
    snapshot: str | None
    counts: Mapping[str, int]
    batch_time: str
    writer: str
    job_version: str
    contract_version: str

    @property
    def key(self) -> str:
        return manifest_key(self.feed, self.generation, self.batch)

    @property
    def application_id(self) -> str:
        return application_id(self.feed, self.generation)

    @property
    def previous_batch(self) -> int | None:
        """The batch before this one in its generation, or None for the first."""
        if self.previous is None:
            return None
        _, generation, batch = batch_of(self.previous)
        return batch if generation == self.generation else None

    @property
    def end_offsets(self) -> dict[int, int]:
        """By partition, the first offset that is not yet in the lake."""
        return {each.partition: each.end for each in self.ranges}

    def range_of(self, partition: int) -> OffsetRange:
        return next(each for each in self.ranges if each.partition == partition)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Raise LakeError where the object is no manifest."""
        try:
            fields = json.loads(body)
            fields["ranges"] = tuple(OffsetRange(**each) for each in fields["ranges"])
            fields["objects"] = {
                table: tuple(DataObject(**each) for each in objects) for table, objects in fields["objects"].items()
            }
            fields["sequences"] = {register: tuple(bounds) for register, bounds in fields["sequences"].items()}
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LakeError(f"A batch manifest cannot be read: {error!r}. Nothing was changed.") from error


@dataclass(frozen=True)
class Generation:
    """One life of a stream's checkpoint. A rebuilt stream gets the next number and starts where the last one ended."""

    feed: str
    generation: int
    topic: str
    topic_id: str
    partitions: int
    starting_offsets: Mapping[int, int] = field(default_factory=dict)
    previous_manifest: str | None = None

    @property
    def application_id(self) -> str:
        return application_id(self.feed, self.generation)

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Raise LakeError where the object is no generation."""
        try:
            fields = json.loads(body)
            fields["starting_offsets"] = {int(key): offset for key, offset in fields["starting_offsets"].items()}
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise LakeError(
                f"The pointer to a feed's generation cannot be read: {error!r}. Nothing was changed."
            ) from error


def put_manifest(store: ObjectStore, manifest: BatchManifest) -> None:
    """Write a batch down before it is committed. Raise Fenced where another driver has decided it already."""
    try:
        store.put_new(manifest.key, manifest.to_json())
    except ObjectExists as error:
        raise Fenced(
            f"Batch {manifest.batch} of {manifest.application_id} was decided by another driver: {store.uri}/"
            f"{manifest.key} exists. This driver stops; its objects are in no log. See `tillstream status`."
        ) from error


def load_manifest(store: ObjectStore, key: str) -> BatchManifest | None:
    """The manifest, or None where that batch was not decided yet. Raise Fenced where the generation ends there."""
    try:
        body = store.get(key)
    except ObjectMissing:
        return None
    if body == _SEAL:
        raise Fenced(
            f"{store.uri}/{key} seals its generation: a rebuild ended it. If the stream is not at the next generation, "
            "that rebuild was interrupted; run it again: tillstream streams rebuild FEED"
        )
    return BatchManifest.from_json(body)


def seal(store: ObjectStore, feed: str, generation: int, batch: int) -> bool:
    """Take the place of a generation's next manifest, so that no driver can decide that batch or a later one.

    Return False where that batch is decided already. A seal found in place counts as one's own.
    """
    key = manifest_key(feed, generation, batch)
    try:
        store.put_new(key, _SEAL)
    except ObjectExists:
        return store.get(key) == _SEAL
    return True


def put_snapshot(store: ObjectStore, feed: str, generation: int, batch: int, state: SeqState) -> str:
    """Write the state after a batch, before its manifest names it; return its key.

    The key ends in the hash of the state: a driver that is fenced off right after cannot have replaced the state that
    the other one's manifest names.
    """
    body = state.encode()
    key = snapshot_key(feed, generation, batch, body)
    store.put(key, body)
    return key


def load_state(store: ObjectStore, key: str | None) -> SeqState:
    """The sequence state after the batch of this manifest: back to a snapshot (or the first batch), then forward.

    Raise LakeError where the chain is broken: the state must never be guessed.
    """
    deltas: list[Intervals] = []
    state = SeqState()
    while key:
        manifest = load_manifest(store, key)
        if manifest is None:
            raise LakeError(
                f"The chain of batches is broken: {store.uri}/{key} is missing. Nothing was changed. Restore that "
                "object from its bucket's versions; without it, duplicates cannot be told from new events."
            )
        if manifest.snapshot:
            state = SeqState.decode(store.get(manifest.snapshot))
            break
        deltas.append(manifest.sequences)
        key = manifest.previous
    return state.with_delta(merge(deltas))


def load_generation(store: ObjectStore, feed: str) -> Generation | None:
    """The feed's current generation, or None where it was never ingested."""
    try:
        return Generation.from_json(store.get(generation_key(feed)))
    except ObjectMissing:
        return None


def begin_generation(store: ObjectStore, generation: Generation) -> None:
    """Point the feed to a new generation, the first one or the one after the current. Raise Fenced otherwise."""
    key = generation_key(generation.feed)
    try:
        if generation.generation == 1:
            store.put_new(key, generation.to_json())
        else:
            current = store.get_versioned(key)
            _refuse_leap(Generation.from_json(current.body), generation)
            store.replace(key, generation.to_json(), current.etag)
    except (ObjectExists, ObjectMissing) as error:
        raise _not_begun(generation, str(error)) from error


def _refuse_leap(current: Generation, following: Generation) -> None:
    if current.generation != following.generation - 1:
        raise _not_begun(following, f"It is at generation {current.generation}.")


def _not_begun(generation: Generation, reason: str) -> Fenced:
    return Fenced(
        f"Generation {generation.generation} of {generation.feed} cannot begin: {reason} Nothing was changed; see "
        "`tillstream status`, then start the stream or rebuild it again."
    )
