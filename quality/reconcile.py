"""Do the tills and the lake agree? Every register's day against its control total, to the cent.

A register's day is
- **agreed**: every seq of the total's range is in the lake once, and all counts and sums are equal;
- **quarantined**: as agreed, but for receipts that wait in quarantine, each named with its reason;
- **pending**: something has not arrived, and the contract's cut-off has not passed;
- **missing**: the cut-off has passed and a receipt is neither in the lake nor in quarantine;
- **unexplained**: no total at the cut-off, or figures that differ though nothing is absent, or a receipt that is
  doubled, outside its total's range or booked on another date.

Nothing is remembered between runs: a receipt that comes after its cut-off closes its hole the next time.
"""

from collections.abc import Iterator
from datetime import date, datetime

from contracts.cutoff import closing_time
from quality.reconcile_queries import LARGEST_DAY, Hole, Sides, Tables, business_dates, connect, sides
from quality.register_days import Absence, RegisterDay, State


def reconcile(
    tables: Tables,
    *,
    now: datetime,
    cutoff_hours: int,
    business_date: date | None = None,
    store_id: str | None = None,
) -> Iterator[RegisterDay]:
    """Judge one business date after the other, or only the one asked for, in all stores or in one."""
    with connect(tables) as database:
        dates = [business_date] if business_date else business_dates(database)
        for each in dates:
            for found in sides(database, each, store_id):
                yield judge(found, each, now=now, cutoff_hours=cutoff_hours)


def judge(found: Sides, business_date: date, *, now: datetime, cutoff_hours: int) -> RegisterDay:
    """Put the two sides of one register's day into one state, with every reason for it."""
    closes_at = closing_time(business_date, found.time_zone, cutoff_hours)
    closed = now >= closes_at
    absences = tuple(_absence(found, hole, closed=closed) for hole in found.holes if hole.booked_on is None)
    wrong, early = tuple(_wrong(found)), tuple(_early(found))
    if wrong or (early and closed):
        state = State.UNEXPLAINED
    elif any(absence.state is State.MISSING for absence in absences):
        state = State.MISSING
    elif early or any(absence.state is State.PENDING for absence in absences):
        state = State.PENDING
    elif absences:
        state = State.QUARANTINED
    else:
        state = State.AGREED
    return RegisterDay(
        key=found.key,
        business_date=business_date,
        state=state,
        currency=found.currency,
        revision=found.revision,
        till_receipts=found.till_receipts,
        till_amount=found.till_amount,
        lake_receipts=found.lake_receipts,
        lake_amount=found.lake_amount,
        absences=absences,
        differences=(*wrong, *early),
        closes_at=closes_at,
    )


def _absence(found: Sides, hole: Hole, *, closed: bool) -> Absence:
    if hole.quarantined:
        return Absence(found.key, hole.first_seq, hole.last_seq, State.QUARANTINED, hole.quarantined)
    state, reason = (
        (State.MISSING, "the till counted it, the cut-off has passed")
        if closed
        else (State.PENDING, "the till counted it, it may still arrive")
    )
    return Absence(found.key, hole.first_seq, hole.last_seq, state, reason)


def _early(found: Sides) -> Iterator[str]:
    """What a message that is still on its way could put right: a fault only once the cut-off has passed."""
    if found.revision is None:
        refused = f"; one is in quarantine: {found.refused_total}" if found.refused_total else ""
        yield f"no control total{refused}"
    if found.outside:
        names = ", ".join(found.key.event_id(seq) for seq in found.outside)
        yield f"outside the total's range {found.first_seq} to {found.last_seq}: {names}"


def _wrong(found: Sides) -> Iterator[str]:
    """What no message that is still on its way could put right."""
    for seq in found.doubled:
        yield f"in the lake more than once: {found.key.event_id(seq)}"
    if found.revision is None or found.first_seq is None or found.last_seq is None:
        return
    for hole in found.holes:
        if hole.booked_on is not None:
            first, last = found.key.event_id(hole.first_seq), found.key.event_id(hole.last_seq)
            names = first if first == last else f"{first} to {last}"
            yield f"in the lake under business date {hole.booked_on}: {names}"
    in_range = found.last_seq - found.first_seq + 1
    if in_range != found.till_receipts:
        yield f"the total counts {found.till_receipts} receipts in a range of {in_range}"
    if in_range > LARGEST_DAY:
        yield f"the total's range of {in_range} receipts is more than a register can have in a day ({LARGEST_DAY})"
    if found.other_currencies:
        yield f"{found.other_currencies} receipts in another currency than the total's {found.currency}"
    for measure in found.measures:
        if _disagrees(measure.name, measure.till, measure.lake, complete=not found.holes):
            yield f"{measure.name}: till {measure.till}, lake {measure.lake}, difference {measure.lake - measure.till}"


def _disagrees(name: str, till: int, lake: int, *, complete: bool) -> bool:
    """Whether a figure is off. While receipts are absent, the lake may only have less than the till, never more."""
    if complete:
        return till != lake
    if name.endswith("_count"):
        return lake > till
    if name == "sales_amount":
        return lake > till
    if name in ("returns_amount", "voids_amount"):
        return lake < till
    return False
