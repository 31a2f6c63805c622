"""What the tills rang up and what was broken on purpose, written down before any pipeline has seen it.

The lake is compared with this. Amounts are cents. `rung up` counts every receipt; `accepted` leaves out those which
the lake must quarantine, because they were damaged on the way or their till's clock was hours ahead.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from contracts.events import event_id
from stores.fleet.injections import Injection
from stores.fleet.preparation import Preparation
from stores.fleet.trouble import Plan

Epochs = Mapping[tuple[str, int], str]
"""The epoch of each outbox, by store and outbox_no."""


def truth(
    preparation: Preparation,
    *,
    epochs: Epochs,
    messages: Mapping[str, int],
    injected: Sequence[Injection],
    resent: int,
) -> dict[str, Any]:
    """The ledger, ready for JSON. `messages`: events appended by feed; `resent`: messages surely sent twice."""
    refused = _refused(preparation.receipts, epochs)
    quarantined = Counter(row["reason"] for row in refused) + Counter(each.reason for each in injected)
    return {
        **_sums(preparation.receipts),
        "messages": dict(messages),
        "expected_quarantined": quarantined.total(),
        "expected_quarantined_by_reason": dict(sorted(quarantined.items())),
        "expected_duplicates_at_least": resent,
        "stores_days": _stores_days(preparation.receipts),
        "control_totals": _with_epochs(preparation.totals, epochs),
        "refused": refused,
        "injected": [_injection(each) for each in injected],
        "troubles": _troubles(preparation.plan),
    }


_MEASURES = """
    count(*) AS receipts, sum(lines_count)::BIGINT AS lines, sum(total)::BIGINT AS amount_cents,
    count(*) FILTER (refused IS NULL) AS accepted_receipts,
    coalesce(sum(lines_count) FILTER (refused IS NULL), 0)::BIGINT AS accepted_lines,
    coalesce(sum(total) FILTER (refused IS NULL), 0)::BIGINT AS accepted_amount_cents
"""


def _sums(receipts: pa.Table) -> dict[str, int]:
    return _rows(f"SELECT {_MEASURES} FROM rung_up", receipts)[0]  # noqa: S608 - own constants only


def _stores_days(receipts: pa.Table) -> list[dict[str, Any]]:
    query = (
        f"SELECT store_id, business_date::VARCHAR AS business_date, {_MEASURES} FROM rung_up GROUP BY ALL ORDER BY ALL"  # noqa: S608 - as above
    )
    return _rows(query, receipts)


def _refused(receipts: pa.Table, epochs: Epochs) -> list[dict[str, Any]]:
    query = """
        SELECT store_id, register_id, outbox_no, seq, lines_count AS lines, total AS amount_cents, refused AS reason
        FROM rung_up WHERE refused IS NOT NULL ORDER BY ALL
    """
    return [
        {
            "event_id": event_id(
                row["store_id"], row["register_id"], epochs[row["store_id"], row["outbox_no"]], row["seq"]
            ),
            "reason": row["reason"],
            "lines": row["lines"],
            "amount_cents": row["amount_cents"],
        }
        for row in _rows(query, receipts)
    ]


def _with_epochs(totals: pa.Table, epochs: Epochs) -> list[dict[str, Any]]:
    own = {"outbox_no", "event_ms", "position_ms", "business_date"}
    return [
        {
            "epoch": epochs[row["store_id"], row["outbox_no"]],
            "business_date": str(row["business_date"]),
            **{name: value for name, value in row.items() if name not in own},
        }
        for row in totals.to_pylist()
    ]


def _injection(each: Injection) -> dict[str, str]:
    return {
        "trouble": each.trouble,
        "sent_by": each.store_id,
        "topic": each.message.topic,
        "event_id": each.event_id,
        "reason": each.reason,
    }


def _troubles(plan: Plan) -> dict[str, Any]:
    return {
        "on": sorted(plan.troubles),
        "offline": plan.offline,
        "restarted": plan.restarted,
        "replaced": [[each.store_id, each.register_id] for each, _ in plan.replaced],
        "skewed": [[each.store_id, each.register_id, shift_ms] for each, shift_ms in plan.skewed],
        "late": [[each.store_id, each.register_id] for each in plan.late],
        "corrupted": [[each.store_id, each.register_id, each.seq, each.damage] for each in plan.corrupted],
    }


def _rows(query: str, receipts: pa.Table) -> list[dict[str, Any]]:
    with duckdb.connect() as database:
        database.register("rung_up", receipts)
        rows: list[dict[str, Any]] = database.sql(query).to_arrow_table().to_pylist()
    return rows
