import pickle
import random

import numpy as np
import pyarrow as pa
import pytest

from contracts.partitioning import partition_for
from lake.errors import LakeError
from lake.sequences import MAX_AHEAD, Bounds, Intervals, SeqState, merge, register_keys

KEY = "330:1:0123456789ab"


class PlainState:
    """The rules of a claim, event by event, with a set of seqs for each register."""

    def __init__(self) -> None:
        self.seen: dict[str, set[int]] = {}

    def claim(self, register: str, seq: int) -> str:
        known = self.seen.setdefault(register, set())
        if seq < 1 or seq > max(known, default=0) + MAX_AHEAD:
            return "too_far"
        if seq in known:
            return "seen"
        known.add(seq)
        return "accepted"

    def intervals(self) -> Intervals:
        return {register: bounds(seqs) for register, seqs in self.seen.items() if seqs}


def bounds(seqs: set[int]) -> Bounds:
    result: list[int] = []
    for seq in sorted(seqs):
        if result and seq == result[-1] + 1:
            result[-1] = seq
        else:
            result += [seq, seq]
    return tuple(result)


def claim(state: SeqState, *events: tuple[str, int]) -> tuple[SeqState, list[str]]:
    """One task: the state after it, and what became of each event."""
    registers = pa.array([register for register, _ in events], pa.string())
    made = state.claim(registers, np.array([seq for _, seq in events], np.int64))
    names = np.select([made.accepted, made.seen, made.too_far], ["accepted", "seen", "too_far"], "none")
    return state.with_delta(made.delta), names.tolist()


@pytest.mark.parametrize("seed", range(30))
def test_claims_agree_with_plain_sets(seed: int) -> None:
    """Whatever comes in whatever order, a claim decides as sets of seqs would, one event after the other."""
    dice = random.Random(seed)
    registers = [f"{store}:{till}:0123456789ab" for store in range(3) for till in range(2)]
    plain, state = PlainState(), SeqState()
    for _ in range(8):
        events = []
        for _ in range(dice.randrange(60)):
            highest = max(plain.seen.get(register := dice.choice(registers), ()), default=0)
            leap = dice.choice([0, 0, 0, MAX_AHEAD - 2, MAX_AHEAD, MAX_AHEAD + 1, 3 * MAX_AHEAD, 10**15])
            events.append((register, max(highest + leap + dice.randint(-12, 12), -1)))
        expected = [plain.claim(*event) for event in events]
        state, decided = claim(state, *events)
        assert decided == expected
        assert state.intervals == plain.intervals()


def test_first_of_a_pair_is_named() -> None:
    """Of events that come twice in one task, the later one names the place of the first."""
    registers = pa.array([KEY, "331:1:0123456789ab", KEY, KEY])
    made = SeqState({KEY: (1, 4)}).claim(registers, np.array([7, 7, 7, 2]))
    assert made.accepted.tolist() == [True, True, False, False]
    assert made.first.tolist() == [-1, -1, 0, -1]


def test_nothing_claims_nothing() -> None:
    """A task without events leaves the state as it is."""
    made = SeqState({KEY: (1, 4)}).claim(pa.array([], pa.string()), np.array([], np.int64))
    assert made.delta == {}
    assert len(made.accepted) == 0


def test_a_seq_too_far_ahead_leaves_no_trace() -> None:
    """One event that leaps does not make the next ones believable."""
    state, decided = claim(SeqState({KEY: (1, 10)}), (KEY, 11 + MAX_AHEAD), (KEY, 12 + MAX_AHEAD), (KEY, 11))
    assert decided == ["too_far", "too_far", "accepted"]
    assert state.intervals == {KEY: (1, 11)}


def test_a_hole_closes() -> None:
    """A late event joins the intervals on both of its sides."""
    state, _ = claim(SeqState({KEY: (1, 3, 5, 9)}), (KEY, 4))
    assert state.intervals == {KEY: (1, 9)}


@pytest.mark.parametrize("seed", range(10))
def test_deltas_merge_as_unions(seed: int) -> None:
    """Deltas that overlap, touch or repeat each other merge to the union of what they say."""
    dice = random.Random(seed)
    sets = [{dice.randrange(1, 60) for _ in range(dice.randrange(1, 20))} for _ in range(4)]
    assert merge({KEY: bounds(seqs)} for seqs in sets) == {KEY: bounds(set().union(*sets))}
    assert merge([]) == {}


def test_state_survives_encoding() -> None:
    """A snapshot gives back the very state, holes and all; so does a pickle."""
    dice = random.Random(1)
    intervals = {
        f"{store}:{till}:0123456789ab": bounds({dice.randrange(1, 10**6) for _ in range(dice.choice([1, 1, 5]))})
        for store in range(300)
        for till in range(4)
    }
    state = SeqState(intervals)
    assert SeqState.decode(state.encode()) == state
    assert SeqState.decode(SeqState().encode()) == SeqState()
    assert pickle.loads(pickle.dumps(state)) == state  # noqa: S301 - its own


def test_a_snapshot_of_many_registers_is_small() -> None:
    """A hundred thousand registers fit into two megabytes, so a snapshot is one quick PUT."""
    state = SeqState(
        {f"{store}:{till}:{store:012x}": (1, store * till + 1) for store in range(5000) for till in range(20)}
    )
    assert len(state) == 100_000
    assert len(state.encode()) < 2_000_000


def test_what_is_no_snapshot_is_refused() -> None:
    """A broken snapshot is an error, never an empty state."""
    with pytest.raises(LakeError, match="cannot be read"):
        SeqState.decode(b"PAR1")


def test_split_follows_the_stores() -> None:
    """Each Kafka partition gets the registers of the stores whose messages it carries, and all registers get one."""
    state = SeqState({f"{store}:{till}:0123456789ab": (1, 2) for store in range(40) for till in range(2)})
    parts = state.split(6)
    assert sum(len(part) for part in parts) == len(state)
    for number, part in enumerate(parts):
        assert {partition_for(key.split(":")[0].encode(), 6) for key in part.intervals} <= {number}


def test_register_keys() -> None:
    """A register's key is its event_ids without their seq."""
    columns = (pa.array([text]) for text in ("330", "1", "0123456789ab"))
    assert register_keys(*columns).to_pylist() == [KEY]
