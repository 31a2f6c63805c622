"""Gives a feed a new checkpoint that goes on where its tables are."""

from contracts import Contract
from jobs.errors import IngestError
from jobs.ingest.startup import refuse_other_topic
from jobs.ingest.topic import Topics
from lake.commits import commit_batch
from lake.manifests import Generation, begin_generation, load_manifest, seal
from lake.names import manifest_key
from lake.status import Committed, committed
from lake.tables import DeltaTables


def rebuild(contract: Contract, tables: DeltaTables, topics: Topics, *, accept_new_topic: bool = False) -> Generation:
    """Begin the next generation at the end of the last committed batch; return it.

    The old generation is sealed first: its next manifest is taken, so a driver that still runs can decide no further
    batch, and cannot bring in a second time what the new generation brings in. A batch decided but not committed is
    committed. May be repeated after a kill.
    """
    known = _known(contract, tables)
    facts = topics.facts(contract.topic.name)
    if not (accept_new_topic and facts.topic_id != known.topic_id):
        refuse_other_topic(known.current, facts, known.end_offsets)
    next_batch = 0 if known.batch is None else known.batch + 1
    while not seal(tables.store, contract.feed, known.generation, next_batch):
        if decided := load_manifest(tables.store, manifest_key(contract.feed, known.generation, next_batch)):
            commit_batch(tables, contract, decided, adopted=True)
        next_batch += 1
    known = _known(contract, tables)
    same_topic = facts.topic_id == known.topic_id
    following = Generation(
        feed=contract.feed,
        generation=known.generation + 1,
        topic=contract.topic.name,
        topic_id=facts.topic_id,
        partitions=facts.partitions,
        starting_offsets=known.end_offsets if same_topic else topics.earliest(contract.topic.name, facts.partitions),
        previous_manifest=known.manifest_key,
    )
    begin_generation(tables.store, following)
    return following


def _known(contract: Contract, tables: DeltaTables) -> Committed:
    known = committed(tables, contract)
    if known is None:
        raise IngestError(
            f"{contract.feed} was never ingested: there is nothing to rebuild. Nothing was changed; start the stream."
        )
    return known
