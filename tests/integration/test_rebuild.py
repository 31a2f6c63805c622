"""A feed's next generation, on the tables of the emulated AWS, and what it does where Kafka has forgotten too early."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from jobs.errors import OffsetsLost
from jobs.ingest.rebuild import Rebuilt, rebuild
from jobs.ingest.startup import Position, prepare
from lake.accounting import Span
from lake.manifests import load_generation, load_manifest, put_manifest
from lake.names import manifest_key
from lake.tables import DeltaTables
from lake.verify import verify
from tests.support.lake import TOPIC_ID, Lake, receipt_rows
from topics.watermarks import TopicFacts

pytestmark = pytest.mark.integration

FEED, TOPIC = "pos.receipts", "pos.receipts.v1"


class Topic:
    """The feed's topic, from the offsets on that are given; the other partitions from 0."""

    def __init__(self, earliest: Mapping[int, int]) -> None:
        self._earliest = earliest

    def facts(self, _: str) -> TopicFacts:
        return TopicFacts(TOPIC_ID, 6)

    def earliest(self, _: str, partitions: int) -> dict[int, int]:
        return dict.fromkeys(range(partitions), 0) | dict(self._earliest)


@pytest.fixture
def committed(lake: Lake) -> Lake:
    """Offsets 0 to 9 of partition 0."""
    lake.begin()
    lake.ingest(0, receipt_rows(range(10)), {0: 10})
    return lake


def rebuilt(lake: Lake, earliest: Mapping[int, int], **accepted: Any) -> Rebuilt:
    return rebuild(lake.contracts[FEED], DeltaTables(lake.store), Topic(earliest), **accepted)  # type: ignore[arg-type]


def test_it_goes_on_where_the_tables_are(committed: Lake):
    """The next generation begins at the first offset that the tables lack, and nothing is lost by it."""
    done = rebuilt(committed, {0: 10})
    assert (done.generation.generation, done.generation.starting_offsets[0], done.lost) == (2, 10, {})


def test_offsets_that_kafka_no_longer_has_are_not_passed_over(committed: Lake):
    """Where retention came first the offsets are named, and nothing is changed: not even the generation is sealed."""
    with pytest.raises(OffsetsLost, match=r"partition 0, offsets 10 to 14 \(5\).* --accept-loss"):
        rebuilt(committed, {0: 15})
    generation = load_generation(committed.store, FEED)
    assert generation
    assert generation.generation == 1
    assert load_manifest(committed.store, manifest_key(FEED, 1, 1)) is None


def test_a_loss_that_is_accepted_is_told_and_stays_a_gap(committed: Lake):
    """The generation begins after the lost offsets, and verify names exactly them once the stream went on."""
    done = rebuilt(committed, {0: 15}, accept_loss=True)
    assert done.lost == {0: Span(10, 14)}
    assert (done.generation.starting_offsets[0], done.generation.starting_offsets[1]) == (15, 0)
    committed.ingest(
        0,
        receipt_rows(range(15, 20), first_seq=30),
        {0: 20},
        starts={0: 15},
        generation=2,
        previous=manifest_key(FEED, 1, 0),
    )
    [report] = verify(DeltaTables(committed.store), committed.contracts, None).feeds
    assert [(each.kind, each.spans) for each in report.findings] == [("gap", (Span(10, 14),))]


def test_a_stream_does_not_start_behind_what_is_lost(committed: Lake):
    """A stream whose next offsets are gone says at its start which they are; where Kafka has them it goes on."""
    ends = json.dumps({TOPIC: {str(partition): 10 if partition == 0 else 0 for partition in range(6)}})
    for name, body in (("offsets/0", f"v1\n{{}}\n{ends}"), ("commits/0", "v1\n{}")):
        committed.store.put(f"ingest/{FEED}/1/{name}", body.encode())

    def prepared(earliest: int) -> Position:
        topic: Any = Topic({0: earliest})
        return prepare(committed.contracts[FEED], DeltaTables(committed.store), committed.store, topic)

    assert prepared(10).ends[0] == 10
    with pytest.raises(OffsetsLost, match=f"offsets 10 to 14 .* tillstream streams rebuild {FEED} --accept-loss"):
        prepared(15)


def test_what_is_decided_is_not_lost(committed: Lake):
    """Objects of a batch that is decided lie in the lake: it is committed, whatever Kafka still has of it."""
    put_manifest(
        committed.store,
        committed.manifest(1, receipt_rows(range(10, 15), first_seq=20), {0: 15}, starts={0: 10}),
    )
    done = rebuilt(committed, {0: 15})
    assert (done.generation.starting_offsets[0], done.lost) == (15, {})
    assert len(committed.rows("receipts")) == 15


def test_a_killed_rebuild_still_asks_before_a_loss(committed: Lake):
    """After a rebuild that sealed the generation and was killed, lost offsets are refused all the same."""
    committed.store.put_new(manifest_key(FEED, 1, 1), b'{"sealed": true}')
    with pytest.raises(OffsetsLost):
        rebuilt(committed, {0: 15})
    assert rebuilt(committed, {0: 15}, accept_loss=True).lost == {0: Span(10, 14)}
