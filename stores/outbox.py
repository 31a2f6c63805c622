"""The outbox of one store: what was appended survives, and leaves in the order in which it came.

SQLite with a write-ahead log and `synchronous=FULL`: once `append` has returned, the message is on the disk and
survives `kill -9` and a power cut. Several processes of one user may use one outbox (the door appends, the sender
sends); nobody else may read it.
"""

import hashlib
import os
import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from contracts.events import event_id
from stores.errors import Conflict, OutboxError, OutboxFull, TooLarge

SCHEMA_VERSION = "1.0"
"""The version of the contracts that this store speaks."""

MAX_PENDING = 1_000_000
MAX_PAYLOAD_BYTES = 1_048_576
KEEP_SENT = 10_000
"""So many of the newest messages are kept after they were sent, to look at."""
KEEP_RECEIPTS = 500_000
"""So many of the newest receipts are known again when a till repeats one."""
PRUNE_AT_ONCE = 4_000
"""So many old rows go with one marking, which is more than it marks: the door waits no longer than that takes."""

_TABLES = """
CREATE TABLE outbox (
    store_id TEXT NOT NULL, epoch TEXT NOT NULL, last_id INTEGER NOT NULL, pending INTEGER NOT NULL
);
CREATE TABLE seqs (
    feed TEXT NOT NULL, register_id TEXT NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY (feed, register_id)
) WITHOUT ROWID;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, feed TEXT NOT NULL, event_id TEXT NOT NULL, payload BLOB NOT NULL,
    appended_ms INTEGER NOT NULL
);
CREATE TABLE pending (id INTEGER PRIMARY KEY);
CREATE TABLE receipts (
    id INTEGER PRIMARY KEY, register_id TEXT NOT NULL, business_date TEXT NOT NULL, receipt_no TEXT NOT NULL,
    body_hash BLOB NOT NULL, event_id TEXT NOT NULL, UNIQUE (register_id, business_date, receipt_no)
);
"""
_OLD_MESSAGES = "DELETE FROM messages WHERE id IN (SELECT id FROM messages WHERE id <= ? ORDER BY id LIMIT ?)"
_OLD_RECEIPTS = "DELETE FROM receipts WHERE id IN (SELECT id FROM receipts WHERE id <= ? ORDER BY id LIMIT ?)"


@dataclass(frozen=True, slots=True)
class ReceiptKey:
    """What makes a receipt the same receipt, beside its register."""

    business_date: str
    receipt_no: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before the outbox has it. `body` is a JSON object without the envelope's fields but event_time and
    business_date. With `receipt`, a second append of the same content changes nothing.
    """

    feed: str
    register_id: str
    body: bytes
    receipt: ReceiptKey | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """A message that waits to be sent. `payload` are the very bytes that go to Kafka."""

    id: int
    feed: str
    event_id: str
    payload: bytes
    appended_ms: int


def complete(draft: Draft, *, store_id: str, epoch: str, seq: int) -> tuple[str, bytes]:
    """Put the envelope before a body; return event id and payload. Raises ValueError where an id is none."""
    if not draft.body.startswith(b'{"'):
        raise ValueError("a body is a JSON object with at least one field, without leading blanks")
    name = event_id(store_id, draft.register_id, epoch, seq)
    envelope = (
        f'{{"schema_version":"{SCHEMA_VERSION}","event_id":"{name}","store_id":"{store_id}",'
        f'"register_id":"{draft.register_id}","epoch":"{epoch}","seq":{seq},'
    )
    return name, envelope.encode() + draft.body[1:]


class Outbox:
    """Open an outbox, or make a new one, which mints its own epoch. Thread-safe.

    Raises OutboxError where the file is no outbox, or another store's.
    """

    def __init__(self, path: Path, store_id: str, *, max_pending: int = MAX_PENDING) -> None:
        event_id(store_id, "1", "0", 1)  # a store's id that cannot stand in an event's id never becomes an outbox
        self.path = path
        self.store_id = store_id
        self.max_pending = max_pending
        self._lock = threading.Lock()
        try:
            _make_private(path)
            self._database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            # On macOS a plain fsync leaves the data in the disk's own cache; elsewhere this changes nothing.
            self._database.execute("PRAGMA fullfsync = ON")
            owner, self.epoch = self._found_or_made()
        except (OSError, sqlite3.Error) as error:
            raise OutboxError(
                f"{path} cannot be opened as an outbox: {error}. Nothing was changed. "
                "Keep the file, it may hold unsent receipts; start with another path: a new outbox has its own epoch."
            ) from error
        if owner != store_id:
            self.close()
            raise OutboxError(
                f"{path} is the outbox of store {owner}, not of store {store_id}. Nothing was changed. "
                f"Give the path of this store's own outbox, or --store-id {owner}."
            )
        _close_to_others(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. What is in it stays; unsent messages are sent after the next start."""
        with self._lock:
            self._database.close()

    def append(self, draft: Draft) -> str:
        """Take one message and return its event id. As `append_many`."""
        return self.append_many([draft])[0]

    def append_many(self, drafts: Sequence[Draft]) -> list[str]:
        """Take all messages or none; return their event ids in order. They are on the disk when this returns.

        A receipt that is known with the same body is not taken again: its first event id is returned.
        Raises OutboxFull, Conflict, TooLarge, ValueError (no valid body or id); nothing was taken then.
        """
        with self._transaction() as database:
            last_id, waiting = database.execute("SELECT last_id, pending FROM outbox").fetchone()
            seqs = _Seqs(database)
            appended_ms = time.time_ns() // 1_000_000
            first_id, names, rows = last_id + 1, [], []
            for draft in drafts:
                if draft.receipt and (known := self._known(database, draft, draft.receipt)):
                    names.append(known)
                    continue
                last_id += 1
                name, payload = complete(
                    draft, store_id=self.store_id, epoch=self.epoch, seq=seqs.next(draft.feed, draft.register_id)
                )
                if len(payload) > MAX_PAYLOAD_BYTES:
                    raise TooLarge(
                        f"A message of {len(payload)} bytes for {draft.feed} is longer than {MAX_PAYLOAD_BYTES}. "
                        "Nothing was taken. Split the receipt at the till."
                    )
                if draft.receipt:
                    self._remember(database, last_id, draft, draft.receipt, name)
                names.append(name)
                rows.append((last_id, draft.feed, name, payload, appended_ms))
            if rows and waiting + len(rows) > self.max_pending:
                raise OutboxFull(
                    f"The outbox of store {self.store_id} holds {waiting} unsent messages and may hold "
                    f"{self.max_pending}. Nothing was taken and nothing dropped. "
                    f"See why it does not empty: is the sender running? tillstream stores send --outbox {self.path}"
                )
            database.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?)", rows)
            database.execute("INSERT INTO pending SELECT id FROM messages WHERE id >= ?", (first_id,))
            database.execute("UPDATE outbox SET last_id = ?, pending = pending + ?", (last_id, len(rows)))
            seqs.store()
        return names

    def pending(self, limit: int, *, after: int = 0) -> list[Pending]:
        """The oldest messages that were not marked as sent, in the order of their append, from an id on."""
        query = (
            "SELECT id, feed, event_id, payload, appended_ms FROM pending JOIN messages USING (id) "
            "WHERE id > ? ORDER BY id LIMIT ?"
        )
        with self._reading() as database:
            return [Pending(*row) for row in database.execute(query, (after, limit))]

    def mark_sent(self, ids: Iterable[int]) -> None:
        """These were acknowledged by Kafka. Forgetting it in a power cut only sends them twice, so it is not synced."""
        with self._transaction(synchronous="NORMAL") as database:
            marked = database.executemany("DELETE FROM pending WHERE id = ?", [(each,) for each in ids]).rowcount
            database.execute("UPDATE outbox SET pending = pending - ?", (max(marked, 0),))
            self._prune(database)

    def depth(self) -> int:
        """How many messages wait to be sent."""
        with self._reading() as database:
            depth: int = database.execute("SELECT pending FROM outbox").fetchone()[0]
        return depth

    def oldest_age_seconds(self) -> float:
        """For how long the oldest unsent message has been waiting; 0 where none does."""
        query = "SELECT appended_ms FROM pending JOIN messages USING (id) ORDER BY id LIMIT 1"
        with self._reading() as database:
            row = database.execute(query).fetchone()
        return max(0.0, time.time() - row[0] / 1000) if row else 0.0

    def _prune(self, database: sqlite3.Connection) -> None:
        """Let some of the oldest rows go. What stands before the oldest unsent row is looked at and no more: to pass
        over a long backlog again and again would take longer than to send it.
        """
        query = "SELECT last_id, coalesce((SELECT min(id) FROM pending), last_id + 1) FROM outbox"
        last_id, unsent = database.execute(query).fetchone()
        for old, keep in ((_OLD_MESSAGES, KEEP_SENT), (_OLD_RECEIPTS, KEEP_RECEIPTS)):
            database.execute(old, (min(last_id - keep, unsent - 1), PRUNE_AT_ONCE))

    def _known(self, database: sqlite3.Connection, draft: Draft, key: ReceiptKey) -> str | None:
        query = (
            "SELECT body_hash, event_id FROM receipts WHERE register_id = ? AND business_date = ? AND receipt_no = ?"
        )
        row = database.execute(query, (draft.register_id, key.business_date, key.receipt_no)).fetchone()
        if row is None:
            return None
        body_hash, name = row
        if body_hash != _hash(draft.body):
            raise Conflict(
                f"Receipt {key.receipt_no} of register {draft.register_id} on {key.business_date} is already taken as "
                f"{name}, with another content. The first one stays, nothing was taken. "
                "Send a correction as a receipt of its own, with its own number."
            )
        return str(name)

    def _remember(self, database: sqlite3.Connection, row_id: int, draft: Draft, key: ReceiptKey, name: str) -> None:
        values = (row_id, draft.register_id, key.business_date, key.receipt_no, _hash(draft.body), name)
        database.execute("INSERT INTO receipts VALUES (?, ?, ?, ?, ?, ?)", values)

    def _found_or_made(self) -> tuple[str, str]:
        """Whose outbox this is, and its epoch."""
        with self._transaction() as database:
            if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
                for statement in filter(str.strip, _TABLES.split(";")):
                    database.execute(statement)
                database.execute("INSERT INTO outbox VALUES (?, ?, 0, 0)", (self.store_id, secrets.token_hex(6)))
            store_id, epoch = database.execute("SELECT store_id, epoch FROM outbox").fetchone()
        if not re.fullmatch(r"[0-9a-f]{12}", epoch):
            raise sqlite3.DatabaseError(f"its epoch is {epoch!r}")
        return store_id, epoch

    @contextmanager
    def _transaction(self, synchronous: str = "FULL") -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._database.execute(f"PRAGMA synchronous = {synchronous}")
                self._database.execute("BEGIN IMMEDIATE")
                try:
                    yield self._database
                    self._database.execute("COMMIT")
                except BaseException:
                    if self._database.in_transaction:
                        self._database.execute("ROLLBACK")
                    raise
            except sqlite3.Error as error:
                raise self._broken(error) from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._database
            except sqlite3.Error as error:
                raise self._broken(error) from error

    def _broken(self, error: sqlite3.Error) -> OutboxError:
        return OutboxError(
            f"The outbox {self.path} could not be read or written: {error}. What was acknowledged before is in it, "
            "what was asked now is not. Check the disk (df), then start again."
        )


class _Seqs:
    """The last seq of each register and feed, within one transaction."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._last: dict[tuple[str, str], int] = {}

    def next(self, feed: str, register_id: str) -> int:
        key = (feed, register_id)
        if key not in self._last:
            query = "SELECT last_seq FROM seqs WHERE feed = ? AND register_id = ?"
            row = self._database.execute(query, key).fetchone()
            self._last[key] = row[0] if row else 0
        self._last[key] += 1
        return self._last[key]

    def store(self) -> None:
        self._database.executemany(
            "INSERT INTO seqs VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET last_seq = excluded.last_seq",
            [(*key, last) for key, last in self._last.items()],
        )


def _hash(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _make_private(path: Path) -> None:
    """Make the file, and its folder, where there is none: for its owner alone, and so that a power cut takes back
    neither.
    """
    folders = [path.parent, *(each.parent for each in path.parents if not each.exists())]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    for folder in folders:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _close_to_others(path: Path) -> None:
    """An outbox of an earlier version, or one that was copied, may be open to others."""
    for suffix in ("", "-wal", "-shm"):
        # One of the two goes when another process closes the outbox; another user's file is theirs to close.
        with suppress(FileNotFoundError, PermissionError):
            path.with_name(path.name + suffix).chmod(0o600)
