"""A lake for tests: tables on a real emulator, and batches as the ingest job would write them."""

import datetime as dt
import io
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import contracts
from contracts import Contract
from lake.commits import commit_batch
from lake.manifests import BatchManifest, DataObject, Generation, OffsetRange, begin_generation, put_manifest
from lake.names import manifest_key, object_path
from lake.objects import ObjectStore
from lake.tables import DeltaTables, definitions
from tests.support.scratch_lake import ScratchLake

TOPIC_ID = "AbCdEfGhIjKlMnOpQrStUv"
DAY = dt.date(2026, 11, 20)
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def receipt_rows(
    offsets: Iterable[int], *, partition: int = 0, store: str = "330", register: str = "1", first_seq: int = 1
) -> dict[str, list[dict[str, Any]]]:
    """Rows of the three receipt tables: one receipt of two lines and one tender, 300 cents, at each offset."""
    receipts, lines, tenders = [], [], []
    for seq, offset in enumerate(offsets, first_seq):
        common = {
            "kafka_topic_id": TOPIC_ID,
            "kafka_partition": partition,
            "kafka_offset": offset,
            "ordinal": 0,
            "event_id": f"{store}:{register}:0123456789ab:{seq}",
            "store_id": store,
            "register_id": register,
            "event_time": NOON,
            "business_date": DAY,
            "type": "sale",
            "currency": "USD",
            "dt": DAY,
            "hour": 12,
        }
        receipts.append(
            common
            | {
                "epoch": "0123456789ab",
                "seq": seq,
                "schema_version": "1.0",
                "receipt_no": str(seq),
                "total": 300,
                "signature": bytes(32),
                "key_generation": 1,
                "kafka_timestamp": NOON,
            }
        )
        lines += [
            common | {"ordinal": ordinal, "line_no": ordinal + 1, "sku": "1", "quantity": 1, "amount": amount}
            for ordinal, amount in enumerate((100, 200))
        ]
        tenders.append(common | {"tender_no": 1, "tender_type": "cash", "amount": 300})
    return {"receipt_lines": lines, "receipt_tenders": tenders, "receipts": receipts}


def duplicate_rows(offsets: Iterable[int], *, partition: int = 0, feed: str = "pos.receipts") -> list[dict[str, Any]]:
    return [_shared_row(offset, partition, feed) | {"event_id": "330:1:0123456789ab:1"} for offset in offsets]


def quarantine_rows(
    offsets: Iterable[int], *, partition: int = 0, feed: str = "pos.receipts", reason: str = "not_json"
) -> list[dict[str, Any]]:
    return [
        _shared_row(offset, partition, feed)
        | {
            "topic": f"{feed}.v1",
            "key": b"330",
            "payload": b"{",
            "headers": [{"key": "event_id", "value": b"x"}],
            "reason": reason,
            "detail": "cut short",
            "job_version": "test",
        }
        for offset in offsets
    ]


def _shared_row(offset: int, partition: int, feed: str) -> dict[str, Any]:
    return {
        "feed": feed,
        "dt": DAY,
        "kafka_topic_id": TOPIC_ID,
        "kafka_partition": partition,
        "kafka_offset": offset,
        "kafka_timestamp": NOON,
        "batch_time": NOON,
    }


@dataclass(frozen=True)
class Lake:
    """The tables of some contracts in a bucket of their own, written through the lake's own commits."""

    store: ObjectStore
    tables: DeltaTables
    contracts: Mapping[str, Contract]

    def begin(self, feed: str = "pos.receipts", **changes: Any) -> Generation:
        """The feed's first generation, all partitions from the beginning."""
        topic = self.contracts[feed].topic
        fields: dict[str, Any] = {
            "feed": feed,
            "generation": 1,
            "topic": topic.name,
            "topic_id": TOPIC_ID,
            "partitions": topic.partitions,
            "starting_offsets": dict.fromkeys(range(topic.partitions), 0),
        }
        generation = Generation(**(fields | changes))
        begin_generation(self.store, generation)
        return generation

    def put_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> list[DataObject]:
        """Write rows as the job does: an object for each table partition and Kafka partition."""
        definition = next(each for each in definitions(self.contracts.values()) if each.name == table)
        groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
        for row in rows:
            values = tuple(row[column] for column in definition.partition_columns)
            groups.setdefault((*values, row["kafka_partition"]), []).append(row)
        stored = pa.schema([each for each in definition.schema if each.name not in definition.partition_columns])
        objects = []
        for (*values, partition), group in groups.items():
            offsets = [row["kafka_offset"] for row in group]
            sink = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(list(group), schema=stored), sink, compression="zstd")
            body = sink.getvalue()
            folders = {column: str(value) for column, value in zip(definition.partition_columns, values, strict=True)}
            path = object_path(folders, TOPIC_ID, partition, first=min(offsets), last=max(offsets), body=body)
            self.store.put(f"{table}/{path}", body)
            stats = {
                "numRecords": len(group),
                "minValues": {"kafka_offset": min(offsets), "kafka_partition": partition},
                "maxValues": {"kafka_offset": max(offsets), "kafka_partition": partition},
                "nullCount": {"kafka_offset": 0, "kafka_partition": 0},
            }
            objects.append(DataObject(path, len(body), len(group), folders, stats))
        return objects

    def manifest(
        self,
        batch: int,
        rows: Mapping[str, Sequence[Mapping[str, Any]]],
        ends: Mapping[int, int],
        *,
        feed: str = "pos.receipts",
        starts: Mapping[int, int] | None = None,
        **changes: Any,
    ) -> BatchManifest:
        """A decided batch: its objects are put, it is not. `ends` are the end offsets by partition (others 0)."""
        contract = self.contracts[feed]
        partitions = range(contract.topic.partitions)
        fields: dict[str, Any] = {
            "feed": feed,
            "generation": 1,
            "batch": batch,
            "topic": contract.topic.name,
            "topic_id": TOPIC_ID,
            "ranges": tuple(OffsetRange(p, (starts or {}).get(p, 0), ends.get(p, 0)) for p in partitions),
            "objects": {table: tuple(self.put_rows(table, of_table)) for table, of_table in rows.items() if of_table},
            "sequences": {},
            "previous": manifest_key(feed, 1, batch - 1) if batch else None,
            "snapshot": None,
            "counts": {table: len(of_table) for table, of_table in rows.items()},
            "batch_time": "2026-11-20T12:00:00.000Z",
            "writer": uuid.uuid4().hex,
            "job_version": "test",
            "contract_version": contract.version,
        }
        return BatchManifest(**(fields | changes))

    def ingest(
        self, batch: int, rows: Mapping[str, Sequence[Mapping[str, Any]]], ends: Mapping[int, int], **more: Any
    ) -> BatchManifest:
        """A batch from rows to commit."""
        manifest = self.manifest(batch, rows, ends, **more)
        put_manifest(self.store, manifest)
        commit_batch(self.tables, self.contracts[manifest.feed], manifest)
        return manifest

    def rows(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.tables.table(table).to_pyarrow_table().to_pylist()
        return rows

    def break_log(self, table: str, actions: Sequence[Mapping[str, Any]]) -> None:
        """Append a commit to a table's log by hand, as no writer of ours would."""
        version = self.tables.table(table).version() + 1
        body = "\n".join(json.dumps(action) for action in actions)
        self.store.put_new(f"{table}/_delta_log/{version:020d}.json", body.encode())

    def without(self, table: str, path: str) -> None:
        """Take an object out of a table by hand; its bytes stay."""
        self.break_log(table, [{"remove": {"path": path, "deletionTimestamp": 0, "dataChange": True}}])

    def with_rows(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Commit rows that no batch knows of."""
        adds = [
            {
                "add": {
                    "path": each.path,
                    "size": each.size,
                    "partitionValues": each.partition_values,
                    "modificationTime": 0,
                    "dataChange": True,
                    "stats": json.dumps(each.stats),
                }
            }
            for each in self.put_rows(table, rows)
        ]
        self.break_log(table, adds)


@pytest.fixture(scope="session")
def all_contracts() -> Mapping[str, Contract]:
    return contracts.load()


@pytest.fixture
def lake(scratch_lake: ScratchLake, all_contracts: Mapping[str, Contract]) -> Lake:
    """Every table of the contracts, empty; no feed has begun."""
    return Lake(scratch_lake.store, scratch_lake.tables, all_contracts)
