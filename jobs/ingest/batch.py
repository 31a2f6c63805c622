"""The driver's side of a batch: have the tasks write, decide it, commit it. In that order, each step once."""

import logging
import pickle
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import DataFrame

from contracts import Contract
from jobs.ingest import merging
from jobs.ingest.metrics import StreamMetrics
from jobs.ingest.results import TaskResult
from jobs.ingest.startup import Position
from jobs.ingest.stopping import StopRequested
from jobs.ingest.task import RESULT_SCHEMA, BatchPlan, IngestTask
from lake.commits import commit_batch
from lake.errors import Fenced
from lake.manifests import SNAPSHOT_EVERY, BatchManifest, put_manifest, put_snapshot
from lake.sequences import SeqState, merge
from lake.tables import DeltaTables

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Driver:
    """What is the same for all feeds of a driver process. `writer` is drawn anew at each start."""

    writer: str
    job_version: str
    metrics: StreamMetrics


class BatchWriter:
    """Given to `foreachBatch` of one feed's query. Knows where the feed stands, and moves with every commit."""

    def __init__(
        self,
        contract: Contract,
        *,
        driver: Driver,
        position: Position,
        tables: DeltaTables,
        stores: Callable[[], Any],
        check_topic: Callable[[], None],
        stopping: threading.Event,
    ) -> None:
        """`stores` gives the store dimension as pyspark's Broadcast; `check_topic` raises where the topic is another
        than at the start.
        """
        self._contract = contract
        self._driver = driver
        self._generation = position.generation
        self._batch = position.batch
        self._ends = position.ends
        self._previous = position.manifest_key
        self._decided = position.decided
        self._states = position.state.split(position.generation.partitions)
        self._tables = tables
        self._stores = stores
        self._check_topic = check_topic
        self._stopping = stopping

    def __call__(self, messages: DataFrame, batch: int) -> None:
        if self._stopping.is_set():
            raise StopRequested
        if batch <= self._batch:
            log.info("%s: batch %d is in the tables already; Spark has only to note it", self._contract.feed, batch)
            return
        started = time.monotonic()
        adopted, self._decided = self._decided, None
        results = [] if adopted else self._run(messages)
        manifest = adopted or self._decide(batch, results)
        if manifest.batch != batch:
            raise Fenced(
                f"{self._contract.feed}: batch {manifest.batch} was decided, but Spark runs batch {batch}: another "
                "driver works on this checkpoint. This one stops; see `tillstream status`."
            )
        commit_batch(
            self._tables,
            self._contract,
            manifest,
            adopted=adopted is not None,
        )
        self._move_to(manifest)
        self._driver.metrics.committed(manifest, merging.oldest_ms(results))
        took = time.monotonic() - started
        log.info("%s: batch %d committed in %.2f s: %s", self._contract.feed, batch, took, dict(manifest.counts))

    def _run(self, messages: DataFrame) -> list[TaskResult]:
        """Let the tasks write the batch's objects. Nothing refers to them yet."""
        plan = BatchPlan(
            contract=self._contract,
            topic_id=self._generation.topic_id,
            partitions=self._generation.partitions,
            job_version=self._driver.job_version,
        )
        # Pickled one by one: a task unpacks only its own partition's.
        pickled = {partition: pickle.dumps(state.intervals) for partition, state in enumerate(self._states)}
        registers = sum(len(state) for state in self._states)
        self._driver.metrics.planned(self._contract.feed, registers, sum(map(len, pickled.values())))
        states = messages.sparkSession.sparkContext.broadcast(pickled)
        try:
            rows = messages.mapInArrow(IngestTask(plan, self._stores(), states), RESULT_SCHEMA).collect()
        finally:
            states.destroy()
        return [TaskResult.decode(bytes(row["result"])) for row in rows]

    def _decide(self, batch: int, results: Sequence[TaskResult]) -> BatchManifest:
        """Check that the results are the whole batch, and write down what it is before anything is committed."""
        ranges = merging.offset_ranges(self._contract.topic.name, self._ends, results)
        # The id was the same before and after the tasks read, so all of it is of that topic.
        self._check_topic()
        seen = merge(result.seen for result in results)
        feed, generation = self._contract.feed, self._generation
        snapshot = None
        if batch % SNAPSHOT_EVERY == SNAPSHOT_EVERY - 1:
            whole = SeqState({key: bounds for state in self._states for key, bounds in state.intervals.items()})
            store = self._tables.store
            snapshot = put_snapshot(store, feed, generation.generation, batch, whole.with_delta(seen))
        manifest = BatchManifest(
            feed=feed,
            generation=generation.generation,
            batch=batch,
            topic=generation.topic,
            topic_id=generation.topic_id,
            ranges=ranges,
            objects=merging.objects_by_table(results),
            sequences=seen,
            previous=self._previous,
            snapshot=snapshot,
            counts=merging.counts(results),
            batch_time=datetime.now(UTC).isoformat(timespec="milliseconds"),
            writer=self._driver.writer,
            job_version=self._driver.job_version,
            contract_version=self._contract.version,
        )
        put_manifest(self._tables.store, manifest)
        return manifest

    def _move_to(self, manifest: BatchManifest) -> None:
        added = SeqState(manifest.sequences).split(len(self._states))
        self._states = [state.with_delta(new.intervals) for state, new in zip(self._states, added, strict=True)]
        self._batch, self._ends, self._previous = manifest.batch, manifest.end_offsets, manifest.key
