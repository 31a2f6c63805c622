"""Compares what the tills rang up with what lies in the lake. Pure: ledger and findings in, verdict out."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from contracts import reasons
from local.findings import Found, StoreDay
from local.report.data import Arrivals, StoreMoney, Trouble

WORDS = {
    reasons.NOT_JSON: "messages cut short on the way, or no JSON at all",
    reasons.NOT_UTF8: "messages with garbled text",
    reasons.EMPTY: "empty messages",
    reasons.TOMBSTONE: "tombstones",
    reasons.WRONG_TYPE: "numbers sent as texts, fractions or booleans",
    reasons.MISSING_FIELD: "messages without a required field",
    reasons.INVALID_VALUE: "values that the contract does not know",
    reasons.UNKNOWN_SCHEMA_VERSION: "messages of an unknown major version",
    reasons.FUTURE_EVENT_TIME: "receipts of a clock that is hours ahead",
    reasons.WRONG_BUSINESS_DATE: "messages booked on an impossible date",
    reasons.SEQ_FAR_AHEAD: "sequence numbers far ahead",
    reasons.BAD_SIGNATURE: "receipts altered on the way, or forged",
    reasons.MISSING_SIGNATURE: "messages without a signature",
    reasons.UNKNOWN_STORE: "messages of a store that nobody knows",
    reasons.KEY_MISMATCH: "messages under another store's key",
    reasons.WRONG_PARTITION: "messages in a partition that is not their store's",
    reasons.CONFLICT: "another content under a receipt's identity",
    reasons.rule("sign_matches_type"): "money against its sign",
    reasons.rule("lines_sum_to_total"): "lines that do not add up to the total",
    reasons.rule("tenders_sum_to_total"): "payments that do not add up to the total",
    reasons.rule("event_id_matches_parts"): "identities that contradict their parts",
}
NAMED = 5


@dataclass(frozen=True)
class Verdict:
    """`summary` is the demo's last line; `findings` say in words what is off: empty when all is well."""

    summary: Mapping[str, float]
    findings: tuple[str, ...]
    troubles: tuple[Trouble, ...]
    stores: StoreMoney
    arrivals: Arrivals

    @property
    def passed(self) -> bool:
        return not self.findings


def judge(
    ledger: Mapping[str, Any], found: Found, *, verified: Mapping[str, Any], reconciled: Mapping[str, Any]
) -> Verdict:
    """`verified` and `reconciled` are what `tillstream verify --json` and `tillstream reconcile --json` printed."""
    expected = {
        (day["store_id"], day["business_date"]): StoreDay(day["accepted_receipts"], day["accepted_amount_cents"])
        for day in ledger["stores_days"]
    }
    missing = sum(max(0, day.receipts - _found(found, key).receipts) for key, day in expected.items())
    doubled = found.receipts - found.distinct_receipts
    expected_reasons: Mapping[str, int] = ledger["expected_quarantined_by_reason"]
    troubles = (*_quarantine(expected_reasons, found), *_survived(ledger, found))
    latency = found.arrivals.latency_seconds
    summary = {
        "receipts": ledger["accepted_receipts"],
        "lines": ledger["accepted_lines"],
        "amount_cents": ledger["accepted_amount_cents"],
        "lake_amount_cents": found.amount,
        "missing": missing,
        "duplicates": doubled,
        "quarantined": sum(found.quarantined.values()),
        "expected_quarantined": ledger["expected_quarantined"],
        "events_per_second": round(found.events / _duration(found), 1),
        "latency_p95_seconds": round(float(np.percentile(latency, 95)), 2) if len(latency) else 0.0,
    }
    findings = (
        *([f"{missing:,} receipts are missing"] if missing else []),
        *([f"{doubled:,} receipts are in the lake twice"] if doubled else []),
        *_different_days(expected, found),
        *(
            [f"{found.lines:,} lines instead of {ledger['accepted_lines']:,}"]
            if found.lines != ledger["accepted_lines"]
            else []
        ),
        *(f"{each.what}: {each.found:,} instead of {each.expected:,}" for each in troubles if not each.as_expected),
        *_of_verify(verified),
        *_of_reconcile(reconciled),
    )
    return Verdict(summary, findings, troubles, _money(expected, found), found.arrivals)


def _found(found: Found, key: tuple[str, str]) -> StoreDay:
    return found.store_days.get(key, StoreDay(0, 0))


def _different_days(expected: Mapping[tuple[str, str], StoreDay], found: Found) -> Iterator[str]:
    keys = sorted(expected.keys() | found.store_days.keys())
    off = [key for key in keys if expected.get(key, StoreDay(0, 0)) != _found(found, key)]
    for key in off[:NAMED]:
        till, lake = expected.get(key, StoreDay(0, 0)), _found(found, key)
        yield (
            f"store {key[0]} on {key[1]}: {lake.receipts:,} receipts of {lake.amount:,} cents in the lake, "
            f"{till.receipts:,} of {till.amount:,} at the tills"
        )
    if len(off) > NAMED:
        yield f"… and {len(off) - NAMED} more days of stores that differ"


def _quarantine(expected: Mapping[str, int], found: Found) -> Iterator[Trouble]:
    for reason in sorted(expected.keys() | found.quarantined.keys()):
        what = WORDS.get(reason, reason)
        yield Trouble(what, f"in quarantine: {reason}", expected.get(reason, 0), found.quarantined.get(reason, 0))


def _survived(ledger: Mapping[str, Any], found: Found) -> Iterator[Trouble]:
    """The trouble that must leave no trace but a note: everything arrives, once."""
    troubles = ledger["troubles"]
    resent = ledger["expected_duplicates_at_least"]
    yield Trouble(
        f"messages sent again by {len(troubles['restarted'])} senders that were killed",
        "recorded as duplicates, at least so many",
        resent,
        found.duplicates,
        at_least=True,
    )
    offline = set(troubles["offline"])
    yield Trouble(
        f"receipts of {len(offline)} stores that had no network for a while",
        "all in the lake, later",
        sum(day["accepted_receipts"] for day in ledger["stores_days"] if day["store_id"] in offline),
        sum(day.receipts for (store, _), day in found.store_days.items() if store in offline),
    )
    replaced = [tuple(each) for each in troubles["replaced"]]
    yield Trouble(
        f"outboxes of {len(replaced)} registers whose till was replaced and counts from 1 again",
        "told apart by their epoch",
        2 * len(replaced),
        sum(found.epochs.get((store, register), 0) for store, register in replaced),
    )
    yield Trouble(
        "days of tills that reported late, closed a second time",
        "the higher revision wins",
        sum(total["revision"] > 1 for total in ledger["control_totals"]),
        found.corrected_totals,
    )


def _of_verify(verified: Mapping[str, Any]) -> Iterator[str]:
    for finding in [*verified["findings"], *(each for feed in verified["feeds"] for each in feed["findings"])]:
        yield f"verify: {finding['table']}: {finding['what']}"
    for feed in verified["feeds"]:
        lag = sum(partition["lag"] or 0 for partition in feed["partitions"])
        if lag:
            yield f"verify: {lag:,} messages of {feed['feed']} have not been ingested"
    for feed in verified["not_ingested"]:
        yield f"verify: {feed} has not been ingested at all"


def _of_reconcile(reconciled: Mapping[str, Any]) -> Iterator[str]:
    for state in ("missing", "unexplained", "pending"):
        if count := reconciled["states"][state]:
            yield f"reconcile: {count:,} register days are {state}"


def _money(expected: Mapping[tuple[str, str], StoreDay], found: Found) -> StoreMoney:
    stores = sorted({store for store, _ in expected.keys() | found.store_days.keys()})
    till, lake = dict.fromkeys(stores, 0), dict.fromkeys(stores, 0)
    for (store, _), day in expected.items():
        till[store] += day.amount
    for (store, _), day in found.store_days.items():
        lake[store] += day.amount
    return StoreMoney(stores, np.array([*till.values()], dtype=np.int64), np.array([*lake.values()], dtype=np.int64))


def _duration(found: Found) -> float:
    """From the first append to the last commit, in seconds."""
    if not len(found.arrivals.appended):
        return 1.0
    return float(found.arrivals.committed.max() - found.arrivals.appended.min())
