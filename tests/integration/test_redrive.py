"""Quarantined messages brought in after all, on the tables of the emulated AWS."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from deltalake import write_deltalake

from contracts.partitioning import partition_for
from jobs import cli
from jobs.redrive import Redrive, Redriven
from lake.errors import Fenced
from lake.manifests import load_generation, load_state, put_manifest
from lake.places import Place
from lake.sequences import HIGHEST_SEQ, MAX_AHEAD
from lake.status import committed
from lake.tables import DeltaTables
from lake.verify import verify
from tests.support.lake import DAY, NOON, TOPIC_ID, Lake, receipt_rows
from tests.support.messages import EPOCH, MASTER_KEY, Till
from topics.watermarks import TopicFacts

pytestmark = pytest.mark.integration

FEED, TOPIC = "pos.receipts", "pos.receipts.v1"
NEW_STORE = "999"
PARTITION = partition_for(NEW_STORE.encode(), 6)
PLACES = [Place(TOPIC, PARTITION, offset) for offset in (10, 11)]
STEPS = ("sealing the stream's generation", "committing", "taking them out of quarantine", "beginning")


class Topic:
    """What the broker says of the topic: it is the one that it was."""

    def facts(self, _: str) -> TopicFacts:
        return TopicFacts(TOPIC_ID, 6)

    def earliest(self, _: str, partitions: int) -> dict[int, int]:
        return dict.fromkeys(range(partitions), 0)


def refused_rows() -> Iterator[dict[str, Any]]:
    """Two receipts of a store that nobody has entered yet, each whole."""
    till = Till(store_id=NEW_STORE)
    for place in PLACES:
        message = till.message()
        yield {
            "feed": FEED,
            "dt": DAY,
            "kafka_topic_id": TOPIC_ID,
            "kafka_partition": place.partition,
            "kafka_offset": place.offset,
            "topic": TOPIC,
            "kafka_timestamp": NOON,
            "key": message.key,
            "payload": message.payload,
            "headers": [{"key": key, "value": value} for key, value in message.headers],
            "reason": "unknown_store",
            "detail": f"no store {NEW_STORE} in dim_stores",
            "batch_time": NOON,
            "job_version": "test",
        }


@pytest.fixture
def quarantined(lake: Lake) -> Lake:
    """Ten receipts of a known store, then two of the new one, refused; they are the newest of the topic."""
    lake.begin()
    rows = receipt_rows(range(10), partition=PARTITION)
    lake.ingest(0, {**rows, "quarantine": list(refused_rows())}, {PARTITION: 12})
    return lake


@pytest.fixture
def entered(quarantined: Lake) -> Lake:
    """The same, once somebody has entered the store."""
    row = {"store_id": NEW_STORE, "name": "New", "time_zone": "UTC", "currency": "USD", "key_generation": 1}
    table = quarantined.tables.table("dim_stores")
    write_deltalake(table, pa.Table.from_pylist([row], pa.schema(table.schema().to_arrow())), mode="append")
    return quarantined


def redrive(lake: Lake, **more: Any) -> Redrive:
    return Redrive(lake.contracts[FEED], DeltaTables(lake.store), Topic(), MASTER_KEY, **more)  # type: ignore[arg-type]


def run(lake: Lake, *, dry: bool = False, on_step: Any = lambda _: None) -> Redriven:
    return redrive(lake, on_step=on_step).run(PLACES, dry=dry)


def versions(lake: Lake) -> dict[str, int]:
    names = ("receipts", "receipt_lines", "receipt_tenders", "quarantine", "duplicates")
    return {name: lake.tables.table(name).version() for name in names}


def assert_brought_in(lake: Lake) -> None:
    rows = [row for row in lake.rows("receipts") if row["store_id"] == NEW_STORE]
    assert sorted((row["kafka_partition"], row["kafka_offset"]) for row in rows) == [(PARTITION, 10), (PARTITION, 11)]
    assert lake.rows("quarantine") == []
    report = verify(DeltaTables(lake.store), lake.contracts, None)
    assert report.sound, [*report.findings, *(feed.findings for feed in report.feeds)]


def test_what_is_right_now_becomes_rows(entered: Lake):
    """Messages of a store that was entered since become rows under their offsets, and every offset is proven."""
    done = run(entered)
    assert (done.accepted, done.refused) == (tuple(PLACES), ())
    assert_brought_in(entered)


def test_the_state_knows_what_was_brought_in(entered: Lake):
    """The stream goes on after it with the seqs that were brought in, so they are duplicates when they come again."""
    done = run(entered)
    claim = committed(DeltaTables(entered.store), entered.contracts[FEED])
    assert claim
    assert (claim.generation, claim.batch) == (done.generation, None)
    assert claim.end_offsets[PARTITION] == 12
    state = load_state(entered.store, claim.manifest_key)
    assert state.intervals[f"{NEW_STORE}:1:{EPOCH}"] == (1, 2)


def test_a_driver_that_still_runs_is_fenced_off(entered: Lake):
    """A driver of the generation before cannot decide another batch."""
    run(entered)
    with pytest.raises(Fenced):
        put_manifest(entered.store, entered.manifest(1, receipt_rows([12], first_seq=20), {PARTITION: 13}))


def test_doing_it_twice_changes_nothing(entered: Lake):
    """The second time they are named as absent from quarantine, and neither a table nor the stream is touched."""
    run(entered)
    before, generation = versions(entered), load_generation(entered.store, FEED)
    assert run(entered) == Redriven(absent=tuple(PLACES))
    assert (versions(entered), load_generation(entered.store, FEED)) == (before, generation)


def test_what_is_still_wrong_stays(quarantined: Lake):
    """Messages that are refused again stay in quarantine with the reason of now, and the stream is left alone."""
    before, generation = versions(quarantined), load_generation(quarantined.store, FEED)
    done = run(quarantined)
    assert done.accepted == ()
    assert [(each.place, each.reason) for each in done.refused] == [(place, "unknown_store") for place in PLACES]
    assert (versions(quarantined), load_generation(quarantined.store, FEED)) == (before, generation)


def test_a_dry_run_only_says_so(entered: Lake):
    """A dry run names what would become rows and changes nothing."""
    before = versions(entered)
    assert run(entered, dry=True).accepted == tuple(PLACES)
    assert versions(entered) == before


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_is_made_up_for_by_the_next_run(entered: Lake, step: str):
    """Killed before any of its steps, it is finished by running it again: each message is a row, once."""

    def dying(now: str) -> None:
        if now.startswith(step):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(entered, on_step=dying)
    run(entered)
    assert_brought_in(entered)


def test_one_that_is_wrong_does_not_hold_up_the_other(entered: Lake):
    """Of two messages one is brought in and the other stays, with its reason."""
    broken = next(refused_rows()) | {"kafka_offset": 11, "payload": json.dumps({"no": "receipt"}).encode()}
    table = entered.tables.table("quarantine")
    table.delete("kafka_offset = 11")
    entered.with_rows("quarantine", [broken])
    done = run(entered)
    assert done.accepted == (PLACES[0],)
    assert [each.place for each in done.refused] == [PLACES[1]]
    assert [row["kafka_offset"] for row in entered.rows("quarantine")] == [11]


def test_what_is_far_ahead_is_believed_on_demand(entered: Lake):
    """A seq far ahead is refused again, unless it is said to be right: then it is a row, and in the state."""
    row = next(refused_rows())
    far = Till(store_id=NEW_STORE, seq=2 * MAX_AHEAD).message()
    entered.tables.table("quarantine").delete("kafka_offset = 10")
    changes = {"payload": far.payload, "headers": [{"key": key, "value": value} for key, value in far.headers]}
    entered.with_rows("quarantine", [row | changes | {"reason": "seq_far_ahead"}])
    found = run(entered, dry=True)
    assert [(each.place, each.reason) for each in found.refused] == [(PLACES[0], "seq_far_ahead")]

    done = redrive(entered, max_ahead=HIGHEST_SEQ).run(PLACES)
    assert (done.accepted, done.refused) == (tuple(PLACES), ())
    assert_brought_in(entered)
    claim = committed(DeltaTables(entered.store), entered.contracts[FEED])
    assert claim
    seen = load_state(entered.store, claim.manifest_key).intervals[f"{NEW_STORE}:1:{EPOCH}"]
    assert seen == (2, 2, 2 * MAX_AHEAD + 1, 2 * MAX_AHEAD + 1)


def test_what_came_by_a_topic_that_is_no_more_is_left(entered: Lake):
    """A message of a topic before the stream's own stays in quarantine and is named; the others are brought in."""
    entered.tables.table("quarantine").delete("kafka_offset = 11")
    _, row = refused_rows()
    entered.with_rows("quarantine", [row | {"kafka_topic_id": "FoRmEr"}])
    done = run(entered)
    assert (done.accepted, [each.place for each in done.refused], done.absent) == ((PLACES[0],), [PLACES[1]], ())


@pytest.mark.usefixtures("entered")
def test_the_exit_code_tells_what_is_left(monkeypatch: pytest.MonkeyPatch):
    """0 once all of them are in the tables, 1 where some are left or absent, 2 where none of them was there."""
    monkeypatch.setattr(cli, "KafkaSettings", SimpleNamespace(from_env=lambda: None))
    monkeypatch.setattr(cli, "Topics", lambda _: Topic())
    monkeypatch.setattr(cli, "master_key", lambda: MASTER_KEY)
    named = [str(place) for place in PLACES]

    def run_verb(*arguments: str) -> tuple[int, Any]:
        answer = CliRunner().invoke(cli.redrive, ["--json", *arguments], catch_exceptions=False)
        return answer.exit_code, json.loads(answer.stdout or "{}").get("feeds", {}).get(FEED)

    absent = f"{TOPIC}:{PARTITION}:3"
    code, found = run_verb(*named, absent, "--dry-run")
    assert (code, found["accepted"], found["left"], found["absent"]) == (1, named, 0, [absent])
    assert run_verb(*named)[0] == 0
    code, found = run_verb(*named)
    assert (code, found["absent"]) == (2, named)
    assert run_verb(f"--feed={FEED}") == (2, None)
    assert run_verb("nobody.knows:0:1") == (2, None)
