import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pyarrow as pa
import pytest

import contracts
from contracts import reasons
from contracts.decoding import Decoder
from contracts.partitioning import partition_for
from contracts.signing import sign, store_key
from jobs.ingest.checks import Stores
from jobs.ingest.kept import Kept, Suspect
from jobs.ingest.signatures import Signatures
from jobs.ingest.sorting import Sorted, Sorter
from lake.sequences import SeqState
from tests.support.messages import EPOCH, MASTER_KEY, RECEIPTS, Message, Till

HEADERS = pa.list_(pa.struct([("key", pa.string()), ("value", pa.binary())]))
PARTITION = partition_for(b"330", 6)
STORES = Stores.from_table(
    pa.table({"store_id": ["330"], "time_zone": ["America/New_York"], "key_generation": pa.array([2], pa.int32())})
)
NOTHING_SEEN = SeqState()


def table(messages: list[Message]) -> pa.Table:
    count, now = len(messages), dt.datetime.now(dt.UTC)
    utc = pa.timestamp("us", "UTC")
    return pa.table(
        {
            "partition": pa.array([PARTITION] * count, pa.int32()),
            "offset": pa.array(range(count), pa.int64()),
            "timestamp": pa.array([now] * count, utc),
            "key": pa.array([each.key for each in messages], pa.binary()),
            "value": pa.array([each.payload for each in messages], pa.binary()),
            "headers": pa.array(
                [[{"key": name, "value": value} for name, value in each.headers] for each in messages], HEADERS
            ),
            "batch_time": pa.array([now] * count, utc),
        }
    )


def sort_out(
    messages: list[Message],
    *,
    at_once: int = 50_000,
    state: SeqState = NOTHING_SEEN,
    kept: Mapping[str, Kept] | None = None,
) -> Sorted:
    def find(suspects: Iterable[Suspect], _partition: int) -> Mapping[str, Kept]:
        return {each.event_id: (kept or {})[each.event_id] for each in suspects if each.event_id in (kept or {})}

    whole = table(messages)
    chunks = [whole.slice(start, at_once) for start in range(0, len(whole), at_once)]
    sorter = Sorter(Decoder(contracts.load()[RECEIPTS]), Signatures(MASTER_KEY), find)
    return sorter.sort_out(chunks, STORES, state, 6)


def summary(found: Sorted) -> tuple[object, ...]:
    return (
        found.accepted.messages["offset"].to_pylist(),
        found.accepted.decoded["event_id"].to_pylist(),
        found.duplicates.messages["offset"].to_pylist(),
        found.refused["offset"].to_pylist(),
        found.reasons,
        found.details,
        found.seen,
    )


def mixed() -> list[Message]:
    till = Till()
    good = list(till.messages(6))
    return [
        *good[:3],
        till.signed(b"{"),
        good[1],
        *good[3:],
        replace(till.message(), headers=()),
        till.message(seq=500_000),
        replace(Till(seq=1).message(total=1), key=b"330"),
        till.message(),
        good[0],
    ]


@pytest.mark.parametrize("at_once", [1, 2, 5, 7])
def test_how_many_arrive_at_once_changes_nothing(at_once: int) -> None:
    """Whether a message's like came in the same chunk of Arrow or in an earlier one makes no difference."""
    assert summary(sort_out(mixed(), at_once=at_once)) == summary(sort_out(mixed()))


def test_every_message_is_in_one_place() -> None:
    """Tables, duplicates and quarantine share out the offsets between them."""
    found = sort_out(mixed())
    places = [found.accepted.messages, found.duplicates.messages, found.refused]
    assert sorted(offset for place in places for offset in place["offset"].to_pylist()) == list(range(len(mixed())))
    assert len(found.reasons) == len(found.details) == len(found.refused)


@pytest.mark.parametrize(("generation", "accepted"), [(1, True), (2, True), (3, False), (0, False)])
def test_the_key_before_the_current_one_still_counts(generation: int, accepted: bool) -> None:  # noqa: FBT001 - pytest
    """Messages may be on their way while a store's key changes; older and unknown keys are refused."""
    till = Till(generation=generation)
    found = sort_out([till.message()])
    assert len(found.accepted) == accepted
    assert found.reasons == ([] if accepted else [reasons.BAD_SIGNATURE])


def test_the_same_message_signed_anew_is_a_duplicate() -> None:
    """A store that sends again after its key changed sends the same payload under another signature."""
    till = Till(generation=2)
    message = till.message()
    event = f"330:1:{EPOCH}:1"
    kept = {event: Kept(1, sign(store_key(MASTER_KEY, "330", 1), message.payload or b""))}
    found = sort_out([message], state=SeqState({f"330:1:{EPOCH}": (1, 1)}), kept=kept)
    assert found.duplicates.decoded["event_id"].to_pylist() == [event]


def test_a_seen_event_without_a_kept_row_is_a_conflict() -> None:
    """Where the tables have no such row in that hour, the message is not the one that was taken: it is kept."""
    found = sort_out([Till().message()], state=SeqState({f"330:1:{EPOCH}": (1, 1)}))
    assert found.reasons == [reasons.CONFLICT]
