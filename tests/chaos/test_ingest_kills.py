"""Drivers of the ingest job that are killed, come back too late, or have lost their checkpoint.

Operations: send (to Kafka), halt (a driver stops at a chosen place within a batch), kill (`kill -9` of driver and JVM),
start, release (a halted driver goes on), stop (SIGTERM), lose (delete a checkpoint), rebuild.

Anomalies looked for after each: an offset that is nowhere in the lake (1), an offset that is there twice (2), a child
row without its parent or the other way round (3), an event in the table twice (4), a stream that cannot go on (5).

A driver's start is dear, so each one here stands for several cases: four feeds, each halted at another place.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from confluent_kafka.admin import NewPartitions, NewTopic

from tests.support.broker import STORES, start_kafka
from tests.support.held import (
    AFTER_COMMIT,
    AFTER_MANIFEST,
    AFTER_WRITE,
    BEFORE_WRITE,
    BETWEEN_COMMITS,
    BETWEEN_WRITES,
    Held,
)
from tests.support.ingest import CHECKPOINTS, Platform, each_once, running_platform
from tests.support.messages import RECEIPTS, Message, Till
from tests.support.scratch_lake import Run
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(2400)]

INVENTORY, OPERATIONS, TOTALS = "store.inventory", "store.operations", "store.control-totals"
FEEDS = (RECEIPTS, INVENTORY, OPERATIONS, TOTALS)
FIRST_HALTS = {
    RECEIPTS: BETWEEN_COMMITS,
    INVENTORY: AFTER_MANIFEST,
    OPERATIONS: BEFORE_WRITE,
    TOTALS: AFTER_COMMIT,
}
KILLED_WHILE_WRITING = {RECEIPTS: BETWEEN_WRITES, INVENTORY: AFTER_WRITE}
SECOND_HALTS = {
    RECEIPTS: BETWEEN_WRITES,
    INVENTORY: AFTER_WRITE,
    OPERATIONS: AFTER_MANIFEST,
    TOTALS: BETWEEN_COMMITS,
}
CHILDREN = {
    "receipt_lines": ("receipts", 2),
    "receipt_tenders": ("receipts", 1),
    "inventory_items": ("inventory_movements", 2),
    "control_total_tenders": ("control_totals", 1),
}


@dataclass
class Story:
    """What happened, for the tests to look at."""

    platform: Platform
    tills: dict[tuple[str, str], Till]
    batches_after_kill: dict[str, int | None]
    late_driver: str = ""
    late_exit: int | None = None
    stop_exit: int | None = None

    def send(self, count: int) -> list[Message]:
        """`count` new events of every store to every feed; returns those of store 330's receipts."""
        kept: list[Message] = []
        for (feed, store), till in self.tills.items():
            messages = list(till.messages(count))
            self.platform.send(feed, messages, store)
            if (feed, store) == (RECEIPTS, "330"):
                kept = messages
        return kept


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A broker of its own: its topics are deleted and changed here."""
    directory = tmp_path_factory.mktemp("kills")
    kafka = start_kafka(directory)
    try:
        with running_platform(kafka, directory) as platform:
            yield platform
    finally:
        kafka.broker.stop()


@pytest.fixture(scope="module")
def story(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Halt and kill a driver, then another one while it writes; start a second one with other settings and halt it;
    start a third one beside it; let the second one go on; stop the third one.
    """
    directory = tmp_path_factory.mktemp("halts")
    story = Story(platform, {(feed, store): Till(store, feed=feed) for feed in FEEDS for store in STORES}, {})
    sent = story.send(20)

    first = Held(directory / "first", FIRST_HALTS, batch=1)
    driver = platform.start(FEEDS, "--source-option=maxOffsetsPerTrigger=24", script=first.script)
    wait_for(lambda: halted(first, driver), 600, "the first driver to halt at four places")
    driver.kill()
    story.batches_after_kill = {feed: platform.transaction(feed) for feed in FEEDS}

    platform.send(RECEIPTS, sent[:7])
    writing = Held(directory / "writing", KILLED_WHILE_WRITING, batch=2)
    driver = platform.start(
        tuple(KILLED_WHILE_WRITING), "--source-option=maxOffsetsPerTrigger=9", cores=4, script=writing.script
    )
    wait_for(lambda: halted(writing, driver), 600, "a driver to halt while it writes")
    driver.kill()

    second = Held(directory / "second", SECOND_HALTS, batch=2)
    late = platform.start(FEEDS, "--source-option=maxOffsetsPerTrigger=10", cores=8, script=second.script)
    wait_for(lambda: halted(second, late), 600, "the second driver to halt at four places")

    survivor = platform.start(FEEDS, "--source-option=maxOffsetsPerTrigger=1000", cores=2)
    platform.wait_until_in_lake(survivor, FEEDS)
    second.release()
    story.late_exit, story.late_driver = late.wait(), late.said()
    story.send(3)
    platform.wait_until_in_lake(survivor, FEEDS)
    survivor.process.terminate()
    story.stop_exit = survivor.wait()
    return story


def halted(held: Held, run: Run) -> bool:
    assert run.process.poll() is None, run.said()
    return held.all_halted()


def add_partitions(platform: Platform, topic: str, total: int) -> None:
    admin = platform.kafka.admin()
    admin.create_partitions([NewPartitions(topic, total)])[topic].result()
    wait_for(lambda: partitions_of(platform, topic) == total, 60, f"{total} partitions of {topic}")


def make_again(platform: Platform, topic: str, partitions: int) -> None:
    """Delete a topic and create one of its name."""
    admin = platform.kafka.admin()
    admin.delete_topics([topic])[topic].result()
    wait_for(lambda: partitions_of(platform, topic) == 0, 60, f"{topic} to be gone")
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()
    wait_for(lambda: partitions_of(platform, topic) == partitions, 60, f"{topic} to be there again")


def partitions_of(platform: Platform, topic: str) -> int:
    found = platform.kafka.admin().list_topics(timeout=30).topics.get(topic)
    return len(found.partitions) if found else 0


def test_a_kill_leaves_every_batch_whole_or_absent(story: Story) -> None:
    """Where the parent's commit was not reached, the feed stands at the batch before; where it was, at the new one."""
    assert story.batches_after_kill == {RECEIPTS: 0, INVENTORY: 0, OPERATIONS: 0, TOTALS: 1}


def test_after_kills_and_a_second_driver_every_offset_is_in_the_lake_once(story: Story) -> None:
    """Kills before, between and after writes, after the manifest, between commits and after the last one lose nothing
    and double nothing, though each restart had other cores and another maxOffsetsPerTrigger.
    """
    each_once(FEEDS, story.platform)


def test_verify_finds_nothing_wrong(story: Story) -> None:
    """The independent proof, which looks at tables and broker alone, agrees: the lake has all that the broker has."""
    found = story.platform.tillstream("verify")
    assert found["sound"]
    assert {each["lag"] for feed in found["feeds"] for each in feed["partitions"]} == {0}


def test_every_child_row_has_its_parent(story: Story) -> None:
    """The tables of a feed agree after all kills: as many lines, tenders and items a message as were sent."""
    for child, (parent, number) in CHILDREN.items():
        parents = Counter({row["event_id"]: number for row in story.platform.rows(parent, "event_id")})
        assert Counter(row["event_id"] for row in story.platform.rows(child, "event_id")) == parents


def test_no_event_is_in_a_table_twice(story: Story) -> None:
    """Events sent again after a kill are recorded as duplicates, not as rows."""
    ids = Counter(row["event_id"] for row in story.platform.rows("receipts", "event_id"))
    assert ids == Counter({f"{store}:1:0123456789ab:{seq}": 1 for store in STORES for seq in range(1, 24)})
    again = sorted(row["seq"] for row in story.platform.rows("duplicates", "seq", feed=RECEIPTS))
    assert again == [1, 2, 3, 4, 5, 6, 7]


def test_a_driver_that_comes_back_too_late_is_fenced(story: Story) -> None:
    """It ends with 1 and says that another driver writes the feed."""
    assert story.late_exit == 1
    assert "another driver" in story.late_driver.lower()
    assert "This driver stops" in story.late_driver


def test_a_stopped_driver_ends_between_two_batches(story: Story) -> None:
    """SIGTERM ends the driver with 0, and Spark has noted every batch that the tables have."""
    assert story.stop_exit == 0
    objects = story.platform.account.administrator_client().list_objects_v2(Bucket=CHECKPOINTS)["Contents"]
    for feed in FEEDS:
        noted = [
            int(each["Key"].rpartition("/")[2])
            for each in objects
            if each["Key"].startswith(f"ingest/{feed}/1/commits/") and each["Key"].rpartition("/")[2].isdigit()
        ]
        assert max(noted) == story.platform.transaction(feed)


def test_a_lost_checkpoint_is_refused_and_rebuilt_from_the_tables(story: Story) -> None:
    """The job says what is lost and what to type; the rebuilt stream goes on after the last committed offset, and
    still knows what it has seen.
    """
    platform = story.platform
    s3 = platform.account.administrator_client()
    for each in s3.list_objects_v2(Bucket=CHECKPOINTS, Prefix=f"ingest/{RECEIPTS}/")["Contents"]:
        s3.delete_object(Bucket=CHECKPOINTS, Key=each["Key"])

    said = platform.refusal(RECEIPTS)
    assert "its checkpoint is gone" in said
    assert f"tillstream streams rebuild {RECEIPTS}" in said

    assert platform.tillstream("streams", "rebuild", RECEIPTS)["generation"] == 2
    sent = story.send(2)
    platform.send(RECEIPTS, sent)
    driver = platform.start([RECEIPTS], cores=2)
    platform.wait_until_in_lake(driver, [RECEIPTS])
    driver.process.terminate()
    assert driver.wait() == 0
    each_once([RECEIPTS], platform)
    assert platform.tillstream("streams", "list")[RECEIPTS]["generation"] == 2
    assert len(platform.rows("duplicates", "seq", feed=RECEIPTS)) == 7 + len(sent)


def test_a_checkpoint_from_an_older_day_is_refused(story: Story) -> None:
    """A checkpoint that is behind the tables by more than the batch in flight is not replayed."""
    platform = story.platform
    s3 = platform.account.administrator_client()
    newest = platform.transaction(OPERATIONS)
    assert newest is not None
    for folder in ("offsets", "commits"):
        s3.delete_object(Bucket=CHECKPOINTS, Key=f"ingest/{OPERATIONS}/1/{folder}/{newest}")
    assert f"the tables are at batch {newest}" in platform.refusal(OPERATIONS)


def test_more_partitions_are_refused(story: Story) -> None:
    """A topic that was given more partitions is not read: stores would come out of order."""
    platform = story.platform
    add_partitions(platform, "store.control-totals.v1", 5)
    said = platform.refusal(TOTALS)
    assert "store.control-totals.v1 has 5 partitions, the stream began with 3" in said
    assert ".v2" in said


def test_another_topic_of_the_same_name_is_refused_until_accepted(story: Story) -> None:
    """A topic deleted and made again has another id; its offsets mean other messages."""
    platform = story.platform
    make_again(platform, "store.inventory.v1", 3)
    said = platform.refusal(INVENTORY)
    assert "was deleted and made again" in said
    answer = platform.tillstream("streams", "rebuild", INVENTORY, "--accept-new-topic")
    assert answer["next_offsets"] == {"0": 0, "1": 0, "2": 0}


def test_an_option_that_splits_ranges_is_refused(platform: Platform) -> None:
    """MinPartitions would let two tasks read one partition, and duplicates between them pass."""
    said = platform.refusal("--source-option=minPartitions=12", RECEIPTS)
    assert "minPartitions splits a partition's range" in said
    assert "Remove the option" in said
