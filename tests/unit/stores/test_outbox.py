import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stores.errors import Conflict, OutboxError, OutboxFull, TooLarge
from stores.outbox import MAX_PAYLOAD_BYTES, Draft, Outbox, ReceiptKey

# Appends one receipt after the other and says so, until it is killed.
TILL = """
import sys
from pathlib import Path
from stores.outbox import Draft, Outbox

outbox = Outbox(Path(sys.argv[1]), "330")
while True:
    print(outbox.append(Draft("pos.receipts", "1", b'{"total":100}')), flush=True)
"""


def receipt(number: str = "17", body: bytes = b'{"total":100}', register_id: str = "1") -> Draft:
    return Draft("pos.receipts", register_id, body, ReceiptKey("2026-11-20", number))


@pytest.fixture
def outbox(tmp_path: Path):
    with Outbox(tmp_path / "outbox.db", "330") as opened:
        yield opened


def test_survives_kill(tmp_path: Path):
    """Every event id that append returned before kill -9 is in the outbox afterwards, in order, without a gap."""
    path = tmp_path / "outbox.db"
    till = subprocess.Popen([sys.executable, "-c", TILL, str(path)], stdout=subprocess.PIPE, text=True)
    assert till.stdout is not None
    returned = [till.stdout.readline().strip() for _ in range(50)]
    till.send_signal(signal.SIGKILL)
    returned += till.stdout.read().split()
    till.wait()
    with Outbox(path, "330") as outbox:
        kept = [row.event_id for row in outbox.pending(1_000_000)]
    assert kept[: len(returned)] == returned
    assert [int(name.rsplit(":", 1)[1]) for name in kept] == list(range(1, len(kept) + 1))


def test_seqs_count_per_register_and_feed(outbox: Outbox):
    """Seqs rise by one for each register and feed on its own, and go on after a restart."""
    drafts = [Draft("pos.receipts", "1", b'{"a":1}'), Draft("pos.receipts", "2", b'{"a":1}')]
    outbox.append_many([*drafts, Draft("store.inventory", "1", b'{"a":1}'), drafts[0]])
    outbox.close()
    with Outbox(outbox.path, "330") as again:
        again.append(drafts[0])
        seqs = [(row.feed, *row.event_id.split(":")[1::2]) for row in again.pending(10)]
    assert seqs == [
        ("pos.receipts", "1", "1"),
        ("pos.receipts", "2", "1"),
        ("store.inventory", "1", "1"),
        ("pos.receipts", "1", "2"),
        ("pos.receipts", "1", "3"),
    ]


def test_completes_the_envelope(outbox: Outbox):
    """The payload is the body with the outbox's own fields before it."""
    name = outbox.append(Draft("pos.receipts", "7", b'{"total":100,"text":"\xc3\xa9"}'))
    [row] = outbox.pending(10)
    assert json.loads(row.payload) == {
        "schema_version": "1.0",
        "event_id": name,
        "store_id": "330",
        "register_id": "7",
        "epoch": outbox.epoch,
        "seq": 1,
        "total": 100,
        "text": "é",
    }


def test_new_outbox_has_new_epoch(tmp_path: Path):
    """Every new outbox mints an epoch; one that is opened again keeps it."""
    epochs = []
    for name in ("a.db", "b.db", "a.db"):
        with Outbox(tmp_path / name, "330") as outbox:
            epochs.append(outbox.epoch)
    assert epochs[0] != epochs[1]
    assert epochs[0] == epochs[2]


def test_full_outbox_refuses_and_drops_nothing(tmp_path: Path):
    """A full outbox takes none of what it is given, keeps all it has, and takes again once something was sent."""
    with Outbox(tmp_path / "outbox.db", "330", max_pending=3) as outbox:
        outbox.append_many([receipt("1"), receipt("2")])
        with pytest.raises(OutboxFull, match="holds 2 unsent"):
            outbox.append_many([receipt("3"), receipt("4")])
        assert outbox.depth() == 2
        outbox.mark_sent([1])
        assert len(outbox.append_many([receipt("3"), receipt("4")])) == 2


def test_same_receipt_is_taken_once(outbox: Outbox):
    """A receipt that a till repeats gets its first event id, also after it was sent."""
    first = outbox.append(receipt())
    assert outbox.append(receipt()) == first
    outbox.mark_sent([1])
    assert outbox.append(receipt()) == first
    assert outbox.depth() == 0


@pytest.mark.parametrize("other", [receipt(number="18"), receipt(register_id="2")])
def test_other_receipts_are_taken(outbox: Outbox, other: Draft):
    """Another number, or the same number of another register, is another receipt."""
    assert outbox.append(receipt()) != outbox.append(other)
    assert outbox.depth() == 2


def test_other_body_conflicts(outbox: Outbox):
    """The same receipt with another content is refused, together with everything that came with it."""
    outbox.append(receipt())
    with pytest.raises(Conflict, match="Receipt 17 of register 1 on 2026-11-20"):
        outbox.append_many([receipt("18"), receipt(body=b'{"total":101}')])
    assert outbox.depth() == 1
    assert outbox.append(receipt("18")).endswith(":2")


def test_too_large_is_refused(outbox: Outbox):
    """A message that the topic would not take is refused before it can block what is behind it."""
    with pytest.raises(TooLarge):
        outbox.append(Draft("pos.receipts", "1", b'{"a":"' + b"x" * MAX_PAYLOAD_BYTES + b'"}'))
    assert outbox.depth() == 0


def test_mark_sent_twice_counts_once(outbox: Outbox):
    """Marking a row again, as late delivery reports do, leaves the depth right."""
    outbox.append_many([receipt("1"), receipt("2")])
    outbox.mark_sent([1])
    outbox.mark_sent([1])
    assert outbox.depth() == 1
    assert [row.id for row in outbox.pending(10)] == [2]


def test_pending_goes_on_after_an_id(outbox: Outbox):
    """Pending rows come oldest first, limited, from an id on."""
    outbox.append_many([receipt(str(number)) for number in range(5)])
    assert [row.id for row in outbox.pending(2, after=1)] == [2, 3]


def test_age_of_the_oldest(outbox: Outbox):
    """An empty outbox has age 0; the oldest unsent row gives the age."""
    assert outbox.oldest_age_seconds() == 0
    outbox.append(receipt())
    assert outbox.oldest_age_seconds() >= 0


def kept(outbox: Outbox, table: str = "messages") -> list[int]:
    return [row_id for (row_id,) in outbox._database.execute(f"SELECT id FROM {table} ORDER BY id")]  # noqa: S608


def test_sent_rows_are_pruned(outbox: Outbox, monkeypatch: pytest.MonkeyPatch):
    """Sent rows beyond the bound go, from the oldest on; unsent ones stay, however old."""
    monkeypatch.setattr("stores.outbox.KEEP_SENT", 2)
    outbox.append_many([receipt(str(number)) for number in range(6)])
    outbox.mark_sent([2, 3, 4, 5, 6])
    assert [row.id for row in outbox.pending(10)] == [1]
    outbox.mark_sent([1])
    assert kept(outbox) == [5, 6]


def test_pruning_goes_by_steps(outbox: Outbox, monkeypatch: pytest.MonkeyPatch):
    """However much may go, a marking lets go of so many rows and no more: the door waits for it."""
    outbox.append_many([receipt(str(number)) for number in range(10)])
    outbox.mark_sent(range(1, 11))
    for name, value in (("KEEP_SENT", 1), ("KEEP_RECEIPTS", 1), ("PRUNE_AT_ONCE", 4)):
        monkeypatch.setattr(f"stores.outbox.{name}", value)
    for oldest in (5, 9, 10):
        outbox.mark_sent([])
        assert kept(outbox)[0] == kept(outbox, "receipts")[0] == oldest


def test_unsent_receipts_are_known(outbox: Outbox, monkeypatch: pytest.MonkeyPatch):
    """A receipt that still waits is known when a till repeats it, however many came after it."""
    monkeypatch.setattr("stores.outbox.KEEP_RECEIPTS", 1)
    names = outbox.append_many([receipt("1"), receipt("2"), receipt("3")])
    outbox.mark_sent([3])
    assert outbox.append_many([receipt("1"), receipt("2"), receipt("3")]) == names


def test_marking_does_not_pass_over_the_backlog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Marking takes as many steps with a long backlog as with a short one."""
    monkeypatch.setattr("stores.outbox.KEEP_SENT", 1)

    def steps(backlog: int) -> int:
        count = 0

        def step() -> None:
            nonlocal count
            count += 1

        with Outbox(tmp_path / f"{backlog}.db", "330") as outbox:
            outbox.append_many([Draft("pos.receipts", "1", b'{"a":1}')] * backlog)
            outbox._database.set_progress_handler(step, 100)
            outbox.mark_sent([1])
        return count

    assert steps(20_000) <= steps(200) + 2


def test_full_outbox_knows_a_repeated_receipt(outbox: Outbox):
    """A till that repeats what a full outbox has is told that it has it, also when the bound was lowered since."""
    names = outbox.append_many([receipt("1"), receipt("2")])
    with Outbox(outbox.path, "330", max_pending=1) as full:
        assert full.append_many([receipt("1"), receipt("2")]) == names
        with pytest.raises(OutboxFull):
            full.append(receipt("3"))


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_nobody_else_may_read_it(tmp_path: Path):
    """Receipts are private: the files of an outbox are their owner's alone, and so is a folder made for them."""
    path = tmp_path / "new" / "outbox.db"
    with Outbox(path, "330") as outbox:
        outbox.append(receipt())
        assert {file.name: mode(file) for file in path.parent.iterdir()} == dict.fromkeys(
            ("outbox.db", "outbox.db-wal", "outbox.db-shm"), 0o600
        )
    assert mode(path.parent) == 0o700


def test_an_open_outbox_is_closed_to_others(tmp_path: Path):
    """An outbox that others could read is its owner's alone once it was opened."""
    path = tmp_path / "outbox.db"
    with Outbox(path, "330"):
        for file in tmp_path.iterdir():
            file.chmod(0o644)
        with Outbox(path, "330"):
            assert {mode(file) for file in tmp_path.iterdir()} == {0o600}


def test_a_new_outbox_is_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The names of a new outbox and of its folders are on the disk before anything is taken, as is what is taken."""
    synced: list[int] = []
    monkeypatch.setattr("stores.outbox.os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    path = tmp_path / "one" / "two" / "outbox.db"
    with Outbox(path, "330") as outbox:
        assert {each.stat().st_ino for each in (tmp_path, tmp_path / "one", path.parent)} <= set(synced)
        for pragma, value in (("synchronous", 2), ("fullfsync", 1)):
            assert outbox._database.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_two_processes_share_an_outbox(outbox: Outbox):
    """What the door appends is seen by a sender that has the same file open."""
    with Outbox(outbox.path, "330") as other:
        outbox.append(receipt())
        assert [row.id for row in other.pending(10)] == [1]
        other.mark_sent([1])
    assert outbox.depth() == 0


def test_another_stores_outbox_is_refused(outbox: Outbox):
    """An outbox belongs to one store."""
    with pytest.raises(OutboxError, match="outbox of store 330, not of store 367"):
        Outbox(outbox.path, "367")


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\x00" + b"\x01" * 200])
def test_no_outbox_is_refused(tmp_path: Path, content: bytes):
    """A file that is something else is left as it is."""
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(OutboxError):
        Outbox(path, "330")
    assert path.read_bytes() == content


def test_a_full_disk_refuses_and_drops_nothing(outbox: Outbox):
    """On a full disk an append is refused as a whole, what was taken can be read and sent, and with room again the
    seqs go on without a gap.
    """
    outbox.append(receipt("1"))
    large = [Draft("pos.receipts", "1", b'{"a":"' + b"x" * 100_000 + b'"}')] * 2
    [pages] = outbox._database.execute("PRAGMA page_count").fetchone()
    outbox._database.execute(f"PRAGMA max_page_count = {pages + 30}")
    with pytest.raises(OutboxError, match=r"full.*Check the disk"):
        outbox.append_many(large)
    assert [row.id for row in outbox.pending(10)] == [1]
    outbox.mark_sent([1])
    assert outbox.depth() == 0
    outbox._database.execute("PRAGMA max_page_count = 1000000")
    assert [name.rsplit(":", 1)[1] for name in outbox.append_many(large)] == ["2", "3"]


def test_a_place_that_cannot_be_used_is_told(tmp_path: Path):
    """Where no file can be made, the error says so and what to do, as with a file that is no outbox."""
    (tmp_path / "file").touch()
    with pytest.raises(OutboxError, match=r"cannot be opened as an outbox.*another path"):
        Outbox(tmp_path / "file" / "outbox.db", "330")


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b' {"a":1}'])
def test_body_must_be_an_object(outbox: Outbox, body: bytes):
    """What is no JSON object with fields cannot be completed."""
    with pytest.raises(ValueError, match="JSON object"):
        outbox.append(Draft("pos.receipts", "1", body))


@pytest.mark.parametrize("store_id", ["", "3:30", "a b"])
def test_store_id_must_fit_into_event_ids(tmp_path: Path, store_id: str):
    """A store's id that would make event ids ambiguous is refused before a file is made."""
    with pytest.raises(ValueError, match="cannot be part of an event_id"):
        Outbox(tmp_path / "outbox.db", store_id)
    assert not (tmp_path / "outbox.db").exists()
