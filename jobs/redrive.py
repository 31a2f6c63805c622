"""Brings quarantined messages into the tables after all, once what was wrong with them has been put right.

A message is judged again as it came, by the contract, stores and sequence state of now, and committed under its
original offset; it is never published again. That happens between two generations of the stream: the old one is sealed,
so that its driver can decide no further batch; a generation of its own holds the one batch that the messages make; the
stream goes on in the one after. So the sequence state has what was brought in, and whatever is killed is finished by
running it again.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, PostCommitHookProperties
from deltalake.exceptions import CommitFailedError

from contracts import Contract, system_tables
from contracts.decoding import Decoder
from contracts.splitting import split
from jobs.errors import IngestError
from jobs.ingest import checks, rows
from jobs.ingest.kept import KeptRows
from jobs.ingest.rebuild import rebuild
from jobs.ingest.signatures import Signatures
from jobs.ingest.sorting import Sorted, Sorter
from jobs.ingest.topic import Topics
from jobs.ingest.writing import OffsetRange as TaskRange
from jobs.ingest.writing import PendingObject, by_partition, encode, put_all
from jobs.messages import as_table
from jobs.offsets import Offsets
from jobs.refused import Refused
from lake.commits import commit_batch
from lake.manifests import BatchManifest, DataObject, OffsetRange, load_state, put_manifest
from lake.places import Place
from lake.sequences import MAX_AHEAD, Intervals, merge
from lake.status import Committed, committed
from lake.tables import DeltaTables, scan
from tillstream import __version__

_PLACE = ("kafka_partition", "kafka_offset")
_MESSAGE = ("topic", "kafka_topic_id", *_PLACE, "kafka_timestamp", "key", "payload", "headers", "reason")
_STORES = ["store_id", "time_zone", "key_generation"]
_ATTEMPTS = 5
_NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)


@dataclass(frozen=True)
class Redriven:
    """`accepted` became rows, `duplicates` were in the tables already; `finished` had been brought in by a run that was
    killed before it could take them out of quarantine. `refused` are left there, each with its reason of now; `absent`
    were asked for and are not in quarantine. `generation` is where the stream goes on, None where it was left alone.
    """

    accepted: tuple[Place, ...] = ()
    duplicates: tuple[Place, ...] = ()
    refused: tuple[Refused, ...] = ()
    finished: tuple[Place, ...] = ()
    absent: tuple[Place, ...] = ()
    generation: int | None = None


@dataclass(frozen=True)
class _Quarantined:
    """What quarantine has of what was asked for: `messages` as the stream's tasks get them, in the order of offsets;
    `former` are of a topic before the stream's own, to which nothing can be committed.
    """

    messages: pa.Table
    former: tuple[Refused, ...]
    absent: tuple[Place, ...]


@dataclass(frozen=True)
class _Decided:
    """What the messages of one partition become."""

    partition: int
    sorted_out: Sorted


@dataclass
class Redrive:
    """`master` is the key that the stores' keys derive from. `tables` must be the caller's own. `max_ahead` is how far
    a seq may be ahead of its register's highest one.
    """

    contract: Contract
    tables: DeltaTables
    topics: Topics
    master: bytes
    max_ahead: int = MAX_AHEAD
    on_step: Callable[[str], None] = field(default=lambda _: None)

    def run(self, places: Sequence[Place], *, dry: bool = False) -> Redriven:
        """Bring in what is accepted now; with `dry`, only say what would be. Places that are not in quarantine are
        passed over and named: doing it twice changes nothing.
        """
        claim = self._claim()
        found = self._quarantined(claim, places)
        finished = self._brought_in(claim, found.messages)
        waiting = _without(found.messages, finished)
        outcome = self._outcome(self._decide(claim, waiting), finished)
        if not dry:
            if outcome.accepted or outcome.duplicates:
                outcome = self._bring_in(waiting, finished)
            else:
                self._take_out(claim, finished)
        return replace(outcome, refused=(*found.former, *outcome.refused), absent=found.absent)

    def _bring_in(self, waiting: pa.Table, finished: tuple[Place, ...]) -> Redriven:
        """Seal, decide again by the state that is final then, commit, and let the stream go on."""
        self.on_step("sealing the stream's generation")
        begun = rebuild(self.contract, self.tables, self.topics)
        claim = self._claim()
        # A run that was killed may have decided the batch: then it was committed just now.
        finished = (*finished, *(late := self._brought_in(claim, waiting)))
        waiting = _without(waiting, late)
        decided = self._decide(claim, waiting)
        outcome = self._outcome(decided, finished)
        if not (outcome.accepted or outcome.duplicates):
            self._take_out(claim, finished)
            return replace(outcome, generation=begun.generation.generation)
        manifest = self._manifest(claim, decided)
        put_manifest(self.tables.store, manifest)
        self.on_step("committing")
        commit_batch(self.tables, self.contract, manifest)
        self._take_out(claim, (*outcome.accepted, *outcome.duplicates, *finished))
        self.on_step("beginning the stream's next generation")
        following = rebuild(self.contract, self.tables, self.topics)
        return replace(outcome, generation=following.generation.generation)

    def _claim(self) -> Committed:
        claim = committed(self.tables, self.contract)
        if claim is None:
            raise IngestError(f"{self.contract.feed} was never ingested. Nothing was changed; start its stream.")
        return claim

    def _quarantined(self, claim: Committed, places: Sequence[Place]) -> _Quarantined:
        wanted = set(places)
        found, former = [], []
        for batch in scan(self.tables.table(system_tables.QUARANTINE), _MESSAGE, f"feed = '{self.contract.feed}'"):
            for row in batch.to_pylist():
                place = Place(row["topic"], row["kafka_partition"], row["kafka_offset"])
                if place not in wanted:
                    continue
                if row["kafka_topic_id"] == claim.topic_id:
                    found.append(row)
                else:
                    detail = f"its topic is no more ({row['kafka_topic_id']}; the stream reads {claim.topic_id})"
                    former.append(Refused(place, row["reason"], detail))
        there = {Place(row["topic"], row["kafka_partition"], row["kafka_offset"]) for row in found}
        absent = wanted - there - {each.place for each in former}
        return _Quarantined(_as_messages(found), tuple(former), tuple(sorted(absent)))

    def _brought_in(self, claim: Committed, messages: pa.Table) -> tuple[Place, ...]:
        """Those that are in the tables already."""
        if not len(messages):
            return ()
        low, high = messages["offset"].to_numpy().min(), messages["offset"].to_numpy().max()
        condition = f"kafka_topic_id = '{claim.topic_id}' AND kafka_offset BETWEEN {low} AND {high}"
        of_feed = f"{condition} AND feed = '{self.contract.feed}'"
        there = Offsets.of(
            batch
            for name, where in ((self.contract.parent.name, condition), (system_tables.DUPLICATES, of_feed))
            for batch in scan(self.tables.table(name), list(_PLACE), where)
        )
        found = there.mark(messages.select(["partition", "offset"]).rename_columns(list(_PLACE)))
        return tuple(sorted(_places(claim.topic, messages.filter(pa.array(found)))))

    def _decide(self, claim: Committed, messages: pa.Table) -> list[_Decided]:
        states = load_state(self.tables.store, claim.manifest_key).split(claim.partitions)
        stores = checks.Stores.from_table(self.tables.table("dim_stores").to_pyarrow_table(columns=_STORES))
        kept = KeptRows(self.tables.store, self.tables, self.contract.parent.name)
        sorter = Sorter(Decoder(self.contract), Signatures(self.master), kept.find, max_ahead=self.max_ahead)
        decided = []
        for partition in sorted(set(messages["partition"].to_pylist())):
            own = messages.filter(pa.compute.equal(messages["partition"], partition)).combine_chunks()
            decided.append(_Decided(partition, sorter.sort_out([own], stores, states[partition], claim.partitions)))
        return decided

    def _outcome(self, decided: Sequence[_Decided], finished: tuple[Place, ...]) -> Redriven:
        topic = self.contract.topic.name
        refused = [
            Refused(place, reason, detail)
            for each in decided
            for place, reason, detail in zip(
                _places(topic, each.sorted_out.refused), each.sorted_out.reasons, each.sorted_out.details, strict=True
            )
        ]
        return Redriven(
            accepted=tuple(p for each in decided for p in _places(topic, each.sorted_out.accepted.messages)),
            duplicates=tuple(p for each in decided for p in _places(topic, each.sorted_out.duplicates.messages)),
            refused=tuple(refused),
            finished=finished,
        )

    def _manifest(self, claim: Committed, decided: Sequence[_Decided]) -> BatchManifest:
        """A batch without offsets of its own: what it brings in are offsets that batches before it have passed."""
        objects = [each for part in decided for each in self._objects(claim, part)]
        put_all(self.tables.store, objects)
        by_table: dict[str, list[DataObject]] = {}
        counts: Counter[str] = Counter()
        for each in objects:
            made = DataObject(each.path, len(each.body), each.rows, each.partition_values, each.statistics)
            by_table.setdefault(each.table, []).append(made)
            counts[f"rows:{each.table}"] += each.rows
        seen: Intervals = merge(part.sorted_out.seen for part in decided)
        return BatchManifest(
            feed=self.contract.feed,
            generation=claim.generation,
            batch=0,
            topic=claim.topic,
            topic_id=claim.topic_id,
            ranges=tuple(OffsetRange(number, end, end) for number, end in sorted(claim.end_offsets.items())),
            objects={table: tuple(made) for table, made in by_table.items()},
            sequences=seen,
            previous=claim.manifest_key,
            snapshot=None,
            counts=dict(counts),
            batch_time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            writer=uuid.uuid4().hex,
            job_version=__version__,
            contract_version=self.contract.version,
        )

    def _objects(self, claim: Committed, part: _Decided) -> list[PendingObject]:
        contract, topic_id = self.contract, claim.topic_id
        accepted, duplicates = part.sorted_out.accepted, part.sorted_out.duplicates
        made = split(contract, rows.located(accepted.decoded, accepted.messages, topic_id))
        partitioning = {table.name: table.partition_columns for table in contract.tables}
        made[system_tables.DUPLICATES] = rows.duplicates(contract, topic_id, duplicates.messages, duplicates.decoded)
        offsets = [*accepted.messages["offset"].to_pylist(), *duplicates.messages["offset"].to_pylist()]
        if not offsets:
            return []
        span = TaskRange(topic_id, part.partition, min(offsets), max(offsets))
        return [
            encode(name, values, of_partition, span)
            for name, table in made.items()
            for values, of_partition in by_partition(table, partitioning.get(name, system_tables.PARTITION_COLUMNS))
        ]

    def _take_out(self, claim: Committed, places: Sequence[Place]) -> None:
        """Remove these from quarantine, in one commit. What is not there is passed over."""
        if not places:
            return
        self.on_step("taking them out of quarantine")
        which = " OR ".join(
            f"(kafka_partition = {partition} AND kafka_offset IN ({', '.join(str(each.offset) for each in own)}))"
            for partition, own in groupby(sorted(places), key=lambda each: each.partition)
        )
        predicate = f"feed = '{self.contract.feed}' AND kafka_topic_id = '{claim.topic_id}' AND ({which})"
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self.tables.table(system_tables.QUARANTINE).delete(
                    predicate,
                    commit_properties=CommitProperties(custom_metadata={"redriven": str(len(places))}),
                    post_commithook_properties=_NO_HOOKS,
                )
            except CommitFailedError as error:
                if attempt == _ATTEMPTS:
                    raise IngestError(
                        f"{len(places)} messages of {self.contract.feed} are in the tables, and still in quarantine: "
                        f"{error}. Run the same redrive again; it will only take them out."
                    ) from error
            else:
                return


def _as_messages(found: Sequence[Mapping[str, Any]]) -> pa.Table:
    rows_ = (
        {
            "partition": row["kafka_partition"],
            "offset": row["kafka_offset"],
            "timestamp": row["kafka_timestamp"],
            "key": row["key"],
            "value": row["payload"],
            "headers": row["headers"] or [],
        }
        for row in sorted(found, key=lambda row: (row["kafka_partition"], row["kafka_offset"]))
    )
    return as_table(rows_, datetime.now(UTC))


def _places(topic: str, messages: pa.Table) -> list[Place]:
    pairs = zip(messages["partition"].to_pylist(), messages["offset"].to_pylist(), strict=True)
    return [Place(topic, partition, offset) for partition, offset in pairs]


def _without(messages: pa.Table, places: Sequence[Place]) -> pa.Table:
    gone = {(place.partition, place.offset) for place in places}
    pairs = zip(messages["partition"].to_pylist(), messages["offset"].to_pylist(), strict=True)
    return messages.filter(pa.array([pair not in gone for pair in pairs], pa.bool_()))
