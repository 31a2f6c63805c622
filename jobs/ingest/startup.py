"""Where a feed goes on: decided by the tables' log, with which Spark's checkpoint must agree.

Spark plans batch N (offsets/N), the driver decides it (manifest N), commits it to the tables, the parent last, and
Spark notes it (commits/N). So at any kill the tables are at Spark's newest noted batch or one further, and Spark has
planned at most one batch that the tables do not have. Everything else has another cause than a kill: refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts import Contract
from jobs.errors import CheckpointDisagrees, CheckpointLost, TopicChanged
from jobs.ingest import checkpoint
from jobs.ingest.checkpoint import Checkpoint
from jobs.ingest.lost import lost_between, refuse_lost
from jobs.ingest.topic import Topics
from lake.errors import LakeError
from lake.manifests import BatchManifest, Generation, begin_generation, load_manifest, load_state
from lake.names import application_id, checkpoints_prefix, manifest_key
from lake.objects import ObjectStore
from lake.sequences import SeqState
from lake.status import Committed, committed
from lake.tables import DeltaTables, definitions
from topics.watermarks import TopicFacts


@dataclass(frozen=True)
class Position:
    """Where a generation stands.

    `batch` is the newest one committed (-1: none), `ends` the first offset not yet in the lake, by partition,
    `manifest_key` the newest manifest. `decided` is the manifest of the batch after `batch`, if a driver died between
    deciding and committing it.
    """

    generation: Generation
    batch: int
    ends: Mapping[int, int]
    manifest_key: str | None
    state: SeqState
    decided: BatchManifest | None


def checkpoint_prefix(feed: str, generation: int) -> str:
    """Below the bucket for checkpoints; ends in a slash."""
    return f"{checkpoints_prefix(feed)}{generation}/"


def prepare(contract: Contract, tables: DeltaTables, checkpoints: ObjectStore, topics: Topics) -> Position:
    """Make what a new feed lacks and find where a known one stands. Raise IngestError or LakeError where going on
    could lose or double a message; nothing is changed then.
    """
    facts = topics.facts(contract.topic.name)
    for definition in definitions([contract]):
        tables.ensure(definition)
    known = committed(tables, contract) or _first(contract, tables, facts, topics)
    refuse_other_topic(known.current, facts, known.end_offsets)
    found = checkpoint.read(checkpoints, checkpoint_prefix(contract.feed, known.generation))
    newest = -1 if known.batch is None else known.batch
    decided = load_manifest(tables.store, manifest_key(contract.feed, known.generation, newest + 1))
    compare(known, found, decided)
    # A decided batch lies in the lake already: it is not read again.
    ends = decided.end_offsets if decided else known.end_offsets
    refuse_lost(contract.feed, known.topic, lost_between(ends, topics.earliest(known.topic, known.partitions)))
    return Position(
        generation=known.current,
        batch=newest,
        ends=known.end_offsets,
        manifest_key=known.manifest_key,
        state=load_state(tables.store, known.manifest_key),
        decided=decided,
    )


def refuse_other_topic(known: Generation, facts: TopicFacts, ends: Mapping[int, int]) -> None:
    """Raise TopicChanged where the topic is not the one the tables were filled from."""
    if facts.topic_id != known.topic_id:
        raise TopicChanged(
            f"{known.topic} was deleted and made again: its id is {facts.topic_id}, the tables hold {known.topic_id} "
            f"up to offsets {dict(ends)}. Nothing was started. What the old topic held beyond them is gone; to "
            f"read the new one from its beginning: tillstream streams rebuild {known.feed} --accept-new-topic"
        )
    if facts.partitions != known.partitions:
        raise TopicChanged(
            f"{known.topic} has {facts.partitions} partitions, the stream began with {known.partitions}. Nothing was "
            "started: stores would change partitions and come out of order. Make a new version of the topic (.v2) with "
            "as many partitions as are wanted and move the stores to it."
        )


def compare(known: Committed, found: Checkpoint, decided: BatchManifest | None) -> None:
    """Raise CheckpointLost or CheckpointDisagrees unless the difference is what a kill can leave."""
    newest = -1 if known.batch is None else known.batch
    if newest >= 0 and found.is_empty:
        raise CheckpointLost(
            f"{known.feed}: the tables hold batches up to {newest} of generation {known.generation}, but its "
            f"checkpoint is gone. Nothing was started; the tables are whole up to offsets {dict(known.end_offsets)}. "
            f"Go on from there: tillstream streams rebuild {known.feed}"
        )

    def refuse(difference: str) -> CheckpointDisagrees:
        return CheckpointDisagrees(
            f"{known.feed}, generation {known.generation}: {difference}. No kill leaves that. Nothing was started; the "
            f"tables are whole up to offsets {dict(known.end_offsets)}. Go on from there: tillstream streams rebuild "
            f"{known.feed}"
        )

    idle = found.planned == newest and found.committed in (newest - 1, newest)
    in_flight = found.planned == newest + 1 and found.committed == newest
    if not (idle or in_flight):
        raise refuse(
            f"the tables are at batch {newest}, Spark's checkpoint has planned {found.planned} and noted "
            f"{found.committed}"
        )
    if newest >= 0 and found.ends[newest] != known.end_offsets:
        raise refuse(f"batch {newest} ends at {found.ends[newest]} in the checkpoint")
    if decided and (not in_flight or found.ends[decided.batch] != decided.end_offsets):
        planned = found.ends.get(decided.batch, "nothing")
        raise refuse(f"batch {decided.batch} was decided up to {decided.end_offsets}, the checkpoint plans {planned}")


def _first(contract: Contract, tables: DeltaTables, facts: TopicFacts, topics: Topics) -> Committed:
    """Begin the feed's first generation at the first offset that the topic still has."""
    if tables.table(contract.parent.name).transaction_version(application_id(contract.feed, 1)) is not None:
        raise LakeError(
            f"{contract.parent.name} holds batches of {contract.feed}, but the pointer to its generation is gone. "
            "Nothing was changed; restore it from its bucket's versions."
        )
    topic = contract.topic.name
    earliest = topics.earliest(topic, facts.partitions)
    begin_generation(
        tables.store, Generation(contract.feed, 1, topic, facts.topic_id, facts.partitions, earliest, None)
    )
    begun = committed(tables, contract)
    if begun is None:
        raise LakeError(
            f"The first generation of {contract.feed} was written but cannot be read. Start the stream again."
        )
    return begun
