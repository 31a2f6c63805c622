"""Gives a feed a new checkpoint that goes on where its tables are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts import Contract
from jobs.errors import IngestError
from jobs.ingest.lost import Lost, lost_between, refuse_lost
from jobs.ingest.startup import refuse_other_topic
from jobs.ingest.topic import Topics
from lake.commits import commit_batch
from lake.errors import Fenced
from lake.manifests import Generation, begin_generation, load_manifest, seal
from lake.names import manifest_key
from lake.status import Committed, committed
from lake.tables import DeltaTables


@dataclass(frozen=True)
class Rebuilt:
    """The generation that begins, and the offsets before its first ones that no table will ever have."""

    generation: Generation
    lost: Lost = field(default_factory=dict)


def rebuild(
    contract: Contract,
    tables: DeltaTables,
    topics: Topics,
    *,
    accept_new_topic: bool = False,
    accept_loss: bool = False,
) -> Rebuilt:
    """Begin the next generation at the end of the last committed batch; return it.

    The old generation is sealed first: its next manifest is taken, so a driver that still runs can decide no further
    batch, and cannot bring in a second time what the new generation brings in. A batch decided but not committed is
    committed. May be repeated after a kill.

    Raise OffsetsLost where Kafka no longer has the offsets at that end, before anything is changed; with `accept_loss`
    begin after them and return which ones they are.
    """
    known = _known(contract, tables)
    facts = topics.facts(contract.topic.name)
    same_topic = facts.topic_id == known.topic_id
    if same_topic or not accept_new_topic:
        refuse_other_topic(known.current, facts, known.end_offsets)
    earliest = topics.earliest(contract.topic.name, facts.partitions)
    if same_topic and not accept_loss:
        refuse_lost(contract.feed, known.topic, lost_between(_decided_ends(tables, known), earliest))
    next_batch = _next_batch(known)
    while not seal(tables.store, contract.feed, known.generation, next_batch):
        if decided := load_manifest(tables.store, manifest_key(contract.feed, known.generation, next_batch)):
            commit_batch(tables, contract, decided, adopted=True)
        next_batch += 1
    known = _known(contract, tables)
    lost = lost_between(known.end_offsets, earliest) if same_topic else {}
    following = Generation(
        feed=contract.feed,
        generation=known.generation + 1,
        topic=contract.topic.name,
        topic_id=facts.topic_id,
        partitions=facts.partitions,
        starting_offsets=_after(known.end_offsets, lost) if same_topic else earliest,
        previous_manifest=known.manifest_key,
    )
    begin_generation(tables.store, following)
    return Rebuilt(following, lost)


def _decided_ends(tables: DeltaTables, known: Committed) -> Mapping[int, int]:
    """Where the tables will be once a batch that is decided and not committed is in them."""
    try:
        decided = load_manifest(tables.store, manifest_key(known.feed, known.generation, _next_batch(known)))
    except Fenced:  # A rebuild that was killed has sealed it.
        decided = None
    return decided.end_offsets if decided else known.end_offsets


def _next_batch(known: Committed) -> int:
    return 0 if known.batch is None else known.batch + 1


def _after(ends: Mapping[int, int], lost: Lost) -> dict[int, int]:
    return {partition: lost[partition].last + 1 if partition in lost else end for partition, end in ends.items()}


def _known(contract: Contract, tables: DeltaTables) -> Committed:
    known = committed(tables, contract)
    if known is None:
        raise IngestError(
            f"{contract.feed} was never ingested: there is nothing to rebuild. Nothing was changed; start the stream."
        )
    return known
