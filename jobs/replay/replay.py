"""Makes the rows of some business dates anew from Kafka: after a fix of the decoder, or where objects were lost.

What is a row now, or should be one, is decoded again and takes the old rows' place under its own offset. Nothing else
changes: quarantined messages and duplicates stay what they are, every other row stays equal, and so does the sequence
state, which knows all of these events already (that is checked). A message that is refused today keeps its rows and is
named. Run twice, or again after a kill, it leaves the same lake: what is right already is left alone.
"""

import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts import Contract
from contracts.decoding import Decoder
from contracts.partitioning import partition_for
from jobs.errors import IngestError
from jobs.ingest.checks import Stores
from jobs.ingest.kept import Kept
from jobs.ingest.signatures import Signatures
from jobs.ingest.sorting import Sorter
from jobs.ingest.startup import refuse_other_topic
from jobs.ingest.topic import Topics
from jobs.messages import TopicReader
from jobs.offsets import Offsets
from jobs.refused import Refused
from jobs.replay.gathering import Gathered
from jobs.replay.standing import Span, Standing, elsewhere
from lake.commits import commit_order
from lake.manifests import load_state
from lake.places import Place
from lake.sequences import register_keys
from lake.status import Committed, committed
from lake.tables import DeltaTables
from lake.upkeep import replacing
from lake.upkeep.replacing import Change, New

_STORES = ["store_id", "time_zone", "key_generation"]
# No message of a business date is sent longer than this before the date begins in Greenwich.
_EARLIEST = timedelta(days=2)
_EVERY_GENERATION = 1_000_000


@dataclass(frozen=True)
class Replayed:
    """`messages` were decoded again; `restored` of them had no row, `refused` keep theirs. `changes` says what differed
    in each table; `versions` are those of the commits.
    """

    messages: int
    restored: int
    refused: tuple[Refused, ...]
    changes: tuple[Change, ...]
    versions: Mapping[str, int]


@dataclass
class Replay:
    """`master` is the key that the stores' keys derive from. `tables` must be the caller's own."""

    contract: Contract
    tables: DeltaTables
    topics: Topics
    reader: TopicReader
    master: bytes
    on_step: Callable[[str], None] = field(default=lambda _: None)

    def run(self, span: Span, *, dry: bool = False) -> Replayed:
        """Make the rows of the span anew; with `dry`, only say what would differ. Raise IngestError, before anything is
        changed, where Kafka no longer has what the rows came from.
        """
        claim = self._claim(span)
        self.on_step("reading what the tables have")
        standing = Standing.of(self.tables, self.contract, claim, span)
        with tempfile.TemporaryDirectory(prefix="tillstream-replay-") as directory:
            with Gathered(self.contract, claim, Path(directory)) as gathered:
                self._decode(claim, span, standing, gathered)
            places = gathered.places
            if missing := len(standing.rows) - len(gathered.refused) - (len(places) - len(gathered.rowless)):
                raise IngestError(f"Kafka did not give back {missing} messages that have rows. Nothing was changed.")
            restored, dates = self._restored(claim, span, gathered)
            changes = []
            for name in self._order():
                self.on_step(f"comparing {name}")
                new = New(claim.topic_id, places, gathered.file(name))
                changes.append(replacing.prepare(self.tables, name, new, {*span.dates, *dates}, Path(directory)))
            self._refuse_loss(span, gathered, changes, lacking=sum(each.rows for each in standing.lost) - len(restored))
            versions = {} if dry else self._commit(changes, span)
        return Replayed(len(places), len(restored), tuple(gathered.refused), tuple(changes), versions)

    def _claim(self, span: Span) -> Committed:
        claim = committed(self.tables, self.contract)
        if claim is None:
            raise IngestError(f"{self.contract.feed} was never ingested. Nothing was changed; start its stream.")
        refuse_other_topic(claim.current, self.topics.facts(claim.topic), claim.end_offsets)
        days = self.contract.retention_days
        if days and (oldest := min(span.dates)) < datetime.now(UTC).date() - timedelta(days=days):
            raise IngestError(f"{self.contract.feed} keeps {days} days, and {oldest} is older. Nothing was changed.")
        return claim

    def _decode(self, claim: Committed, span: Span, standing: Standing, gathered: Gathered) -> None:
        stores = Stores.from_table(self.tables.table("dim_stores").to_pyarrow_table(columns=_STORES))
        sorter = Sorter(Decoder(self.contract), Signatures(self.master), _find_none, generations=_EVERY_GENERATION)
        for partition, start in self._starts(claim, span, standing).items():
            self.on_step(f"reading partition {partition} of {claim.topic} from offset {start}")
            for chunk in self.reader.read(claim.topic, partition, start, claim.end_offsets[partition]):
                ours = chunk.filter(pc.and_(pa.array(standing.may_be_rows(chunk)), _of_stores(chunk, span)))
                if len(ours):
                    gathered.add(sorter.examine(ours, stores, claim.partitions), span, standing)

    def _starts(self, claim: Committed, span: Span, standing: Standing) -> dict[int, int]:
        """By partition, from where on messages of the span can be. Raise IngestError where Kafka has let go of some."""
        named = {partition_for(store.encode(), claim.partitions) for store in span.stores}
        partitions = sorted(named) or list(range(claim.partitions))
        earliest = self.topics.earliest(claim.topic, claim.partitions)
        if gone := sum(int((standing.rows.within(each) < earliest[each]).sum()) for each in partitions):
            raise IngestError(
                f"Kafka no longer has {gone} of the messages that these rows of {self.contract.feed} came from. "
                "Nothing was changed; choose later business dates."
            )
        moment = datetime.combine(min(span.dates), clock(), UTC) - _EARLIEST
        starts = {}
        for partition, since in self.reader.since(claim.topic, partitions, moment).items():
            known = standing.rows.within(partition)[:1].tolist()
            start = min([*known, *([since] if since is not None else [])], default=None)
            if start is not None and start < claim.end_offsets.get(partition, 0):
                starts[partition] = start
        return starts

    def _restored(self, claim: Committed, span: Span, gathered: Gathered) -> tuple[pa.Table, Collection[date]]:
        """Messages that have no row anywhere; and the dates outside the span at which others have theirs. Raise
        IngestError where the stream has never accepted one of them.
        """
        rowless = gathered.rowless
        if not len(rowless):
            return rowless, ()
        found, dates = elsewhere(self.tables, self.contract, claim, span, Offsets.of([rowless]))
        restored = rowless.filter(pa.array(~found.mark(rowless)))
        state = load_state(self.tables.store, claim.manifest_key)
        keys = register_keys(*(restored[name].combine_chunks() for name in ("store_id", "register_id", "epoch")))
        unseen = np.flatnonzero(~state.claim(keys, restored["seq"].to_numpy().astype(np.int64)).seen).tolist()
        if unseen:
            one = restored.slice(unseen[0], 1).to_pylist()[0]
            raise IngestError(
                f"{len(unseen)} messages without a row were never accepted, as the stream's state says. Nothing was "
                "changed; look at one: tillstream explain "
                f"{Place(claim.topic, one['kafka_partition'], one['kafka_offset'])}"
            )
        return restored, dates

    def _refuse_loss(self, span: Span, gathered: Gathered, changes: Collection[Change], *, lacking: int) -> None:
        """Raise IngestError unless all that the objects held that cannot be read has come back: they leave the log."""
        lost = [f"{change.table}/{path}" for change in changes for path in change.lost]
        if not lost:
            return
        state = f"{len(lost)} objects cannot be read ({lost[0]})"
        if span.stores:
            raise IngestError(f"{state}, and hold rows of other stores. Nothing was changed; replay without --store.")
        if lacking > 0 or gathered.refused:
            raise IngestError(
                f"{state}, and of their messages Kafka did not give back {max(lacking, 0)}, while "
                f"{len(gathered.refused)} would be refused today. Nothing was changed; restore the objects from their "
                "bucket's versions."
            )

    def _order(self) -> list[str]:
        """The feed's own tables in the order of their commits: the parent last."""
        own = {table.name for table in self.contract.tables}
        return [name for name in commit_order(self.contract) if name in own]

    def _commit(self, changes: Collection[Change], span: Span) -> dict[str, int]:
        said = {"replayed": ",".join(sorted(map(str, span.dates))), "stores": ",".join(sorted(span.stores)) or "all"}
        self.on_step("writing what differs")
        # All of it before the first commit: whoever joins the tables then sees old and new for a moment only.
        written = [replacing.put(self.tables, each) for each in changes]
        self.on_step("committing")
        versions = {
            each.table: replacing.commit(self.tables, each, made, said)
            for each, made in zip(changes, written, strict=True)
        }
        return {table: version for table, version in versions.items() if version is not None}


def _of_stores(chunk: pa.Table, span: Span) -> pa.Array | pa.ChunkedArray:
    """Whose key is one of the span's stores; of all stores, every message."""
    if not span.stores:
        return pa.array(np.ones(len(chunk), np.bool_))
    keys = pa.array([store.encode() for store in sorted(span.stores)], pa.binary())
    return pc.fill_null(pc.is_in(chunk["key"], value_set=keys), fill_value=False)


def _find_none(*_: object) -> Mapping[str, Kept]:
    """No message is looked up: whether it came before was decided when it was new."""
    return {}
