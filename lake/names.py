"""How the objects of the lake are called.

The name says which offsets of which topic an object holds, and ends in the hash of its bytes: the same content is the
same object, and nobody can change a committed object under its name.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

BATCHES = "_batches"
SNAPSHOT_SUFFIX = ".sequences.parquet"
_DIGEST_LENGTH = 16
_NAME = re.compile(
    r"(?P<topic_id>[A-Za-z0-9_-]+)-(?P<partition>\d+)-(?P<first>\d+)-(?P<last>\d+)"
    r"\.(?P<digest>[0-9a-f]{16})\.parquet"
)
_BUSINESS_DATE = re.compile(r"(?:^|/)dt=(\d{4}-\d\d-\d\d)(?:/|$)")

_REWRITTEN = re.compile(r"[a-z]+\.(?P<digest>[0-9a-f]{16})\.parquet")


@dataclass(frozen=True)
class ObjectName:
    """What the last part of an object's path says. `first` and `last` are offsets, both included."""

    topic_id: str
    partition: int
    first: int
    last: int
    digest: str

    def __str__(self) -> str:
        return f"{self.topic_id}-{self.partition}-{self.first}-{self.last}.{self.digest}.parquet"


def object_path(
    partition_values: Mapping[str, str], topic_id: str, partition: int, *, first: int, last: int, body: bytes
) -> str:
    """The path of an object within its table: `dt=2026-11-23/hour=14/<name>`, values in the order of the table."""
    folders = [f"{column}={value}" for column, value in partition_values.items()]
    return "/".join([*folders, str(ObjectName(topic_id, partition, first, last, digest(body)))])


def rewritten_path(partition_values: Mapping[str, str], why: str, body: bytes) -> str:
    """The path of an object that took the rows of others: named for why (`compacted`, `replayed`) and for its content,
    as their offsets may be any.
    """
    folders = [f"{column}={value}" for column, value in partition_values.items()]
    return "/".join([*folders, f"{why}.{digest(body)}.parquet"])


def digest_of(path: str) -> str | None:
    """The digest an object is named for, or None where others named it."""
    name = parse(path)
    match = _REWRITTEN.fullmatch(path.rpartition("/")[2])
    return name.digest if name else match["digest"] if match else None


def digest(body: bytes) -> str:
    """The part of an object's name that stands for its content."""
    return hashlib.sha256(body).hexdigest()[:_DIGEST_LENGTH]


def parse(path: str) -> ObjectName | None:
    """What an object's name says, or None where it was not named by the ingest job (by a compaction, say)."""
    if not (match := _NAME.fullmatch(path.rpartition("/")[2])):
        return None
    return ObjectName(
        match["topic_id"], int(match["partition"]), int(match["first"]), int(match["last"]), match["digest"]
    )


def business_date(path: str) -> date | None:
    """The business date of the partition in an object's path, or None where its table has none."""
    match = _BUSINESS_DATE.search(path)
    return date.fromisoformat(match[1]) if match else None


def manifest_key(feed: str, generation: int, batch: int) -> str:
    return f"{BATCHES}/{feed}/{generation}/{batch:012d}.json"


def batch_of(key: str) -> tuple[str, int, int]:
    """Feed, generation and batch of a manifest's key."""
    _, feed, generation, name = key.split("/")
    return feed, int(generation), int(name.removesuffix(".json"))


def snapshot_key(feed: str, generation: int, batch: int, body: bytes) -> str:
    """The key of the sequence state after a batch: two drivers that plan the batch differently never share it."""
    return f"{BATCHES}/{feed}/{generation}/{batch:012d}.{digest(body)}{SNAPSHOT_SUFFIX}"


def snapshot_of(key: str) -> tuple[str, int, int]:
    """Feed, generation and batch of a snapshot's key."""
    _, feed, generation, name = key.split("/")
    return feed, int(generation), int(name.partition(".")[0])


def checkpoints_prefix(feed: str) -> str:
    """Where Spark's checkpoints of a feed are, in the bucket for checkpoints: one folder a generation."""
    return f"ingest/{feed}/"


def generation_key(feed: str) -> str:
    return f"{BATCHES}/{feed}/current.json"


def rollup_id(curated: str, source_table_id: str) -> str:
    """The id under which a curated table's log keeps the version of the raw table that it was computed from."""
    return f"{curated}/{source_table_id}"


def application_id(feed: str, generation: int) -> str:
    """The id of the stream in Delta's application transactions; the batch is the version."""
    return f"{feed}/{generation}"
