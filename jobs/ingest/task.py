"""The worker's side of a batch: one task reads one range of offsets and leaves objects in the lake."""

import gc
import pickle
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts import Contract
from contracts.decoding import Decoder
from contracts.splitting import split
from contracts.system_tables import DUPLICATES, PARTITION_COLUMNS, QUARANTINE
from jobs.errors import OffsetsMissing, RangePlanChanged
from jobs.ingest import checks, rows
from jobs.ingest.kept import KeptRows
from jobs.ingest.results import TaskResult
from jobs.ingest.signatures import Signatures
from jobs.ingest.sorting import Sorted, Sorter
from jobs.ingest.writing import OffsetRange, PendingObject, by_partition, encode, put_all
from jobs.keys import master_key
from lake.manifests import DataObject
from lake.objects import ObjectStore
from lake.sequences import SeqState
from lake.settings import LakeSettings
from lake.tables import DeltaTables

RESULT_SCHEMA = "result binary"
_MILLISECONDS = pa.timestamp("ms", "UTC")
# Messages: more take room, fewer take time.
_DECODED_AT_ONCE = 50_000


@dataclass(frozen=True)
class BatchPlan:
    """What every task of a batch is told."""

    contract: Contract
    topic_id: str
    partitions: int
    job_version: str


class IngestTask:
    """The function given to `mapInArrow`. Broadcasts: the store dimension (an Arrow stream), and each partition's
    pickled sequence state.
    """

    def __init__(self, plan: BatchPlan, stores: Any, states: Any) -> None:  # noqa: ANN401 - pyspark's Broadcast
        self._plan = plan
        self._stores = stores
        self._states = states

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        worker = _worker()
        chunks = list(gathered(batches))
        if not chunks:
            return
        stores = worker.stores(self._stores.value)
        partition = chunks[0]["partition"][0].as_py()
        state = SeqState(pickle.loads(self._states.value.get(partition, _NO_STATE)))  # noqa: S301 - the driver's own
        result = worker.ingest(self._plan, chunks, stores, state)
        yield pa.RecordBatch.from_pydict({"result": [result.encode()]})


_NO_STATE = pickle.dumps({})


class Worker:
    """What a worker process keeps between tasks: decoders, prepared keys, connections."""

    def __init__(self) -> None:
        # One thread a task is what Spark counts on.
        pa.set_cpu_count(1)
        pa.set_io_thread_count(1)
        self._store = ObjectStore(LakeSettings.from_env().lake_uri)
        self._tables = DeltaTables(self._store)
        self._signatures = Signatures(master_key())
        self._sorters: dict[str, Sorter] = {}
        self._stores: tuple[bytes, checks.Stores] | None = None
        # pyspark collects all garbage after every task; what is loaded by now need not be looked at again.
        gc.collect()
        gc.freeze()

    def stores(self, body: bytes) -> checks.Stores:
        if self._stores is None or self._stores[0] != body:
            self._stores = body, checks.Stores.from_table(pa.ipc.open_stream(body).read_all())
        return self._stores[1]

    def ingest(self, plan: BatchPlan, chunks: list[pa.Table], stores: checks.Stores, state: SeqState) -> TaskResult:
        """Decode, check, sift and write one range of offsets."""
        offsets = offset_range(plan, chunks)
        sorted_out = self._sorter(plan.contract).sort_out(chunks, stores, state, plan.partitions)
        objects = _encoded(plan, sorted_out, offsets)
        put_all(self._store, objects)
        return TaskResult(
            partition=offsets.partition,
            first=offsets.first,
            last=offsets.last,
            messages=offsets.last - offsets.first + 1,
            oldest_ms=min(pc.min(chunk["timestamp"]).cast(_MILLISECONDS, safe=False).value for chunk in chunks),
            accepted=len(sorted_out.accepted),
            duplicates=len(sorted_out.duplicates),
            refused=dict(Counter(sorted_out.reasons)),
            objects=[
                (each.table, DataObject(each.path, len(each.body), each.rows, each.partition_values, each.statistics))
                for each in objects
            ],
            seen=sorted_out.seen,
        )

    def _sorter(self, contract: Contract) -> Sorter:
        if contract.feed not in self._sorters:
            kept = KeptRows(self._store, self._tables, contract.parent.name)
            self._sorters[contract.feed] = Sorter(Decoder(contract), self._signatures, kept.find)
        return self._sorters[contract.feed]


def gathered(batches: Iterable[pa.RecordBatch], at_once: int = _DECODED_AT_ONCE) -> Iterator[pa.Table]:
    """Spark's batches as larger ones, of `at_once` messages or somewhat more: what costs Spark least is small for the
    decoder.
    """
    waiting: list[pa.RecordBatch] = []
    messages = 0
    for batch in batches:
        waiting.append(batch)
        messages += len(batch)
        if messages >= at_once:
            yield pa.Table.from_batches(waiting).combine_chunks()
            waiting, messages = [], 0
    if messages:
        yield pa.Table.from_batches(waiting).combine_chunks()


def offset_range(plan: BatchPlan, chunks: list[pa.Table]) -> OffsetRange:
    """What was read. Raise RangePlanChanged where it is not of one partition, OffsetsMissing where Kafka left out an
    offset between two others.
    """
    partition, *others = pc.unique(pa.chunked_array([chunk["partition"].chunk(0) for chunk in chunks])).to_pylist()
    if others:
        raise RangePlanChanged(
            f"{plan.contract.topic.name}: one task was given partitions {[partition, *others]}. Nothing of this batch "
            "was committed. Remove whatever joins Spark's tasks from its configuration."
        )
    offsets = np.concatenate([chunk["offset"].to_numpy() for chunk in chunks])
    if not np.array_equal(offsets, np.arange(offsets[0], offsets[0] + len(offsets))):
        gap = int(offsets[np.flatnonzero(np.diff(offsets) != 1)[0]])
        raise OffsetsMissing(
            f"{plan.contract.topic.name}, partition {partition}: Kafka did not deliver the offset after {gap}. "
            "Nothing of this batch was committed. The topic must not be compacted nor written in transactions."
        )
    return OffsetRange(plan.topic_id, partition, int(offsets[0]), int(offsets[-1]))


def _encoded(plan: BatchPlan, sorted_out: Sorted, offsets: OffsetRange) -> list[PendingObject]:
    """Every object of a task, tables in the order of their commits."""
    contract, topic_id = plan.contract, plan.topic_id
    accepted = sorted_out.accepted
    tables = split(contract, rows.located(accepted.decoded, accepted.messages, topic_id))
    partitioning = {table.name: table.partition_columns for table in contract.tables}
    tables[QUARANTINE] = rows.quarantine(
        contract,
        topic_id,
        sorted_out.refused,
        reasons=sorted_out.reasons,
        details=sorted_out.details,
        job_version=plan.job_version,
    )
    duplicates = sorted_out.duplicates
    tables[DUPLICATES] = rows.duplicates(contract, topic_id, duplicates.messages, duplicates.decoded)
    return [
        encode(name, values, part, offsets)
        for name, table in tables.items()
        for values, part in by_partition(table, partitioning.get(name, PARTITION_COLUMNS))
    ]


@cache
def _worker() -> Worker:
    return Worker()
