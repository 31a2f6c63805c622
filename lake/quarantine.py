"""What was refused: found by feed, reason and store, and shown whole."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from contracts.events import SIGNATURE
from contracts.system_tables import QUARANTINE
from lake.errors import LakeError
from lake.places import Place
from lake.tables import DeltaTables, scan

_LISTED = (
    "feed",
    "topic",
    "kafka_partition",
    "kafka_offset",
    "kafka_timestamp",
    "key",
    "reason",
    "detail",
    "batch_time",
)
_SHOWN = (*_LISTED, "payload", "headers", "job_version")


@dataclass(frozen=True)
class Refused:
    """One message in quarantine. `store` is the message's key, where that can be read; times are UTC."""

    feed: str
    place: Place
    store: str | None
    reason: str
    detail: str | None
    sent: datetime | None
    refused: datetime


@dataclass(frozen=True)
class RefusedWhole:
    """A message in quarantine with all it came with. `payload` is None for a tombstone."""

    message: Refused
    payload: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    job_version: str

    def payload_text(self) -> str:
        """Indented where it is JSON, as it is where it is text, else as bytes are written in Python."""
        if self.payload is None:
            return "(no payload: a tombstone)"
        try:
            text = self.payload.decode()
        except UnicodeDecodeError:
            return repr(self.payload)
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return text

    def header_texts(self) -> dict[str, str]:
        """Text where it is text, hexadecimal for the signature and what is not."""
        return {key: _text(key, value) for key, value in self.headers}


def find(
    tables: DeltaTables, feed: str | None = None, reason: str | None = None, store: str | None = None
) -> list[Refused]:
    """Every refused message of these properties, oldest first."""
    conditions = [_equals(column, value) for column, value in (("feed", feed), ("reason", reason)) if value]
    found = (_refused(row) for row in _rows(tables, _LISTED, " AND ".join(conditions) or None))
    return sorted((each for each in found if store in (None, each.store)), key=lambda each: (each.feed, each.place))


def show(tables: DeltaTables, place: Place) -> RefusedWhole:
    """One refused message. Raise LakeError where there is none at that place."""
    condition = (
        f"kafka_partition = {place.partition} AND kafka_offset = {place.offset} AND {_equals('topic', place.topic)}"
    )
    for row in _rows(tables, _SHOWN, condition):
        headers = tuple((each["key"], each["value"]) for each in row["headers"] or ())
        return RefusedWhole(_refused(row), row["payload"], headers, row["job_version"])
    raise LakeError(f"{place} is not in quarantine. What became of it: tillstream explain {place}")


def _rows(tables: DeltaTables, columns: Sequence[str], condition: str | None) -> Iterable[Mapping[str, Any]]:
    for batch in scan(tables.table(QUARANTINE), columns, condition):
        yield from batch.to_pylist()


def _refused(row: Mapping[str, Any]) -> Refused:
    return Refused(
        feed=row["feed"],
        place=Place(row["topic"], row["kafka_partition"], row["kafka_offset"]),
        store=_readable(row["key"]),
        reason=row["reason"],
        detail=row["detail"],
        sent=row["kafka_timestamp"],
        refused=row["batch_time"],
    )


def _readable(value: bytes | None) -> str | None:
    try:
        return value.decode() if value is not None else None
    except UnicodeDecodeError:
        return None


def _text(key: str, value: bytes | None) -> str:
    if value is None:
        return "(null)"
    text = None if key == SIGNATURE else _readable(value)
    return text if text is not None and text.isprintable() else value.hex()


def _equals(column: str, value: str) -> str:
    """A condition in SQL; the value comes from a command line."""
    escaped = value.replace("'", "''")
    return f"{column} = '{escaped}'"
