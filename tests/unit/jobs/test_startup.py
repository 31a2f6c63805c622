from dataclasses import replace

import pytest

from jobs.errors import CheckpointDisagrees, CheckpointLost, TopicChanged
from jobs.ingest.checkpoint import Checkpoint
from jobs.ingest.startup import compare, refuse_other_topic
from lake.manifests import BatchManifest, Generation, OffsetRange
from lake.status import Committed
from topics.watermarks import TopicFacts

TOPIC_ID = "AbCdEfGhIjKlMnOpQrStUv"
ENDS = {0: 10, 1: 20}
FURTHER = {0: 15, 1: 20}
GENERATION = Generation("f", 1, "f.v1", TOPIC_ID, 2, {0: 0, 1: 0})
AT_FIVE = Committed("f", 1, 5, "f.v1", TOPIC_ID, 2, ENDS, "_batches/f/1/000000000005.json", None, GENERATION)
NEW = replace(AT_FIVE, batch=None, end_offsets={0: 0, 1: 0}, manifest_key=None)
EMPTY = Checkpoint(-1, -1, {})


def decided(batch: int, ends: dict[int, int]) -> BatchManifest:
    ranges = tuple(OffsetRange(partition, 0, end) for partition, end in ends.items())
    return BatchManifest(
        "f", 1, batch, "f.v1", TOPIC_ID, ranges, {}, {}, None, None, {}, "2026-11-20T12:00:00.000Z", "w", "0", "1.0.0"
    )


@pytest.mark.parametrize(
    ("known", "checkpoint", "manifest"),
    [
        pytest.param(NEW, EMPTY, None, id="nothing has happened yet"),
        pytest.param(NEW, Checkpoint(0, -1, {0: ENDS}), None, id="killed in the first batch"),
        pytest.param(NEW, Checkpoint(0, -1, {0: ENDS}), decided(0, ENDS), id="killed after the first manifest"),
        pytest.param(AT_FIVE, Checkpoint(5, 5, {4: {}, 5: ENDS}), None, id="killed between two batches"),
        pytest.param(AT_FIVE, Checkpoint(5, 4, {4: {}, 5: ENDS}), None, id="killed before Spark noted the batch"),
        pytest.param(AT_FIVE, Checkpoint(6, 5, {5: ENDS, 6: FURTHER}), None, id="killed in a batch"),
        pytest.param(
            AT_FIVE, Checkpoint(6, 5, {5: ENDS, 6: FURTHER}), decided(6, FURTHER), id="killed after the manifest"
        ),
    ],
)
def test_whatever_a_kill_leaves_is_gone_on_from(
    known: Committed, checkpoint: Checkpoint, manifest: BatchManifest | None
) -> None:
    """Tables and checkpoint may differ by the one batch in flight, in every way a kill can make them."""
    compare(known, checkpoint, manifest)


@pytest.mark.parametrize(
    ("known", "checkpoint", "manifest"),
    [
        pytest.param(AT_FIVE, Checkpoint(4, 4, {3: {}, 4: {}}), None, id="the checkpoint is older than the tables"),
        pytest.param(AT_FIVE, Checkpoint(5, 3, {4: {}, 5: ENDS}), None, id="two batches are not noted"),
        pytest.param(AT_FIVE, Checkpoint(7, 6, {6: {}, 7: {}}), None, id="the tables are older than the checkpoint"),
        pytest.param(NEW, Checkpoint(0, 0, {0: ENDS}), None, id="Spark noted a batch that no table has"),
        pytest.param(AT_FIVE, Checkpoint(5, 5, {4: {}, 5: FURTHER}), None, id="the batch ends elsewhere"),
        pytest.param(
            AT_FIVE, Checkpoint(6, 5, {5: ENDS, 6: FURTHER}), decided(6, {0: 11, 1: 20}), id="decided otherwise"
        ),
        pytest.param(AT_FIVE, Checkpoint(5, 5, {4: {}, 5: ENDS}), decided(6, FURTHER), id="decided but not planned"),
    ],
)
def test_what_no_kill_can_leave_is_refused(
    known: Committed, checkpoint: Checkpoint, manifest: BatchManifest | None
) -> None:
    """Going on could lose or double messages; the message names the command that can."""
    with pytest.raises(CheckpointDisagrees, match="tillstream streams rebuild f"):
        compare(known, checkpoint, manifest)


def test_a_lost_checkpoint_is_told_from_a_new_feed() -> None:
    """An empty checkpoint is lost only where the tables hold batches of its generation."""
    with pytest.raises(CheckpointLost, match="tillstream streams rebuild f"):
        compare(AT_FIVE, EMPTY, None)


@pytest.mark.parametrize("facts", [TopicFacts("another", 2), TopicFacts(TOPIC_ID, 3)])
def test_another_topic_is_refused(facts: TopicFacts) -> None:
    """Neither another id nor another number of partitions is read on."""
    with pytest.raises(TopicChanged):
        refuse_other_topic(GENERATION, facts, ENDS)


def test_the_same_topic_is_read_on() -> None:
    """Nothing is wrong with a topic that is what it was."""
    refuse_other_topic(GENERATION, TopicFacts(TOPIC_ID, 2), ENDS)
