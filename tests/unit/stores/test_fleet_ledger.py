"""The ledger's figures follow from the receipts and from what was broken, by plain addition."""

from collections import Counter
from typing import Any

import pytest

from stores.fleet.injections import Injection
from stores.fleet.ledger import truth
from stores.fleet.preparation import Preparation
from stores.fleet.trouble import Trouble
from stores.sealing import Message

INJECTED = [
    Injection(Trouble.FORGED, "330", "330:none:0123456789ab:1", Message("t", b"330", b"", [], 0), reason)
    for reason in ("bad_signature", "bad_signature", "unknown_store")
]


@pytest.fixture(scope="module")
def ledger(prepared: Preparation) -> dict[str, Any]:
    epochs = {
        (store_id, number): f"{number:012}" for store_id in prepared.stores["store_id"].to_pylist() for number in (1, 2)
    }
    return truth(prepared, epochs=epochs, messages={"pos.receipts": 1}, injected=INJECTED, resent=12)


def test_totals_are_the_receipts(ledger: dict[str, Any], prepared: Preparation):
    """Receipts, lines and cents are those of all receipts; accepted ones leave out what must be quarantined."""
    rows = prepared.receipts.to_pylist()
    accepted = [row for row in rows if row["refused"] is None]
    for prefix, part in (("", rows), ("accepted_", accepted)):
        assert ledger[f"{prefix}receipts"] == len(part)
        assert ledger[f"{prefix}lines"] == sum(row["lines_count"] for row in part)
        assert ledger[f"{prefix}amount_cents"] == sum(row["total"] for row in part)


def test_refused_is_the_difference(ledger: dict[str, Any]):
    """What is rung up and what is accepted differ by the refused receipts, to the line and to the cent."""
    refused = ledger["refused"]
    assert ledger["receipts"] - ledger["accepted_receipts"] == len(refused) == 20
    assert ledger["lines"] - ledger["accepted_lines"] == sum(row["lines"] for row in refused)
    assert ledger["amount_cents"] - ledger["accepted_amount_cents"] == sum(row["amount_cents"] for row in refused)


def test_stores_and_days_add_up(ledger: dict[str, Any]):
    """The figures per store and business date add up to the whole."""
    for measure in (
        "receipts",
        "lines",
        "amount_cents",
        "accepted_receipts",
        "accepted_lines",
        "accepted_amount_cents",
    ):
        assert sum(row[measure] for row in ledger["stores_days"]) == ledger[measure]


def test_control_totals_add_up(ledger: dict[str, Any]):
    """The highest revision of each control total adds up to everything that was rung up, refused or not."""
    final = {}
    for row in ledger["control_totals"]:
        key = (row["store_id"], row["register_id"], row["epoch"], row["business_date"])
        final[key] = max(final.get(key, row), row, key=lambda each: each["revision"])
    assert sum(row["receipts_count"] for row in final.values()) == ledger["receipts"]
    assert sum(row["total"] for row in final.values()) == ledger["amount_cents"]


def test_quarantine_is_refused_and_injected(ledger: dict[str, Any]):
    """The messages that belong into quarantine are the refused receipts and the injected ones, by reason."""
    expected = Counter(row["reason"] for row in ledger["refused"]) + Counter(each.reason for each in INJECTED)
    assert ledger["expected_quarantined_by_reason"] == dict(expected)
    assert ledger["expected_quarantined"] == expected.total() == 23
    assert ledger["expected_duplicates_at_least"] == 12
