"""Which events have been seen: per register (store, register and epoch), the intervals of its seqs.

Intervals are flat tuples of bounds, both included, ascending, disjoint and never adjacent: `(1, 7, 9, 9)` is 1 to 7
and 9. A register without losses is two numbers, however much it has sold. Everything here is a value: claiming and
merging return new ones.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from contracts.partitioning import partition_for
from lake.errors import LakeError

MAX_AHEAD = 100_000
"""A seq further ahead of the register's highest one is not believed."""

Bounds = tuple[int, ...]
Intervals = Mapping[str, Bounds]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

# Registers are laid one after the other on one axis, each with room for this many seqs, so that numpy can treat the
# intervals of all of them at once. 2**23 registers fit into one task, 2**40 seqs into one register.
_ROOM_BITS = 40
HIGHEST_SEQ = 2**_ROOM_BITS - 2


@dataclass(frozen=True)
class Claim:
    """What became of each event of a task, in the order given; exactly one of the three is true for each.

    `first` is, for an event that was seen in this very task, the position of the one that was accepted; else -1.
    `delta` is what the state gains.
    """

    accepted: Flags
    seen: Flags
    too_far: Flags
    first: Numbers
    delta: Intervals


@dataclass(frozen=True)
class SeqState:
    """The seqs seen of every register, by `register_keys`' key."""

    intervals: Intervals = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.intervals)

    def claim(self, registers: pa.Array, seqs: Numbers, max_ahead: int = MAX_AHEAD) -> Claim:
        """Tell new events from those seen and those too far ahead, as if they came one by one in the order given.

        `registers` (keys, without null) and `seqs` are of one length. An event is too far ahead if its seq exceeds
        the highest accepted so far by more than `max_ahead`, or HIGHEST_SEQ; it is not seen by that.
        """
        encoded = registers.dictionary_encode()
        codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        known = [self.intervals.get(key, ()) for key in encoded.dictionary.to_pylist()]
        highest = np.array([bounds[-1] if bounds else 0 for bounds in known], np.int64)
        too_far = _too_far(codes, seqs, highest, max_ahead)
        places = np.where(too_far, 0, (codes << _ROOM_BITS) + seqs)
        firsts, lasts = _laid_out(known)
        before = _within(places, firsts, lasts) & ~too_far
        candidates = np.flatnonzero(~too_far & ~before)
        distinct = np.sort(places[candidates])
        repeated = bool((distinct[1:] == distinct[:-1]).any())
        first = np.full(len(seqs), -1, np.int64)
        accepted = np.zeros(len(seqs), np.bool_)
        if repeated:  # Rare, and dear: only then is it asked which one came first.
            distinct, earliest, group = np.unique(places[candidates], return_index=True, return_inverse=True)
            accepted[candidates[earliest]] = True
            first[candidates] = candidates[earliest][group]
            first[accepted] = -1
        else:
            accepted[candidates] = True
        seen = ~too_far & ~accepted
        delta = _by_register(*_runs(distinct), encoded.dictionary.to_pylist())
        return Claim(accepted, seen, too_far, first, delta)

    def with_delta(self, delta: Intervals) -> "SeqState":
        """The state after a batch."""
        return SeqState({**self.intervals, **_union([_chosen(self.intervals, delta), delta])})

    def split(self, partitions: int) -> list["SeqState"]:
        """The part of the state that the events of each Kafka partition can touch: a store lives in one partition."""
        parts: list[dict[str, Bounds]] = [{} for _ in range(partitions)]
        partition_of: dict[str, int] = {}
        for key, bounds in self.intervals.items():
            store = key.partition(":")[0]
            if store not in partition_of:
                partition_of[store] = partition_for(store.encode(), partitions)
            parts[partition_of[store]][key] = bounds
        return [SeqState(part) for part in parts]

    def encode(self) -> bytes:
        """The state as one Parquet object: register, first, last; one row an interval."""
        keys = sorted(self.intervals)
        rows = np.repeat(np.arange(len(keys), dtype=np.int32), [len(self.intervals[key]) // 2 for key in keys])
        bounds = np.fromiter((bound for key in keys for bound in self.intervals[key]), np.int64)
        registers = pa.DictionaryArray.from_arrays(pa.array(rows), pa.array(keys, pa.string()))
        table = pa.table({"register": registers, "first": bounds[::2], "last": bounds[1::2]})
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()

    @classmethod
    def decode(cls, body: bytes) -> "SeqState":
        """Raise LakeError where the object is not such a state."""
        try:
            table = pq.read_table(io.BytesIO(body), columns=["register", "first", "last"])
        except (pa.ArrowException, KeyError) as error:
            raise LakeError(
                f"A snapshot of the sequence state cannot be read: {error}. Nothing was changed."
            ) from error
        registers = table["register"].combine_chunks().dictionary_encode()
        bounds = np.stack([table["first"].to_numpy(), table["last"].to_numpy()], axis=1).ravel().tolist()
        # The rows of a register stand together, in the order of the dictionary.
        ends = np.cumsum(np.bincount(registers.indices, minlength=len(registers.dictionary))).tolist()
        keys = registers.dictionary.to_pylist()
        return cls(
            {key: tuple(bounds[2 * start : 2 * end]) for key, start, end in zip(keys, [0, *ends], ends, strict=False)}
        )


def register_keys(store_id: pa.Array, register_id: pa.Array, epoch: pa.Array) -> pa.Array:
    """The key of each event's register: an event_id without its seq. No part can contain the colon."""
    return pc.binary_join_element_wise(store_id, register_id, epoch, ":")


def merge(deltas: Iterable[Intervals]) -> Intervals:
    """What several tasks added, as one delta."""
    return _union(list(deltas))


def _too_far(codes: Numbers, seqs: Numbers, highest: Numbers, max_ahead: int) -> Flags:
    too_far: Flags = (seqs > HIGHEST_SEQ) | (seqs < 1)
    suspects = np.unique(codes[seqs > highest[codes] + max_ahead])
    if not len(suspects):
        return too_far
    # Whether an event is too far depends on those before it, but only within registers that have leapt at all.
    for place in np.flatnonzero(np.isin(codes, suspects)).tolist():
        code, seq = codes[place], seqs[place]
        if seq > highest[code] + max_ahead:
            too_far[place] = True
        elif not too_far[place]:
            highest[code] = max(highest[code], seq)
    return too_far


def _laid_out(bounds: list[Bounds]) -> tuple[Numbers, Numbers]:
    """The intervals of registers 0, 1, 2, … on the common axis."""
    flat = np.fromiter((bound for each in bounds for bound in each), np.int64)
    codes = np.repeat(np.arange(len(bounds), dtype=np.int64), [len(each) // 2 for each in bounds])
    return flat[::2] + (codes << _ROOM_BITS), flat[1::2] + (codes << _ROOM_BITS)


def _within(places: Numbers, firsts: Numbers, lasts: Numbers) -> Flags:
    if not len(firsts):
        return np.zeros(len(places), np.bool_)
    nearest = np.searchsorted(firsts, places, side="right") - 1
    inside: Flags = (nearest >= 0) & (places <= lasts[nearest])
    return inside


def _runs(places: Numbers) -> tuple[Numbers, Numbers]:
    """The intervals that ascending, distinct places make. Two registers are never adjacent: no seq is 0."""
    if not len(places):
        return places, places
    starts = np.flatnonzero(np.diff(places, prepend=places[0] - 2) > 1)
    return places[starts], places[np.append(starts[1:], len(places)) - 1]


def _by_register(firsts: Numbers, lasts: Numbers, keys: list[str]) -> dict[str, Bounds]:
    if not len(firsts):
        return {}
    codes = firsts >> _ROOM_BITS
    base = codes << _ROOM_BITS
    bounds = np.stack([firsts - base, lasts - base], axis=1).ravel().tolist()
    present, starts = np.unique(codes, return_index=True)
    ends = np.append(starts[1:], len(codes))
    return {
        keys[code]: tuple(bounds[2 * start : 2 * end])
        for code, start, end in zip(present.tolist(), starts.tolist(), ends.tolist(), strict=True)
    }


def _chosen(intervals: Intervals, wanted: Intervals) -> Intervals:
    return {key: intervals[key] for key in wanted if key in intervals}


def _union(parts: list[Intervals]) -> dict[str, Bounds]:
    keys = list(dict.fromkeys(key for part in parts for key in part))
    if not keys:
        return {}
    # A register's bounds of all parts, one after the other: unsorted and overlapping until now.
    firsts, lasts = _laid_out([tuple(bound for part in parts for bound in part.get(key, ())) for key in keys])
    order = np.argsort(firsts, kind="stable")
    firsts, lasts = firsts[order], np.maximum.accumulate(lasts[order])
    starts = np.flatnonzero(np.append(True, firsts[1:] > lasts[:-1] + 1))
    return _by_register(firsts[starts], lasts[np.append(starts[1:], len(lasts)) - 1], keys)
