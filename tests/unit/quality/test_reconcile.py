"""What reconciliation says of a register's day, in every state it knows."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, time

import pyarrow as pa
import pytest

from contracts.cutoff import closing_time
from contracts.events import event_id
from quality.reconcile import reconcile
from quality.reconcile_queries import Tables
from quality.register_days import RegisterDay, State
from tests.support.lake_rows import (
    DAY,
    EPOCH,
    ControlTotal,
    Receipt,
    Refused,
    day_of_receipts,
    payload,
    quarantine_table,
    receipt_tables,
    total_tables,
)

# Store 330 is in New York: its Friday ends on Saturday 05:00 UTC, and is closed 24 hours later.
CLOSED = datetime(2026, 11, 22, 5, tzinfo=UTC)
OPEN = datetime(2026, 11, 22, 4, 59, tzinfo=UTC)
RUNG_UP = day_of_receipts(10)
STORES = pa.table({"store_id": ["330", "331"], "time_zone": ["America/New_York", "America/New_York"]})


def tables(lake: Sequence[Receipt], totals: Sequence[ControlTotal] = (), refused: Sequence[Refused] = ()) -> Tables:
    written = receipt_tables(lake)
    return Tables(
        receipts=written["receipts"],
        receipt_tenders=written["receipt_tenders"],
        **total_tables(totals),
        quarantine=quarantine_table(refused),
        stores=STORES,
    )


def run(
    lake: Sequence[Receipt],
    totals: Sequence[ControlTotal] = (ControlTotal(RUNG_UP),),
    refused: Sequence[Refused] = (),
    now: datetime = CLOSED,
) -> list[RegisterDay]:
    return list(reconcile(tables(lake, totals, refused), now=now, cutoff_hours=24))


def without(*seqs: int) -> list[Receipt]:
    return [receipt for receipt in RUNG_UP if receipt.seq not in seqs]


def name(seq: int) -> str:
    return event_id("330", "1", EPOCH, seq)


def test_equal_sides_agree():
    """A day whose receipts, sums and tenders equal the till's is agreed."""
    [day] = run(RUNG_UP)
    assert (day.state, day.absences, day.differences) == (State.AGREED, (), ())
    assert day.till_receipts == day.lake_receipts == 10
    assert day.till_amount == day.lake_amount == sum(receipt.total for receipt in RUNG_UP)


def test_a_cent_off_is_found():
    """A total that is one cent higher than the lake is unexplained, and every figure that is off is named."""
    [day] = run(RUNG_UP, [ControlTotal(RUNG_UP, off_by=1)])
    assert day.state is State.UNEXPLAINED
    assert [difference.split(":")[0] for difference in day.differences] == ["sales_amount", "total", "card_amount"]
    assert all(difference.endswith("difference -1") for difference in day.differences)


def test_money_moved_between_types_is_found():
    """Sums by type must agree one by one, not only in total."""
    changed = replace(RUNG_UP[4], type="void")
    [day] = run([changed if receipt.seq == 5 else receipt for receipt in RUNG_UP])
    assert day.state is State.UNEXPLAINED
    assert {difference.split(":")[0] for difference in day.differences} == {
        "returns_count",
        "returns_amount",
        "voids_count",
        "voids_amount",
    }


def test_money_moved_between_tenders_is_found():
    """Sums by tender must agree one by one, not only in total."""
    changed = replace(RUNG_UP[0], tender_type="cash")
    [day] = run([changed, *RUNG_UP[1:]])
    assert day.state is State.UNEXPLAINED
    assert {difference.split(":")[0] for difference in day.differences} == {
        "card_count",
        "card_amount",
        "cash_count",
        "cash_amount",
    }


def test_a_hole_before_the_cutoff_is_pending():
    """A receipt that has not arrived is pending until the cut-off, and named."""
    [day] = run(without(4), now=OPEN)
    assert day.state is State.PENDING
    [absence] = day.absences
    assert (list(absence.event_ids()), absence.state) == ([name(4)], State.PENDING)


def test_a_hole_after_the_cutoff_is_missing():
    """From the cut-off on, a receipt that has not arrived is missing; neighbours are named one by one."""
    [day] = run(without(1, 4, 5, 10))
    assert day.state is State.MISSING
    named = [each for absence in day.absences for each in absence.event_ids()]
    assert named == [name(1), name(4), name(5), name(10)]
    assert {absence.state for absence in day.absences} == {State.MISSING}


def test_a_late_receipt_closes_its_hole():
    """A day that was missing a receipt agrees once the receipt has come, however late."""
    assert run(without(4))[0].state is State.MISSING
    assert run(RUNG_UP)[0].state is State.AGREED


@pytest.mark.parametrize("register_is_silent", [True, False])
def test_the_whole_day_can_be_absent(*, register_is_silent: bool):
    """A total without any receipt names every one of them."""
    other = day_of_receipts(3, register_id="2")
    lake = () if register_is_silent else other
    days = run(lake, [ControlTotal(RUNG_UP), ControlTotal(other)] if lake else [ControlTotal(RUNG_UP)])
    assert days[0].state is State.MISSING
    assert days[0].absences[0].count == 10
    assert [day.state for day in days[1:]] == ([] if register_is_silent else [State.AGREED])


@pytest.mark.parametrize(
    "refused",
    [
        Refused(header=name(4).encode(), payload=b"\xff not even UTF-8"),
        Refused(header=None, payload=payload(RUNG_UP[3])),
        Refused(header=b"\xff", payload=payload(RUNG_UP[3])),
        Refused(header=name(4).encode(), payload=None),
    ],
    ids=["by header", "by payload", "by payload under a broken header", "a tombstone"],
)
@pytest.mark.parametrize("now", [OPEN, CLOSED])
def test_a_quarantined_receipt_is_named(refused: Refused, now: datetime):
    """A receipt that waits in quarantine explains its hole, with its reason and its place in Kafka."""
    [day] = run(without(4), refused=[refused], now=now)
    assert day.state is State.QUARANTINED
    [absence] = day.absences
    assert list(absence.event_ids()) == [name(4)]
    assert absence.reason == "bad_signature at pos.receipts.v1-0@9000"


def test_quarantine_explains_only_its_own_hole():
    """One receipt in quarantine does not excuse another that is missing."""
    [day] = run(without(4, 6), refused=[Refused(header=name(4).encode())])
    assert day.state is State.MISSING
    assert {(absence.first_seq, absence.state) for absence in day.absences} == {
        (4, State.QUARANTINED),
        (6, State.MISSING),
    }


def test_a_refused_copy_of_an_accepted_receipt_changes_nothing():
    """Quarantine matters where there is a hole, not where the lake has the receipt."""
    [day] = run(RUNG_UP, refused=[Refused(header=name(4).encode(), reason="conflict")])
    assert day.state is State.AGREED


def test_too_much_money_is_found_behind_a_hole():
    """While receipts are absent the lake may have less than the till, never more."""
    dearer = replace(RUNG_UP[7], amounts=(10_000_000,))
    [day] = run([dearer if receipt.seq == 8 else receipt for receipt in without(1)], now=OPEN)
    assert day.state is State.UNEXPLAINED
    assert "sales_amount" in day.differences[0]


def test_no_total_is_pending_and_then_a_finding():
    """Receipts without a control total are pending until the cut-off and unexplained after it."""
    assert run(RUNG_UP, [], now=OPEN)[0].state is State.PENDING
    [day] = run(RUNG_UP, [])
    assert (day.state, day.differences) == (State.UNEXPLAINED, ("no control total",))
    assert (day.till_receipts, day.lake_receipts) == (None, 10)


def test_a_refused_total_is_named():
    """Where the control total itself is in quarantine, the finding says so."""
    refused = Refused(feed="store.control-totals", payload=payload(RUNG_UP[0]), reason="rule:amounts_add_up")
    [day] = run(RUNG_UP, [], [refused])
    assert day.state is State.UNEXPLAINED
    assert day.differences == (
        "no control total; one is in quarantine: rule:amounts_add_up at store.control-totals.v1-0@9000",
    )


def test_the_highest_revision_wins():
    """A corrected total replaces the earlier one, whichever arrived last."""
    first = ControlTotal(RUNG_UP[:9], off_by=7)
    [day] = run(RUNG_UP, [ControlTotal(RUNG_UP, revision=2), first])
    assert (day.state, day.revision) == (State.AGREED, 2)


def test_a_receipt_outside_the_range_waits_for_a_revision():
    """A receipt the total does not cover is pending, as a revision may come, and unexplained after the cut-off."""
    early = [ControlTotal(RUNG_UP[:9])]
    assert run(RUNG_UP, early, now=OPEN)[0].state is State.PENDING
    [day] = run(RUNG_UP, early)
    assert day.state is State.UNEXPLAINED
    assert day.differences == (f"outside the total's range 1 to 9: {name(10)}",)


def test_a_doubled_receipt_is_named():
    """The same receipt at two offsets is unexplained, at once."""
    [day] = run([*RUNG_UP, replace(RUNG_UP[3], offset=500)], now=OPEN)
    assert day.state is State.UNEXPLAINED
    assert day.differences[0] == f"in the lake more than once: {name(4)}"


def test_another_currency_is_not_added_up():
    """Cents of another currency never count as the total's."""
    foreign = replace(RUNG_UP[0], currency="CAD")
    [day] = run([foreign, *RUNG_UP[1:]])
    assert day.state is State.UNEXPLAINED
    assert day.differences[0] == "1 receipts in another currency than the total's USD"


def test_a_receipt_booked_on_another_date_is_found_there():
    """A receipt of the total's range under another business date is unexplained, not missing."""
    moved = replace(RUNG_UP[3], business_date=DAY.replace(day=21))
    days = run([*without(4), moved])
    assert [(day.business_date.day, day.state) for day in days] == [(20, State.UNEXPLAINED), (21, State.PENDING)]
    assert days[0].differences[0] == f"in the lake under business date 2026-11-21: {name(4)}"


def test_an_empty_day_agrees():
    """A register that rang up nothing agrees with a lake that has nothing of it."""
    empty = total_tables([ControlTotal(RUNG_UP)])
    row = empty["control_totals"].to_pylist()[0]
    row = {k: 0 if k.endswith(("_count", "_amount")) or k == "total" else v for k, v in row.items()}
    totals = pa.Table.from_pylist([{**row, "first_seq": 1, "last_seq": 0}], empty["control_totals"].schema)
    given = replace(tables([]), control_totals=totals, control_total_tenders=empty["control_total_tenders"].slice(0, 0))
    [day] = reconcile(given, now=CLOSED, cutoff_hours=24)
    assert (day.state, day.lake_receipts) == (State.AGREED, 0)


def test_a_total_that_contradicts_itself_is_found():
    """A range that does not hold as many receipts as the total counts is unexplained."""
    gap = (*RUNG_UP[:5], *RUNG_UP[6:])
    [day] = run(gap, [ControlTotal(gap)], now=OPEN)
    assert day.state is State.UNEXPLAINED
    assert "the total counts 9 receipts in a range of 10" in day.differences


def test_a_total_beyond_belief_is_not_searched():
    """A range of a billion receipts is a finding, not a billion names."""
    last = replace(RUNG_UP[-1], seq=1_000_000_000)
    [day] = run(RUNG_UP, [ControlTotal((*RUNG_UP, last))])
    assert (day.state, day.absences) == (State.UNEXPLAINED, ())


def test_epochs_are_told_apart():
    """A replaced till starts at 1 again under a new epoch, with a total of its own."""
    again = day_of_receipts(4, epoch="ba9876543210", partition=1)
    days = run([*RUNG_UP, *again], [ControlTotal(RUNG_UP), ControlTotal(again, revision=2)])
    assert [day.state for day in days] == [State.AGREED, State.AGREED]


def test_tenders_whose_receipt_is_not_committed_do_not_count():
    """Children are committed before their parents; what has no parent yet is not in the lake yet."""
    ahead = receipt_tables([*RUNG_UP, Receipt(11)])["receipt_tenders"]
    [day] = reconcile(
        replace(tables(RUNG_UP, [ControlTotal(RUNG_UP)]), receipt_tenders=ahead), now=CLOSED, cutoff_hours=24
    )
    assert day.state is State.AGREED


def test_one_store_and_one_date_can_be_asked_for():
    """Asked for one store, or one date, reconciliation leaves the others out."""
    other_store = day_of_receipts(3, store_id="331", partition=2)
    other_date = day_of_receipts(3, business_date=DAY.replace(day=19), at=time(9), partition=3)
    lake = [*RUNG_UP, *other_store, *other_date]
    given = tables(lake, [ControlTotal(RUNG_UP), ControlTotal(other_store, 2), ControlTotal(other_date, 3)])
    both = list(reconcile(given, now=CLOSED, cutoff_hours=24, store_id="330"))
    assert [(day.key.store_id, day.business_date.day) for day in both] == [("330", 19), ("330", 20)]
    one = list(reconcile(given, now=CLOSED, cutoff_hours=24, business_date=DAY))
    assert [(day.key.store_id, day.business_date.day) for day in one] == [("330", 20), ("331", 20)]


def test_the_cutoff_follows_the_clocks_of_the_store():
    """The cut-off counts from the store's own midnight, summer time included."""
    assert closing_time(DAY, "America/New_York", 24) == CLOSED
    assert closing_time(DAY.replace(month=7), "America/New_York", 24) == datetime(2026, 7, 22, 4, tzinfo=UTC)
    assert closing_time(DAY, None, 24) == datetime(2026, 11, 22, tzinfo=UTC)
