"""The demo passes only if the lake holds what the tills rang up, and says in words what is off."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from local.findings import Found, StoreDay
from local.report.data import Arrivals
from local.verdict import judge

LEDGER: dict[str, Any] = {
    "accepted_receipts": 3,
    "accepted_lines": 7,
    "accepted_amount_cents": 900,
    "stores_days": [
        {"store_id": "330", "business_date": "2026-11-22", "accepted_receipts": 2, "accepted_amount_cents": 700},
        {"store_id": "331", "business_date": "2026-11-22", "accepted_receipts": 1, "accepted_amount_cents": 200},
    ],
    "expected_quarantined": 2,
    "expected_quarantined_by_reason": {"not_json": 2},
    "expected_duplicates_at_least": 4,
    "control_totals": [{"revision": 1}, {"revision": 2}],
    "troubles": {"restarted": ["331"], "offline": ["331"], "replaced": [["330", "1"]]},
}
FOUND = Found(
    receipts=3,
    distinct_receipts=3,
    lines=7,
    amount=900,
    store_days={("330", "2026-11-22"): StoreDay(2, 700), ("331", "2026-11-22"): StoreDay(1, 200)},
    epochs={("330", "1"): 2, ("331", "1"): 1},
    corrected_totals=1,
    quarantined={"not_json": 2},
    duplicates=5,
    events=10,
    arrivals=Arrivals(np.array([100.0, 101, 102]), np.array([101.0, 103, 105]), np.zeros(3)),
)
SOUND: dict[str, Any] = {
    "findings": [],
    "feeds": [{"feed": "pos.receipts", "findings": [], "partitions": [{"lag": 0}]}],
    "not_ingested": [],
}
AGREED: dict[str, Any] = {"states": {"agreed": 2, "quarantined": 0, "pending": 0, "missing": 0, "unexplained": 0}}


def findings(found: Found = FOUND, verified: dict[str, Any] = SOUND, reconciled: dict[str, Any] = AGREED) -> list[str]:
    verdict = judge(LEDGER, found, verified=verified, reconciled=reconciled)
    return list(verdict.findings)


def test_equal_sides_pass():
    """When the lake equals the ledger and both proofs are clean, there is nothing to say."""
    verdict = judge(LEDGER, FOUND, verified=SOUND, reconciled=AGREED)
    assert verdict.passed
    assert verdict.summary == {
        "receipts": 3,
        "lines": 7,
        "amount_cents": 900,
        "lake_amount_cents": 900,
        "missing": 0,
        "duplicates": 0,
        "quarantined": 2,
        "expected_quarantined": 2,
        "events_per_second": 2.0,
        "latency_p95_seconds": 2.9,
    }
    assert all(trouble.as_expected for trouble in verdict.troubles)
    assert verdict.stores.till.tolist() == verdict.stores.lake.tolist() == [700, 200]


def test_a_missing_receipt_is_counted_and_its_store_named():
    """One receipt less is missing, and the store and day that differ are named."""
    found = replace(
        FOUND, receipts=2, distinct_receipts=2, amount=700, store_days={("330", "2026-11-22"): StoreDay(2, 700)}
    )
    verdict = judge(LEDGER, found, verified=SOUND, reconciled=AGREED)
    assert verdict.summary["missing"] == 1
    assert "1 receipts are missing" in verdict.findings
    assert any("store 331 on 2026-11-22: 0 receipts of 0 cents" in each for each in verdict.findings)


def test_a_missing_receipt_is_not_made_up_for_by_a_double_one():
    """A receipt twice in one store and one missing in another are both found, though the count is right."""
    days = {("330", "2026-11-22"): StoreDay(3, 900)}
    verdict = judge(LEDGER, replace(FOUND, distinct_receipts=2, store_days=days), verified=SOUND, reconciled=AGREED)
    assert (verdict.summary["missing"], verdict.summary["duplicates"]) == (1, 1)
    assert not verdict.passed


def test_a_cent_is_enough():
    """Money that differs by one cent in one store fails the demo."""
    days = {**FOUND.store_days, ("331", "2026-11-22"): StoreDay(1, 201)}
    assert findings(replace(FOUND, amount=901, store_days=days)) == [
        "store 331 on 2026-11-22: 1 receipts of 201 cents in the lake, 1 of 200 at the tills"
    ]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (replace(FOUND, quarantined={"not_json": 1, "not_utf8": 1}), "garbled text: 1 instead of 0"),
        (replace(FOUND, quarantined={}), "no JSON at all: 0 instead of 2"),
        (replace(FOUND, duplicates=3), "3 instead of 4"),
        (replace(FOUND, epochs={}), "0 instead of 2"),
        (replace(FOUND, corrected_totals=0), "0 instead of 1"),
        (replace(FOUND, lines=6), "6 lines instead of 7"),
    ],
)
def test_each_difference_is_said(found: Found, says: str):
    """Right numbers of the wrong kind do not pass."""
    assert any(says in each for each in findings(found))


def test_more_duplicates_than_were_made_on_purpose_are_fine():
    """A sender may send again of its own accord; that only adds to what is recorded."""
    assert findings(replace(FOUND, duplicates=50)) == []


def test_the_proofs_have_the_last_word():
    """What verify or reconcile found fails the demo, also when all numbers agree."""
    gap = {"table": "receipts", "what": "1 neither row, quarantined nor duplicate"}
    behind = {"feed": "pos.receipts", "findings": [gap], "partitions": [{"lag": 2}, {"lag": None}]}
    assert findings(verified={**SOUND, "feeds": [behind], "not_ingested": ["store.operations"]}) == [
        "verify: receipts: 1 neither row, quarantined nor duplicate",
        "verify: 2 messages of pos.receipts have not been ingested",
        "verify: store.operations has not been ingested at all",
    ]
    assert findings(reconciled={"states": {**AGREED["states"], "unexplained": 3}}) == [
        "reconcile: 3 register days are unexplained"
    ]
