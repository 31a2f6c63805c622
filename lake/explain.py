"""Where an object, an event or an offset came from, and what became of it.

The answer is put together from the tables' rows, from the log and from the manifest of the batch.
"""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from contracts import Contract
from contracts.events import EVENT_ID
from contracts.system_tables import DUPLICATES, QUARANTINE
from lake import names
from lake.errors import LakeError, ObjectMissing
from lake.manifests import BatchManifest
from lake.places import Place, find_batch
from lake.status import Committed, committed
from lake.tables import DeltaTables, scan

Outcome = Literal["row", "quarantined", "duplicate", "not yet ingested", "nothing"]
_EVENT_ID = re.compile(r"[A-Za-z0-9_.]+(:[A-Za-z0-9_.]+){2}:\d+")
_PLACE_COLUMNS = ("kafka_topic_id", "kafka_partition", "kafka_offset")


@dataclass(frozen=True)
class Batch:
    """The batch an offset went through, from its manifest."""

    feed: str
    generation: int
    batch: int
    time: str
    job_version: str
    contract_version: str
    manifest: str


@dataclass(frozen=True)
class Fate:
    """What became of one message. `items` counts its rows in the child tables; `objects` are those that hold it."""

    place: Place
    outcome: Outcome
    table: str | None
    event_id: str | None
    detail: str | None
    items: Mapping[str, int]
    objects: tuple[str, ...]
    batch: Batch | None


@dataclass(frozen=True)
class ObjectFate:
    """One Parquet object. `state` is where the log has it; `intact` says that its bytes are those it is named for."""

    key: str
    table: str
    topic: str | None
    partition: int | None
    first: int | None
    last: int | None
    size: int
    state: Literal["in the table", "replaced", "in no log"]
    intact: bool | None
    batch: Batch | None


def explain(tables: DeltaTables, contracts: Mapping[str, Contract], subject: str) -> list[Fate] | ObjectFate:
    """Explain `table/…/name.parquet` (with or without the bucket), an event_id, or `topic:partition:offset`.

    An event may have come more than once: then each of its messages is explained. Raise LakeError where the subject is
    none of these, or is nowhere.
    """
    if subject.endswith(".parquet"):
        return _object(tables, contracts, subject.removeprefix(f"{tables.store.uri}/"))
    if _EVENT_ID.fullmatch(subject):
        return _event(tables, contracts, subject)
    place = Place.parse(subject)
    contract = next((each for each in contracts.values() if each.topic.name == place.topic), None)
    claim = committed(tables, contract) if contract else None
    if contract is None or claim is None:
        raise LakeError(f"No feed of the contracts has been ingested from {place.topic}.")
    if place.partition not in claim.end_offsets:
        raise LakeError(f"{place.topic} has no partition {place.partition}.")
    return [_message(tables, contract, claim, place)]


def _message(tables: DeltaTables, contract: Contract, claim: Committed, place: Place) -> Fate:
    if place.offset >= claim.end_offsets[place.partition]:
        return Fate(place, "not yet ingested", None, None, None, {}, (), None)
    at = (
        f"kafka_topic_id = '{claim.topic_id}' AND kafka_partition = {place.partition} AND kafka_offset = {place.offset}"
    )
    batch = find_batch(tables.store, claim, claim.topic_id, place.partition, place.offset)
    for outcome, table, columns in _outcomes(contract):
        shared = f" AND feed = '{contract.feed}'" if table in (QUARANTINE, DUPLICATES) else ""
        for row in _rows(tables, table, columns, at + shared):
            items = {each.name: _count(tables, each.name, at) for each in contract.children} if outcome == "row" else {}
            return Fate(
                place=place,
                outcome=outcome,
                table=table,
                event_id=_event_id(row),
                detail=_detail(row, outcome),
                items=items,
                objects=tuple(_holding(tables, (table, *items), claim.topic_id, place)),
                batch=_batch(tables, batch),
            )
    detail = "the lake says it has ingested this offset, but no table has it: run tillstream verify"
    return Fate(place, "nothing", None, None, detail, {}, (), _batch(tables, batch))


def _outcomes(contract: Contract) -> Iterator[tuple[Outcome, str, Sequence[str]]]:
    yield "row", contract.parent.name, ("event_id",)
    yield "quarantined", QUARANTINE, ("headers", "reason", "detail")
    yield "duplicate", DUPLICATES, ("event_id",)


def _event(tables: DeltaTables, contracts: Mapping[str, Contract], event_id: str) -> list[Fate]:
    fates: list[Fate] = []
    for contract in contracts.values():
        claim = committed(tables, contract)
        if claim is not None:
            places = sorted(_places(tables, contract, claim, event_id))
            fates += [_message(tables, contract, claim, place) for place in places]
    if not fates:
        raise LakeError(
            f"No message of {event_id} is in the lake. It was not sent, has not arrived (tillstream verify shows the "
            "lag), or is in quarantine without a readable event_id (tillstream quarantine list)."
        )
    return fates


def _places(tables: DeltaTables, contract: Contract, claim: Committed, event_id: str) -> set[Place]:
    own = f"event_id = '{event_id}' AND kafka_topic_id = '{claim.topic_id}'"
    shared = f"feed = '{contract.feed}' AND kafka_topic_id = '{claim.topic_id}'"
    found = [
        *_rows(tables, contract.parent.name, _PLACE_COLUMNS, own),
        *_rows(tables, DUPLICATES, _PLACE_COLUMNS, f"{own} AND feed = '{contract.feed}'"),
        *(row for row in _rows(tables, QUARANTINE, (*_PLACE_COLUMNS, "headers"), shared) if _event_id(row) == event_id),
    ]
    return {Place(claim.topic, row["kafka_partition"], row["kafka_offset"]) for row in found}


def _object(tables: DeltaTables, contracts: Mapping[str, Contract], key: str) -> ObjectFate:
    table, _, path = key.partition("/")
    try:
        body = tables.store.get(key)
    except ObjectMissing as error:
        raise LakeError(f"There is no object {tables.store.uri}/{key}.") from error
    handle = tables.table(table)
    name = names.parse(path)
    if f"{tables.table_uri(table)}/{path}" in handle.file_uris():
        state: Literal["in the table", "replaced", "in no log"] = "in the table"
    elif path in handle.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False):
        state = "replaced"
    else:
        state = "in no log"
    claim = _claim_of(tables, contracts, name) if name else None
    batch = find_batch(tables.store, claim, name.topic_id, name.partition, name.first) if claim and name else None
    # Another batch may have had these offsets, if this object was left behind.
    ours = batch is not None and any(each.path == path for each in batch.objects.get(table, ()))
    return ObjectFate(
        key=key,
        table=table,
        topic=claim.topic if claim else None,
        partition=name.partition if name else None,
        first=name.first if name else None,
        last=name.last if name else None,
        size=len(body),
        state=state,
        intact=names.digest(body) == expected if (expected := names.digest_of(path)) else None,
        batch=_batch(tables, batch) if ours else None,
    )


def _claim_of(tables: DeltaTables, contracts: Mapping[str, Contract], name: names.ObjectName) -> Committed | None:
    claims = (committed(tables, contract) for contract in contracts.values())
    return next((claim for claim in claims if claim and claim.topic_id == name.topic_id), None)


def _holding(tables: DeltaTables, of_tables: Sequence[str], topic_id: str, place: Place) -> Iterator[str]:
    """Objects named for a range that the place lies in, and compacted ones that have its rows."""
    for table in of_tables:
        handle = tables.last_seen(table)
        for path in sorted(_around(handle, place)):
            name = names.parse(path)
            if name is None:
                holds = _holds(tables.store.get(f"{table}/{path}"), topic_id, place)
            else:
                ours = (name.topic_id, name.partition) == (topic_id, place.partition)
                holds = ours and name.first <= place.offset <= name.last
            if holds:
                yield f"{tables.table_uri(table)}/{path}"


def _around(table: DeltaTable, place: Place) -> Iterator[str]:
    """The objects that can have rows of the place, by what the log says of them."""
    for row in pa.table(table.get_add_actions(flatten=True)).to_pylist():
        low, high = row.get("min.kafka_offset"), row.get("max.kafka_offset")
        if low is None or high is None or low <= place.offset <= high:
            yield row["path"]


def _holds(body: bytes, topic_id: str, place: Place) -> bool:
    rows = pq.read_table(io.BytesIO(body), columns=list(_PLACE_COLUMNS))
    wanted = zip(_PLACE_COLUMNS, (topic_id, place.partition, place.offset), strict=True)
    for column, value in wanted:
        rows = rows.filter(pc.equal(rows[column], value))
    return bool(rows.num_rows)


def _rows(tables: DeltaTables, table: str, columns: Sequence[str], condition: str) -> Iterator[Mapping[str, Any]]:
    for batch in scan(tables.table(table), columns, condition):
        yield from batch.to_pylist()


def _count(tables: DeltaTables, table: str, condition: str) -> int:
    return sum(1 for _ in _rows(tables, table, ["ordinal"], condition))


def _event_id(row: Mapping[str, Any]) -> str | None:
    if "event_id" in row:
        found: str | None = row["event_id"]
        return found
    values = [each["value"] for each in row["headers"] or () if each["key"] == EVENT_ID and each["value"]]
    return values[0].decode(errors="replace") if values else None


def _detail(row: Mapping[str, Any], outcome: Outcome) -> str | None:
    return f"{row['reason']}: {row['detail']}" if outcome == "quarantined" else None


def _batch(tables: DeltaTables, manifest: BatchManifest | None) -> Batch | None:
    if manifest is None:
        return None
    return Batch(
        feed=manifest.feed,
        generation=manifest.generation,
        batch=manifest.batch,
        time=manifest.batch_time,
        job_version=manifest.job_version,
        contract_version=manifest.contract_version,
        manifest=f"{tables.store.uri}/{manifest.key}",
    )
