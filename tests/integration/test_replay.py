"""Business dates made anew from their messages, on the tables of the emulated AWS. The real broker's turn comes in
test_upkeep_under_load.py.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from contracts.decoding import Decoder
from contracts.partitioning import partition_for
from contracts.splitting import split
from jobs.errors import IngestError
from jobs.ingest import rows
from jobs.ingest.checks import Stores
from jobs.ingest.signatures import Signatures
from jobs.ingest.sorting import Sorter
from jobs.messages import as_table
from jobs.replay.replay import Replay, Replayed
from jobs.replay.standing import Span, refused_in
from lake.errors import LakeError
from lake.manifests import load_state
from lake.sequences import SeqState
from lake.status import committed
from lake.tables import DeltaTables
from lake.upkeep import replacing, rewriting
from lake.upkeep.compaction import compact
from lake.upkeep.rewriting import RowsDiffer
from lake.verify import verify
from tests.support.lake import TOPIC_ID, Lake, duplicate_rows, quarantine_rows, receipt_rows
from tests.support.messages import MASTER_KEY, Till
from tests.support.scratch_lake import STORES
from topics.watermarks import TopicFacts

pytestmark = pytest.mark.integration

FEED, TOPIC, PARTITIONS = "pos.receipts", "pos.receipts.v1", 6
TABLES = ("receipt_lines", "receipt_tenders", "receipts")
DAY, NEXT = dt.date(2026, 11, 20), dt.date(2026, 11, 21)
PER_DAY = 6


@dataclass
class Kafka:
    """What the broker has: all messages of the topic, from `low` on."""

    messages: Mapping[int, pa.Table]
    low: int = 0

    def facts(self, _: str) -> TopicFacts:
        return TopicFacts(TOPIC_ID, PARTITIONS)

    def earliest(self, _: str, partitions: int) -> dict[int, int]:
        return dict.fromkeys(range(partitions), self.low)

    def since(self, _: str, partitions: Sequence[int], moment: dt.datetime) -> dict[int, int | None]:
        found: dict[int, int | None] = {}
        for partition in partitions:
            messages = self.messages.get(partition)
            later = [] if messages is None else messages.filter(pc.greater_equal(messages["timestamp"], moment))
            found[partition] = later["offset"][0].as_py() if len(later) else None
        return found

    def read(self, _: str, partition: int, start: int, end: int) -> Iterator[pa.Table]:
        messages = self.messages[partition]
        chosen = messages.filter(pc.and_(pc.greater_equal(messages["offset"], start), pc.less(messages["offset"], end)))
        for first in range(0, len(chosen), 5):
            yield chosen.slice(first, 5)


def sent() -> dict[int, pa.Table]:
    """Two stores, two days, a few receipts an hour; then one message that is refused and one that came twice."""
    queued: dict[int, list[dict[str, Any]]] = {}
    for store in ("330", "331"):
        till, partition = Till(store_id=store), partition_for(store.encode(), PARTITIONS)
        messages = queued.setdefault(partition, [])
        for day in (DAY, NEXT):
            for number in range(PER_DAY):
                at = dt.datetime.combine(day, dt.time(15 + number % 2, number), dt.UTC)
                said = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
                message = till.message(event_time=said, business_date=day.isoformat(), total=300)
                headers = [{"key": key, "value": value} for key, value in message.headers]
                body = {"key": message.key, "value": message.payload, "headers": headers}
                messages.append({"partition": partition, "offset": len(messages), "timestamp": at, **body})
        messages.append({**messages[0], "offset": len(messages), "value": b"{"})
        messages.append({**messages[0], "offset": len(messages)})
    return {partition: as_table(messages, dt.datetime.now(dt.UTC)) for partition, messages in queued.items()}


@pytest.fixture
def kafka() -> Kafka:
    return Kafka(sent())


@pytest.fixture
def filled(lake: Lake, kafka: Kafka) -> Lake:
    """What the stream makes of these messages."""
    lake.begin()
    made: dict[str, list[dict[str, Any]]] = {"quarantine": [], "duplicates": []}
    ends: dict[int, int] = {}
    seen: dict[str, tuple[int, ...]] = {}
    stores = Stores.from_table(STORES.select(["store_id", "time_zone", "key_generation"]))
    sorter = Sorter(Decoder(lake.contracts[FEED]), Signatures(MASTER_KEY), lambda *_: {})
    for partition, messages in kafka.messages.items():
        sound = messages.slice(0, 2 * PER_DAY)
        sorted_out = sorter.sort_out([sound], stores, SeqState({}), PARTITIONS)
        assert len(sorted_out.accepted) == 2 * PER_DAY
        seen |= sorted_out.seen
        accepted = sorted_out.accepted
        located = rows.located(accepted.decoded, accepted.messages, TOPIC_ID)
        for name, table in split(lake.contracts[FEED], located).items():
            made.setdefault(name, []).extend(table.to_pylist())
        made["quarantine"] += quarantine_rows([2 * PER_DAY], partition=partition)
        made["duplicates"] += duplicate_rows([2 * PER_DAY + 1], partition=partition)
        ends[partition] = len(messages)
    lake.ingest(0, made, ends, sequences=seen)
    assert_sound(lake)
    return lake


def replay(lake: Lake, kafka: Kafka, *stores: str, day: dt.date = DAY, dry: bool = False) -> Replayed:
    job = Replay(lake.contracts[FEED], DeltaTables(lake.store), kafka, kafka, MASTER_KEY)  # type: ignore[arg-type]
    return job.run(Span(frozenset({day}), frozenset(stores)), dry=dry)


def content(lake: Lake, name: str) -> list[dict[str, Any]]:
    found = lake.rows(name)
    return sorted(found, key=lambda row: (row["kafka_partition"], row["kafka_offset"], row["ordinal"]))


def contents(lake: Lake) -> dict[str, list[dict[str, Any]]]:
    return {name: content(lake, name) for name in TABLES}


def versions(lake: Lake) -> dict[str, int]:
    return {name: lake.tables.table(name).version() for name in (*TABLES, "quarantine", "duplicates")}


def objects(table: DeltaTable, day: dt.date) -> set[str]:
    return set(table.file_uris(file_pruning_predicate=[("dt", "=", day.isoformat())]))


def assert_sound(lake: Lake) -> None:
    report = verify(DeltaTables(lake.store), lake.contracts, None)
    assert report.sound, [*report.findings, *(feed.findings for feed in report.feeds)]


def spoil(lake: Lake, predicate: str = "true") -> None:
    """What a decoder with a fault might have left: amounts that are off, in all of the feed's tables alike."""
    for name, column in (("receipts", "total"), ("receipt_lines", "amount"), ("receipt_tenders", "amount")):
        lake.tables.table(name).update(updates={column: f"{column} * 10"}, predicate=predicate)


def cut_short(lake: Lake, name: str, day: dt.date = DAY) -> None:
    """An object of this day loses its end."""
    key = min(objects(lake.tables.table(name), day)).removeprefix(f"{lake.store.uri}/")
    lake.store.put(key, lake.store.get(key)[:-20])


def test_what_is_right_is_left_alone(filled: Lake, kafka: Kafka):
    """Where the rows are what the messages say, nothing is written and nothing committed."""
    before = versions(filled)
    keys = {info.key for info in filled.store.list("")}
    done = replay(filled, kafka)
    assert (done.messages, done.restored, done.refused, done.versions) == (2 * PER_DAY, 0, (), {})
    assert [(each.before, each.after, each.differing) for each in done.changes] == [
        (24, 24, 0),
        (12, 12, 0),
        (12, 12, 0),
    ]
    assert versions(filled) == before
    assert {info.key for info in filled.store.list("")} == keys


def test_wrong_rows_are_made_anew_and_no_others(filled: Lake, kafka: Kafka):
    """The rows of a day are what the messages say again; the other day's stay in the objects that they were in."""
    right = contents(filled)
    spoil(filled)
    wrong = contents(filled)
    before = {name: objects(filled.tables.table(name), NEXT) for name in TABLES}
    done = replay(filled, kafka)
    assert sorted(done.versions) == sorted(TABLES)
    for name in TABLES:
        expected = [row for row in right[name] if row["dt"] == DAY] + [row for row in wrong[name] if row["dt"] == NEXT]
        assert sorted(map(str, content(filled, name))) == sorted(map(str, expected))
        assert objects(filled.tables.table(name), NEXT) == before[name]
    assert_sound(filled)


def test_one_commit_a_table_and_twice_is_once(filled: Lake, kafka: Kafka):
    """Each table changes in one commit, which removes and adds; a second run finds nothing to do."""
    spoil(filled)
    before = versions(filled)
    replay(filled, kafka)
    after = versions(filled)
    assert {name: after[name] - before[name] for name in TABLES} == dict.fromkeys(TABLES, 1)
    log = filled.store.get(f"receipts/_delta_log/{after['receipts']:020d}.json").decode()
    assert (log.count('"remove"'), log.count('"add"')) == (2, 2)
    assert replay(filled, kafka).versions == {}
    assert versions(filled) == after


def test_one_store_alone(filled: Lake, kafka: Kafka):
    """Of one store only its rows are made anew, though others lie in the same objects."""
    for name in TABLES:
        list(compact(DeltaTables(filled.store), name, now=dt.datetime.now(dt.UTC) + dt.timedelta(days=1)))
    right = contents(filled)
    spoil(filled)
    wrong = contents(filled)
    replay(filled, kafka, "330")
    for name in TABLES:
        is_ours = lambda row: (row["dt"], row["store_id"]) == (DAY, "330")  # noqa: E731 - a word for a condition
        expected = [row for row in right[name] if is_ours(row)] + [row for row in wrong[name] if not is_ours(row)]
        assert sorted(map(str, content(filled, name))) == sorted(map(str, expected))


@pytest.mark.parametrize("name", TABLES)
def test_lost_objects_come_back(filled: Lake, kafka: Kafka, name: str):
    """The rows of an object that was cut short come back from Kafka; every offset is proven again."""
    right = contents(filled)
    cut_short(filled, name)
    done = replay(filled, kafka)
    assert sorted(done.versions) == [name]
    assert contents(filled) == right
    assert_sound(filled)


def test_a_lost_object_is_not_let_go_for_one_store(filled: Lake, kafka: Kafka):
    """An object that cannot be read held rows of all stores, so one store's replay changes nothing."""
    before = versions(filled)
    cut_short(filled, "receipt_lines")
    with pytest.raises(IngestError, match="replay without --store"):
        replay(filled, kafka, "330")
    assert versions(filled) == before


def test_what_kafka_lost_is_not_let_go(filled: Lake, kafka: Kafka):
    """Where Kafka no longer has the messages of rows, or of a lost object, nothing is changed."""
    before = versions(filled)
    kafka.low = 3
    with pytest.raises(IngestError, match="Kafka no longer has 6 "):
        replay(filled, kafka)
    cut_short(filled, "receipts")
    kafka.messages = {partition: messages.slice(2) for partition, messages in kafka.messages.items()}
    kafka.low = 0
    with pytest.raises(IngestError, match="Kafka did not give back"):
        replay(filled, kafka)
    assert versions(filled) == before


def test_a_row_in_the_wrong_partition_moves(filled: Lake, kafka: Kafka):
    """A row that lies at another date than its message says is put where it belongs, and is there once."""
    right = contents(filled)
    for name in TABLES:
        table = filled.tables.table(name)
        table.update(
            updates={"dt": "DATE '2026-11-13'", "business_date": "DATE '2026-11-13'"},
            predicate=f"dt = '{DAY}' AND kafka_offset = 2",
        )
    done = replay(filled, kafka)
    assert (done.restored, done.messages) == (0, 2 * PER_DAY)
    assert contents(filled) == right


def test_what_is_refused_today_keeps_its_rows(filled: Lake, kafka: Kafka):
    """Messages of a store that is no longer known are named, and their rows stay; the others are made anew."""
    right = contents(filled)
    spoil(filled, "store_id = '331'")
    filled.tables.table("dim_stores").delete("store_id = '330'")
    done = replay(filled, kafka)
    assert {each.reason for each in done.refused} == {"unknown_store"}
    assert len(done.refused) == PER_DAY
    assert [row for row in content(filled, "receipts") if row["dt"] == DAY] == [
        row for row in right["receipts"] if row["dt"] == DAY
    ]


def test_an_old_key_is_no_reason_to_refuse(filled: Lake, kafka: Kafka):
    """Messages signed by a store's key of long ago were accepted then, and are again."""
    filled.tables.table("dim_stores").update(updates={"key_generation": "CAST(9 AS INT)"})
    assert replay(filled, kafka).refused == ()


def test_the_state_is_as_it_was(filled: Lake, kafka: Kafka):
    """Neither the state nor the generation is touched: the stream goes on beside it. A seq it never saw is refused."""
    claim = committed(filled.tables, filled.contracts[FEED])
    assert claim
    state = load_state(filled.store, claim.manifest_key)
    spoil(filled)
    replay(filled, kafka)
    assert committed(filled.tables, filled.contracts[FEED]) == claim
    assert load_state(filled.store, claim.manifest_key) == state
    # A message that is neither row nor refused nor duplicate, and that the stream never took.
    filled.tables.table("duplicates").delete()
    partition = min(kafka.messages)
    kafka.messages[partition] = _with_unseen(kafka.messages[partition])  # type: ignore[index]
    with pytest.raises(IngestError, match="never accepted"):
        replay(filled, kafka)


def _with_unseen(messages: pa.Table) -> pa.Table:
    """The last message is one of a register that nobody has heard of."""
    last = messages.slice(len(messages) - 1).to_pylist()[0]
    at = dt.datetime.combine(DAY, dt.time(15), dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    till = Till(store_id=last["key"].decode(), register_id="99")
    made = till.message(event_time=at, business_date=DAY.isoformat())
    headers = [{"key": key, "value": value} for key, value in made.headers]
    row = {**last, "value": made.payload, "headers": headers}
    return pa.concat_tables([messages.slice(0, len(messages) - 1), as_table([row], last["batch_time"])])


def test_a_kill_is_made_up_for_by_the_next_run(filled: Lake, kafka: Kafka, monkeypatch: pytest.MonkeyPatch):
    """Killed between two tables, a replay is finished by running it again."""
    right = contents(filled)
    spoil(filled, f"dt = '{DAY}'")
    commit, done = replacing.commit, []

    def dying(*given: Any) -> int | None:
        if done:
            raise KeyboardInterrupt
        done.append(commit(*given))
        return done[0]

    with monkeypatch.context() as patched:
        patched.setattr(replacing, "commit", dying)
        with pytest.raises(KeyboardInterrupt):
            replay(filled, kafka)
    assert contents(filled) != right
    assert sorted(replay(filled, kafka).versions) == ["receipt_tenders", "receipts"]
    assert contents(filled) == right
    assert_sound(filled)


def test_a_row_that_is_not_meant_never_changes(filled: Lake, kafka: Kafka, monkeypatch: pytest.MonkeyPatch):
    """A replay that would lose a row of another store stops before anything is written."""
    for name in TABLES:
        list(compact(DeltaTables(filled.store), name, now=dt.datetime.now(dt.UTC) + dt.timedelta(days=1)))
    spoil(filled)
    before = versions(filled)
    write = rewriting.write_ordered
    monkeypatch.setattr(
        rewriting, "write_ordered", lambda db, query, *rest: write(db, f"FROM ({query}) WHERE kafka_offset <> 1", *rest)
    )
    with pytest.raises(RowsDiffer):
        replay(filled, kafka, "330")
    assert versions(filled) == before


def test_a_dry_run_only_says_so(filled: Lake, kafka: Kafka):
    """A dry run counts what differs, and writes neither an object nor a commit."""
    spoil(filled, f"dt = '{DAY}'")
    before = versions(filled)
    keys = {info.key for info in filled.store.list("")}
    done = replay(filled, kafka, dry=True)
    assert [(each.table, each.differing) for each in done.changes] == [
        ("receipt_lines", 24),
        ("receipt_tenders", 12),
        ("receipts", 12),
    ]
    assert (done.versions, versions(filled)) == ({}, before)
    assert {info.key for info in filled.store.list("")} == keys


def test_quarantine_is_chosen_by_what_messages_say(filled: Lake):
    """From quarantine those messages are chosen that say a store and date of the span; what says nothing is not."""
    payload = b'{"store_id": "330", "business_date": "2026-11-20"}'
    filled.with_rows("quarantine", [row | {"payload": payload} for row in quarantine_rows([40, 41])])
    tables, contract = DeltaTables(filled.store), filled.contracts[FEED]
    assert [each.offset for each in refused_in(tables, contract, Span(frozenset({DAY})))] == [40, 41]
    assert refused_in(tables, contract, Span(frozenset({NEXT}))) == []
    assert refused_in(tables, contract, Span(frozenset({DAY}), frozenset({"331"}))) == []


def test_what_is_committed_meanwhile_is_left_alone(filled: Lake, kafka: Kafka, monkeypatch: pytest.MonkeyPatch):
    """A batch that is committed once a replay has begun is none of its rows: it ends well, and they stay."""
    right, facts = contents(filled), kafka.facts
    [first, *_] = sorted(kafka.messages)
    end = len(kafka.messages[first])
    new = receipt_rows([end], partition=first, store="330", first_seq=1000)
    starts = {partition: len(messages) for partition, messages in kafka.messages.items()}

    def committing(topic: str) -> Any:
        filled.ingest(1, new, starts | {first: end + 1}, starts=starts)
        monkeypatch.setattr(kafka, "facts", facts)
        return facts(topic)

    spoil(filled, f"dt = '{DAY}'")
    monkeypatch.setattr(kafka, "facts", committing)
    assert sorted(replay(filled, kafka).versions) == sorted(TABLES)
    for name in TABLES:
        expected = [*right[name], *(row for row in filled.rows(name) if row["kafka_offset"] == end)]
        assert len(expected) == len(right[name]) + len(new[name])
        assert sorted(map(str, filled.rows(name))) == sorted(map(str, expected))


def test_two_replays_of_the_same_loss_add_the_rows_once(filled: Lake, kafka: Kafka, monkeypatch: pytest.MonkeyPatch):
    """Of two replays that found the same rows gone, the later one adds none that the first brought back."""
    right = contents(filled)
    for name in TABLES:
        filled.tables.table(name).delete(f"dt = '{DAY}'")
    put = replacing.put

    def outrun(*given: Any) -> Any:
        monkeypatch.setattr(replacing, "put", put)
        replay(filled, kafka, "330")
        return put(*given)

    monkeypatch.setattr(replacing, "put", outrun)
    with pytest.raises(LakeError, match="changed meanwhile"):
        replay(filled, kafka)
    replay(filled, kafka)
    assert contents(filled) == right
