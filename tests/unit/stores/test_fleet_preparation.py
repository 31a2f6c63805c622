"""What the fleet will append keeps the contracts, and its control totals are what its tills rang up."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

import contracts
from contracts import reasons
from contracts.decoding import Decoder
from stores.errors import FleetError
from stores.fleet.preparation import Preparation, prepare
from stores.fleet.trouble import SKEW_WITHIN_MS, Plan, Trouble, parse
from stores.outbox import Draft, complete

NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
EPOCH = "0123456789ab"
REGISTER = ("store_id", "register_id", "outbox_no")


def events(prepared: Preparation, feed: str) -> list[dict]:
    """The bodies of a feed's messages, with the columns that say where they come from."""
    rows = prepared.messages.to_pylist()
    return [row | json.loads(row["body"]) for row in rows if row["feed"] == feed]


@pytest.mark.parametrize("feed", list(contracts.load()))
def test_messages_keep_the_contract(prepared: Preparation, feed: str):
    """Every message that is appended, completed by an outbox, is accepted by the contract's own decoder."""
    payloads = [
        complete(
            Draft(feed, row["register_id"], row["body"].encode()), store_id=row["store_id"], epoch=EPOCH, seq=row["seq"]
        )[1]
        for row in prepared.messages.to_pylist()
        if row["feed"] == feed
    ]
    decoded = Decoder(contracts.load()[feed]).decode(pa.array(payloads, pa.binary()))
    assert not decoded.verdicts.refused
    assert set(decoded.rows["extras"].to_pylist()) == {None}


def test_too_few_receipts_for_trouble():
    """Where a store that is to suffer has not enough receipts for it, the replay says so before anything is sent."""
    with pytest.raises(FleetError, match=r"Too few receipts for trouble: .* 40 stores .* 5 or more"):
        prepare(receipts=457, seed=7, troubles=frozenset({Trouble.SKEW}), now=NOW)
    assert prepare(receipts=457, seed=7, troubles=frozenset(), now=NOW).receipts.num_rows >= 457


def test_seqs_rise_by_one_in_the_order_of_append(prepared: Preparation):
    """Per outbox, feed and register the seqs are 1, 2, 3, … as the messages are appended."""
    seqs = defaultdict(list)
    for row in prepared.messages.to_pylist():
        seqs[row["feed"], *(row[name] for name in REGISTER)].append(row["seq"])
    for key, found in seqs.items():
        assert found == list(range(1, len(found) + 1)), key


def test_receipts_are_appended_in_the_order_of_their_time(prepared: Preparation):
    """Across all stores receipts come in the order in which they were rung up, but for late tills and wrong clocks."""
    plan = prepared.plan
    special = {each.store_id for each in plan.late} | {each.store_id for each, _ in plan.skewed}
    times = [row["event_time"] for row in events(prepared, "pos.receipts") if row["store_id"] not in special]
    assert times == sorted(times)


def test_business_date_is_the_local_date(prepared: Preparation):
    """Every receipt's business date is its store's local date at its event time, also by a clock that is ahead."""
    zones = dict(zip(*(prepared.stores[name].to_pylist() for name in ("store_id", "time_zone")), strict=True))
    for row in events(prepared, "pos.receipts"):
        local = datetime.fromisoformat(row["event_time"]).astimezone(ZoneInfo(zones[row["store_id"]]))
        assert row["business_date"] == str(local.date())


def test_nothing_is_in_the_future_but_wrong_clocks(prepared: Preparation):
    """Only the tills whose clocks are ahead have receipts later than now; the one beyond tolerance by hours."""
    ahead = {each.store_id: shift for each, shift in prepared.plan.skewed}
    refused = {(r["store_id"], r["seq"]) for r in prepared.receipts.to_pylist() if r["refused"] == "future_event_time"}
    future = []
    for row in events(prepared, "pos.receipts"):
        moment = datetime.fromisoformat(row["event_time"])
        if moment > NOW:
            assert row["store_id"] in ahead
            if ahead[row["store_id"]] > SKEW_WITHIN_MS:
                assert (moment - NOW).total_seconds() >= 6 * 3600
                future.append((row["store_id"], row["seq"]))
    assert set(future) == refused
    assert refused


def test_receipt_numbers_are_unique(prepared: Preparation):
    """A receipt's number is unique per store, register and business date."""
    keys = [
        (r["store_id"], r["register_id"], r["business_date"], r["receipt_no"]) for r in events(prepared, "pos.receipts")
    ]
    assert len(set(keys)) == len(keys)


def test_control_totals_are_the_receipts(prepared: Preparation):
    """The highest revision of every control total equals its register's receipts of that day, field by field."""
    days = defaultdict(list)
    for row in events(prepared, "pos.receipts"):
        days[*(row[name] for name in REGISTER), row["business_date"]].append(row)
    final = {}
    for row in events(prepared, "store.control-totals"):
        final[*(row[name] for name in REGISTER), row["business_date"]] = row
    assert final.keys() == days.keys()
    for key, receipts in days.items():
        total = final[key]
        seqs = [row["seq"] for row in receipts]
        assert (total["first_seq"], total["last_seq"]) == (min(seqs), max(seqs))
        assert total["receipts_count"] == len(receipts) == max(seqs) - min(seqs) + 1
        assert total["total"] == sum(row["total"] for row in receipts)
        for kind in ("sale", "return", "void"):
            of_kind = [row["total"] for row in receipts if row["type"] == kind]
            assert (total[f"{kind}s_count"], total[f"{kind}s_amount"]) == (len(of_kind), sum(of_kind))
        tenders = defaultdict(list)
        for tender in (tender for row in receipts for tender in row["tenders"]):
            tenders[tender["type"]].append(tender["amount"])
        paid = {tender["type"]: (tender["count"], tender["amount"]) for tender in total["tenders"]}
        assert paid == {kind: (len(amounts), sum(amounts)) for kind, amounts in tenders.items()}


def test_late_tills_close_twice(prepared: Preparation):
    """A till whose receipts are late closes its days without them first, and again after they have come."""
    late = {(each.store_id, each.register_id) for each in prepared.plan.late}
    revisions = defaultdict(list)
    for row in events(prepared, "store.control-totals"):
        revisions[row["store_id"], row["register_id"], row["business_date"]].append(
            (row["revision"], row["total"] != 0)
        )
    for (store_id, register_id, _), found in revisions.items():
        if (store_id, register_id) in late:
            assert found == [(1, False), (2, True)]
        else:
            assert {revision for revision, _ in found} == {1}


def test_replaced_tills_count_from_one_again(prepared: Preparation):
    """A replaced till's register goes on in a second outbox; no other store has one."""
    second = {(row["store_id"], row["register_id"]) for row in prepared.messages.to_pylist() if row["outbox_no"] == 2}
    assert second == {(each.store_id, each.register_id) for each, _ in prepared.plan.replaced}


def test_stock_moves_as_sold(prepared: Preparation):
    """Inventory takes out exactly what was sold and brings in what came back."""
    sold, moved = defaultdict(int), defaultdict(int)
    for row in events(prepared, "pos.receipts"):
        for line in row["lines"]:
            sold[row["store_id"], line["sku"]] -= line["quantity"]
    for row in events(prepared, "store.inventory"):
        for item in row["items"]:
            moved[row["store_id"], item["sku"]] += item["quantity"]
    assert {key: value for key, value in moved.items() if value} == {key: value for key, value in sold.items() if value}


def test_no_store_suffers_two_things(prepared: Preparation):
    """Each trouble has stores of its own, so that what must become of a message is never in doubt."""
    plan = prepared.plan
    stores = [
        *plan.offline,
        *plan.restarted,
        *(each.store_id for each, _ in plan.replaced),
        *(each.store_id for each, _ in plan.skewed),
        *(each.store_id for each in plan.late),
        *sorted({each.store_id for each in plan.corrupted}),
        *plan.untroubled,
    ]
    assert len(set(stores)) == len(stores)


def test_same_seed_same_replay(prepared: Preparation):
    """The same seed makes the same messages and the same trouble; another seed others."""
    again = prepare(receipts=3_000, seed=7, troubles=frozenset(Trouble), now=NOW)
    assert again.messages.equals(prepared.messages)
    assert again.plan == prepared.plan
    other = prepare(receipts=3_000, seed=8, troubles=frozenset(Trouble), now=NOW)
    assert not other.messages.equals(prepared.messages)


def test_without_trouble_nothing_is_refused():
    """With all trouble off every receipt belongs into the lake."""
    calm = prepare(receipts=1_000, seed=7, troubles=frozenset(), now=NOW)
    assert set(calm.receipts["refused"].to_pylist()) == {None}
    assert set(calm.messages["outbox_no"].to_pylist()) == {1}
    assert replace(calm.plan, untroubled=()) == Plan(troubles=frozenset())


def test_troubles_are_switched_by_name():
    """Trouble is all, none, or a list of names; an unknown name is an error that lists the known ones."""
    assert parse("all") == frozenset(Trouble)
    assert parse("none") == frozenset()
    assert parse("late, skew") == {Trouble.LATE, Trouble.SKEW}
    with pytest.raises(FleetError, match=r"'rain' is not a valid Trouble.*offline, restart"):
        parse("late,rain")


def test_damage_has_its_reason(prepared: Preparation):
    """The receipts that are damaged on the way are written down with the reason the lake must give."""
    refused = [row["refused"] for row in prepared.receipts.to_pylist() if row["refused"]]
    counted = {reason: refused.count(reason) for reason in set(refused)}
    assert counted == {
        reasons.NOT_JSON: 5,
        reasons.NOT_UTF8: 5,
        reasons.BAD_SIGNATURE: 5,
        reasons.FUTURE_EVENT_TIME: 5,
    }
