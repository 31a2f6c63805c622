from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pytest

from lake.accounting import Account, Child, Fault, Feed, Partition, Read, Span, account

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
COLUMNS = {
    "receipts": ("kafka_topic_id", "kafka_partition", "kafka_offset", "total"),
    "lines": ("kafka_topic_id", "kafka_partition", "kafka_offset", "ordinal", "amount"),
    "quarantine": ("kafka_topic_id", "kafka_partition", "kafka_offset"),
    "duplicates": ("kafka_topic_id", "kafka_partition", "kafka_offset"),
}
END = 50


def reading(rows: Rows) -> Read:
    """Reads rows from memory, a few at a time and last ones first, with the only predicates there are."""

    def read(name: str, columns: Sequence[str], predicate: str | None) -> Iterable[pa.RecordBatch]:
        table = pa.Table.from_pylist(
            [dict(zip(COLUMNS[name], row, strict=True)) for row in reversed(rows.get(name, ()))],
            schema=pa.schema(
                [(each, pa.string() if each == "kafka_topic_id" else pa.int64()) for each in COLUMNS[name]]
            ),
        )
        for part in (predicate or "").strip("()").replace(" OR kafka_offset IS NULL", "").split(" AND "):
            if part:
                _, sign, bound = part.split()
                offsets = table["kafka_offset"]
                compare = pa.compute.less if sign == "<" else pa.compute.greater_equal
                table = table.filter(compare(offsets, int(bound)))
        yield from table.select(list(columns)).to_batches(max_chunksize=7)

    return read


def receipts(offsets: Iterable[int], partition: int = 0) -> list[tuple[Any, ...]]:
    return [("id", partition, offset, 30) for offset in offsets]


def lines(offsets: Iterable[int], partition: int = 0) -> list[tuple[Any, ...]]:
    return [("id", partition, offset, ordinal, amount) for offset in offsets for ordinal, amount in ((0, 10), (1, 20))]


def places(offsets: Iterable[int], partition: int = 0) -> list[tuple[Any, ...]]:
    return [("id", partition, offset) for offset in offsets]


SOUND: Rows = {
    "receipts": receipts([*range(40), *range(45, END)]),
    "lines": lines([*range(40), *range(45, END)]),
    "quarantine": places([40, 44]),
    "duplicates": places([41, 42, 43]),
}


@pytest.fixture(params=[1000, 7], ids=["one window", "many windows"])
def window(request: pytest.FixtureRequest) -> int:
    width: int = request.param
    return width


def proven(rows: Rows, window: int, **changes: Any) -> Account:
    fields: dict[str, Any] = {
        "topic_id": "id",
        "start": {0: 0},
        "end": {0: END},
        "parent": "receipts",
        "children": [Child("lines", amount=True)],
        "quarantine": "quarantine",
        "duplicates": "duplicates",
    }
    return account(Feed(**(fields | changes)), reading(rows), window)


def faults(rows: Rows, window: int, **changes: Any) -> list[Fault]:
    return proven(rows, window, **changes).faults


def with_rows(table: str, *more: tuple[Any, ...]) -> Rows:
    return {**SOUND, table: [*SOUND[table], *more]}


def without(table: str, offset: int) -> Rows:
    return {**SOUND, table: [row for row in SOUND[table] if row[2] != offset]}


def test_a_sound_feed_has_no_faults(window: int) -> None:
    """Offsets that are each a row, quarantined or a duplicate are counted as such, and nothing is found."""
    result = proven(SOUND, window)
    assert result.faults == []
    assert result.partitions == {0: Partition(0, 0, END, rows=45, quarantined=2, duplicates=3)}


def test_a_gap_is_named(window: int) -> None:
    """Offsets that became nothing are found, each consecutive run as one span."""
    rows = {**SOUND, "receipts": receipts([*range(40), 45, 48, 49]), "lines": lines([*range(40), 45, 48, 49])}
    found = faults(rows, window)
    assert [(each.kind, each.count) for each in found] == [("gap", 2)]
    assert {offset for span in found[0].spans for offset in range(span.first, span.last + 1)} == {46, 47}


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("receipts", receipts([7])[0]),
        ("quarantine", ("id", 0, 7)),
        ("duplicates", ("id", 0, 7)),
        ("quarantine", ("id", 0, 41)),
    ],
)
def test_an_offset_that_became_two_things_is_named(table: str, row: tuple[Any, ...], window: int) -> None:
    """A second row, or a row that is quarantined or a duplicate as well, is found."""
    offset = row[2]
    assert faults(with_rows(table, row), window) == [Fault("twice", "receipts", 0, 1, (Span(offset, offset),))]


def test_rows_of_a_batch_being_committed_are_no_fault(window: int) -> None:
    """Items, quarantined and duplicates are committed before their message's row: behind the end they are expected."""
    rows = {
        "receipts": SOUND["receipts"],
        **{table: [*SOUND[table], *more] for table, more in (("lines", lines([60])), ("quarantine", places([61])))},
        "duplicates": [*SOUND["duplicates"], *places([62])],
    }
    assert faults(rows, window) == []


def test_a_row_behind_the_end_is_named(window: int) -> None:
    """A message's own row outside what has been committed is found, however far outside."""
    assert faults(with_rows("receipts", *receipts([END])), window) == [
        Fault("beyond", "receipts", 0, 1, (Span(END, END),))
    ]
    far = Fault("beyond", "receipts", 0, 1, (Span(10**9, 10**9),))
    assert faults(with_rows("receipts", *receipts([10**9])), window) == [far]


def test_offsets_before_the_start_are_not_missed(window: int) -> None:
    """A feed that began when its topic had lost its first messages lacks nothing; a row from before is found."""
    rows = {table: [row for row in SOUND[table] if row[2] >= 10] for table in SOUND}
    assert faults(rows, window, start={0: 10}) == []
    assert [each.kind for each in faults(SOUND, window, start={0: 10})] == ["beyond"]


@pytest.mark.parametrize("row", [("other", 0, 5, 30), ("id", 3, 5, 30), ("id", None, 5, 30), (None, 0, 5, 30)])
def test_a_row_of_another_topic_is_named(row: tuple[Any, ...], window: int) -> None:
    """Rows that belong to no partition of the topic are found, not silently left out."""
    assert faults(with_rows("receipts", row), window) == [Fault("stray", "receipts", -1, 1)]


def test_rows_of_the_topic_before_are_left_alone(window: int) -> None:
    """A topic that was made anew has an account of its own; the rows of the old one are no strays in it."""
    assert faults(with_rows("receipts", ("old", 0, 5, 30)), window, other_topics=frozenset({"old"})) == []


def test_a_lost_item_is_named(window: int) -> None:
    """A message that lacks one of its items is found by its money and by the numbers of the others."""
    rows = {**SOUND, "lines": [row for row in SOUND["lines"] if row[2:4] != (9, 0)]}
    assert {each.kind for each in faults(rows, window)} == {"items", "money"}


def test_a_doubled_item_without_money_is_named(window: int) -> None:
    """An item of no amount that is there twice changes no sum, but its number is there twice."""
    free = {"receipts": [("id", 0, 0, 0)], "lines": [("id", 0, 0, 0, 0), ("id", 0, 0, 0, 0)]}
    assert faults(free, window, end={0: 1}) == [Fault("items", "lines", 0, 1, (Span(0, 0),))]


def test_money_off_by_a_cent_is_named(window: int) -> None:
    """Items that do not add up to the total are found, to the cent."""
    rows = {**SOUND, "receipts": [*SOUND["receipts"][1:], ("id", 0, 0, 31)]}
    assert faults(rows, window) == [Fault("money", "lines", 0, 1, (Span(0, 0),))]


def test_items_without_their_message_are_named(window: int) -> None:
    """Items of a message that was quarantined are found."""
    assert [each.kind for each in faults(with_rows("lines", *lines([40])), window)] == ["parentless"]


def test_partitions_have_accounts_of_their_own(window: int) -> None:
    """A gap in one partition is not filled by the same offset of another."""
    rows = {
        "receipts": [*receipts(range(END)), *receipts(range(3, 20), partition=4)],
        "lines": [*lines(range(END)), *lines(range(3, 20), partition=4)],
    }
    result = proven(rows, window, start={0: 0, 4: 0}, end={0: END, 4: 20})
    assert result.faults == [Fault("gap", "receipts", 4, 3, (Span(0, 2),))]
    assert result.partitions[4].rows == 17


def test_a_feed_without_messages_is_sound(window: int) -> None:
    """A feed of which nothing was committed yet has nothing to account for."""
    assert faults({}, window, end={0: 0}) == []
