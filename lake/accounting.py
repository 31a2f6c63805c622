"""The arithmetic of the proof: what every offset of a feed has become, counted from the rows themselves.

Offsets are treated a window at a time, so memory does not grow with the lake: about 100 bytes an offset and partition
of a window for receipts. Within a window each table is read once, in any order.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Read = Callable[[str, Sequence[str], str | None], Iterable[pa.RecordBatch]]
"""Reads columns of a table, by name, with a predicate in SQL."""

PLACE = ("kafka_topic_id", "kafka_partition", "kafka_offset")
WINDOW_OFFSETS = 200_000
NAMED_SPANS = 20


@dataclass(frozen=True)
class Span:
    """Offsets of one partition, both included."""

    first: int
    last: int


@dataclass(frozen=True)
class Partition:
    """What the offsets from `start` to `end` (not included) of a partition have become. `expired` counts those that
    nothing is left of because a retention removed it.
    """

    partition: int
    start: int
    end: int
    rows: int
    quarantined: int
    duplicates: int
    expired: int = 0


@dataclass(frozen=True)
class Fault:
    """Something that is off: `count` offsets or rows of a partition, with the first few named."""

    kind: str
    table: str
    partition: int
    count: int
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Child:
    """A table of array items. `amount` says that the items' amounts add up to the parent's total."""

    name: str
    amount: bool


@dataclass(frozen=True)
class Feed:
    """What is to be proven. `start` and `end` by partition; the end is not included.

    `other_topics` are the ids the feed's topic had before: their rows are left for accounts of their own. `expired`
    are the offsets, by partition, whose rows a retention has removed: they need not have become anything, and what is
    left of them need not be whole.
    """

    topic_id: str
    start: Mapping[int, int]
    end: Mapping[int, int]
    parent: str
    children: Sequence[Child]
    quarantine: str
    duplicates: str
    other_topics: frozenset[str] = frozenset()
    expired: Mapping[int, Sequence[tuple[int, int]]] = field(default_factory=dict)


@dataclass
class Account:
    """`ahead` has, by table and partition, the offsets at the end or later that rows of other tables than the parent
    have: of a batch that is being committed, or of none.
    """

    partitions: dict[int, Partition] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    ahead: dict[tuple[str, int], set[int]] = field(default_factory=dict)


def account(feed: Feed, read: Read, window_offsets: int = WINDOW_OFFSETS) -> Account:
    """Read every row of the feed and say what is off.

    Kinds of fault: `gap` (an offset that became nothing), `twice` (more than one row, or a row and something else),
    `beyond` (a row of the parent outside start and end), `stray` (a row of another topic, or without a place),
    `parentless` (items of no message), `items` (the ordinals of a message's items are not 0, 1, 2, …), `money` (items
    that do not add up to the total).
    """
    result = Account()
    low, high = min(feed.start.values()), max(feed.end.values())
    edges = list(range(low, max(high, low + 1), window_offsets))
    for number, edge in enumerate(edges):
        until = edge + window_offsets if number + 1 < len(edges) else None
        window = _Window(feed, edge, min(window_offsets, max(high - edge, 1)))
        predicate = _predicate(edge if number else None, until)
        window.read(read, predicate)
        _add(result, window.partitions(), window.faults())
        for place, offsets in window.ahead.items():
            result.ahead.setdefault(place, set()).update(offsets)
    return result


class _Window:
    """The offsets from `edge` on, `width` of them, of every partition, each partition a row of every array."""

    def __init__(self, feed: Feed, edge: int, width: int) -> None:
        self.feed, self.edge, self.width = feed, edge, width
        self.numbers = sorted(feed.end)
        shape = (len(self.numbers), width)
        offsets = np.arange(edge, edge + width, dtype=np.int64)
        starts = np.array([feed.start[each] for each in self.numbers], np.int64)[:, None]
        ends = np.array([feed.end[each] for each in self.numbers], np.int64)[:, None]
        self.due = (offsets >= starts) & (offsets < ends)
        self.kept = self.due & ~self._expired(shape)
        self.parents, self.quarantined, self.duplicates = (np.zeros(shape, np.uint8) for _ in range(3))
        self.total = np.zeros(shape, np.int64)
        self.items = {child.name: _Items(shape) for child in feed.children}
        self.strays: list[Fault] = []
        self.ahead: dict[tuple[str, int], set[int]] = {}

    def read(self, read: Read, predicate: str | None) -> None:
        feed = self.feed
        money = any(child.amount for child in feed.children)
        for batch in read(feed.parent, [*PLACE, *(["total"] if money else [])], predicate):
            place, kept = self._places(feed.parent, batch, strict=True)
            _count(self.parents, place)
            if money:
                np.add.at(self.total.reshape(-1), place, _column(batch, "total")[kept])
        for name, counts in ((feed.quarantine, self.quarantined), (feed.duplicates, self.duplicates)):
            for batch in read(name, PLACE, predicate):
                _count(counts, self._places(name, batch)[0])
        for child in feed.children:
            items = self.items[child.name]
            columns = [*PLACE, "ordinal", *(["amount"] if child.amount else [])]
            for batch in read(child.name, columns, predicate):
                place, kept = self._places(child.name, batch)
                ordinals = _column(batch, "ordinal")[kept]
                amounts = _column(batch, "amount")[kept] if child.amount else None
                items.add(place, ordinals, amounts)

    def partitions(self) -> Iterator[Partition]:
        for row, number in enumerate(self.numbers):
            due = self.due[row]
            yield Partition(
                partition=number,
                start=self.feed.start[number],
                end=self.feed.end[number],
                rows=int(self.parents[row][due].sum()),
                quarantined=int(self.quarantined[row][due].sum()),
                duplicates=int(self.duplicates[row][due].sum()),
                expired=int((due & ~self.kept[row] & (self._outcomes()[row] == 0)).sum()),
            )

    def faults(self) -> Iterator[Fault]:
        yield from self.strays
        outcomes = self._outcomes()
        yield from self._where("gap", self.feed.parent, self.kept & (outcomes == 0))
        yield from self._where("twice", self.feed.parent, self.due & (outcomes > 1))
        yield from self._where("beyond", self.feed.parent, ~self.due & (self.parents > 0))
        for child in self.feed.children:
            items = self.items[child.name]
            yield from self._where("parentless", child.name, self.kept & (items.count > 0) & (self.parents == 0))
            yield from self._where("items", child.name, self.kept & ~items.in_order())
            if child.amount:
                off = (items.amount != self.total) & (self.parents == 1)
                yield from self._where("money", child.name, self.kept & off)

    def _outcomes(self) -> Numbers:
        outcomes: Numbers = self.parents.astype(np.int64) + self.quarantined + self.duplicates
        return outcomes

    def _expired(self, shape: tuple[int, int]) -> Flags:
        expired: Flags = np.zeros(shape, np.bool_)
        for row, number in enumerate(self.numbers):
            for first, last in self.feed.expired.get(number, ()):
                expired[row, max(first - self.edge, 0) : max(last + 1 - self.edge, 0)] = True
        return expired

    def _where(self, kind: str, table: str, off: Flags) -> Iterator[Fault]:
        for row, number in enumerate(self.numbers):
            offsets = np.flatnonzero(off[row]) + self.edge
            if len(offsets):
                yield Fault(kind, table, number, len(offsets), spans(offsets))

    def _places(self, table: str, batch: pa.RecordBatch, *, strict: bool = False) -> tuple[Numbers, Flags]:
        """Where in a flat array each row counts, and which rows count at all.

        Rows behind the end belong to a batch that is being committed: they are left out, but for `strict`.
        """
        topic = pc.fill_null(batch["kafka_topic_id"].cast(pa.string()), "")
        elsewhere = _flags(pc.is_in(topic, pa.array(self.feed.other_topics, topic.type)))
        ours = (
            _flags(pc.equal(topic, self.feed.topic_id))
            & _flags(pc.is_valid(batch["kafka_partition"]))
            & _flags(pc.is_valid(batch["kafka_offset"]))
        )
        partition = _column(batch, "kafka_partition")
        column = _column(batch, "kafka_offset") - self.edge
        numbers = np.array(self.numbers, np.int64)
        row = np.minimum(np.searchsorted(numbers, partition), len(numbers) - 1)
        ours &= numbers[row] == partition
        if stray := int((~ours & ~elsewhere).sum()):
            self.strays.append(Fault("stray", table, -1, stray))
        if not strict:
            self._note_ahead(table, partition, column + self.edge, ours, row)
        inside = ours & (column >= 0) & (column < self.width)
        if strict and (outside := ours & ~inside).any():
            for number in np.unique(partition[outside]).tolist():
                offsets = column[outside & (partition == number)] + self.edge
                self.strays.append(Fault("beyond", table, number, len(offsets), spans(np.unique(offsets))))
        return (row * self.width + column)[inside], inside

    def _note_ahead(self, table: str, partition: Numbers, offsets: Numbers, ours: Flags, row: Numbers) -> None:
        ends = np.array([self.feed.end[each] for each in self.numbers], np.int64)
        ahead = ours & (offsets >= ends[row])
        for number in np.unique(partition[ahead]).tolist():
            found = np.unique(offsets[ahead & (partition == number)]).tolist()
            self.ahead.setdefault((table, number), set()).update(found)


class _Items:
    """Of each message: how many items, and the sums of ordinals, of their squares, and of amounts."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.count, self.ordinals, self.squares, self.amount = (np.zeros(shape, np.int64) for _ in range(4))

    def add(self, place: Numbers, ordinals: Numbers, amounts: Numbers | None) -> None:
        np.add.at(self.count.reshape(-1), place, 1)
        np.add.at(self.ordinals.reshape(-1), place, ordinals)
        np.add.at(self.squares.reshape(-1), place, ordinals * ordinals)
        if amounts is not None:
            np.add.at(self.amount.reshape(-1), place, amounts)

    def in_order(self) -> Flags:
        """Whether the ordinals are 0 to count - 1: both sums are as they must be."""
        n = self.count
        ordered: Flags = (2 * self.ordinals == n * (n - 1)) & (6 * self.squares == (n - 1) * n * (2 * n - 1))
        return ordered


def spans(offsets: Numbers) -> tuple[Span, ...]:
    """Ascending offsets as spans, the first NAMED_SPANS of them."""
    if not len(offsets):
        return ()
    starts = np.flatnonzero(np.diff(offsets, prepend=offsets[0] - 2) > 1)
    ends = np.append(starts[1:], len(offsets)) - 1
    pairs = zip(offsets[starts][:NAMED_SPANS].tolist(), offsets[ends][:NAMED_SPANS].tolist(), strict=True)
    return tuple(Span(first, last) for first, last in pairs)


def _predicate(first: int | None, until: int | None) -> str | None:
    """The rows of a window. The first window and the last one are open, so that no row is left out of all."""
    if until is None:
        return None if first is None else f"kafka_offset >= {first}"
    if first is None:
        return f"(kafka_offset < {until} OR kafka_offset IS NULL)"
    return f"kafka_offset >= {first} AND kafka_offset < {until}"


def _add(result: Account, partitions: Iterable[Partition], faults: Iterable[Fault]) -> None:
    for each in partitions:
        known = result.partitions.get(each.partition)
        result.partitions[each.partition] = _sum(known, each) if known else each
    for fault in faults:
        _merge(result.faults, fault)


def _sum(one: Partition, other: Partition) -> Partition:
    return Partition(
        one.partition,
        one.start,
        one.end,
        one.rows + other.rows,
        one.quarantined + other.quarantined,
        one.duplicates + other.duplicates,
        one.expired + other.expired,
    )


def _merge(faults: list[Fault], fault: Fault) -> None:
    for number, known in enumerate(faults):
        if (known.kind, known.table, known.partition) == (fault.kind, fault.table, fault.partition):
            named = (*known.spans, *fault.spans)[:NAMED_SPANS]
            faults[number] = Fault(known.kind, known.table, known.partition, known.count + fault.count, named)
            return
    faults.append(fault)


def _count(counts: npt.NDArray[np.uint8], place: Numbers) -> None:
    flat = counts.reshape(-1)
    distinct, times = np.unique(place, return_counts=True)
    flat[distinct] = np.minimum(flat[distinct] + times, 255)


def _column(batch: pa.RecordBatch, name: str) -> Numbers:
    values: Numbers = pc.fill_null(batch[name], 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    return values


def _flags(values: pa.BooleanArray) -> Flags:
    flags: Flags = values.to_numpy(zero_copy_only=False)
    return flags
