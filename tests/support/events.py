"""One valid message of each feed, as plain data to change and break."""

import json
from typing import Any

_ENVELOPE = {
    "schema_version": "1.0",
    "event_id": "330:2:9f86d081884c:7",
    "store_id": "330",
    "register_id": "2",
    "epoch": "9f86d081884c",
    "seq": 7,
    "event_time": "2026-11-23T19:00:01.250Z",
    "business_date": "2026-11-23",
}
_OWN: dict[str, dict[str, Any]] = {
    "pos.receipts": {
        "type": "sale",
        "receipt_no": "R-7",
        "currency": "USD",
        "customer_id": "C-19",
        "lines": [
            {"line_no": 1, "sku": "1004906", "quantity": 1, "amount": 199, "retail_discount": 20},
            {"line_no": 2, "sku": "1033142", "quantity": 0, "amount": 301},
        ],
        "tenders": [
            {"tender_no": 1, "type": "voucher", "amount": 100},
            {"tender_no": 2, "type": "card", "amount": 400},
        ],
        "total": 500,
    },
    "store.inventory": {
        "movement": "sale",
        "items": [{"item_no": 1, "sku": "1004906", "quantity": -1}, {"item_no": 2, "sku": "1033142", "quantity": 3}],
    },
    "store.operations": {"reading": "fridge_celsius", "value": 3.75},
    "store.control-totals": {
        "revision": 1,
        "first_seq": 1,
        "last_seq": 3,
        "receipts_count": 3,
        "sales_count": 2,
        "sales_amount": 700,
        "returns_count": 1,
        "returns_amount": -200,
        "voids_count": 0,
        "voids_amount": 0,
        "total": 500,
        "currency": "USD",
        "tenders": [{"type": "card", "count": 3, "amount": 500}],
    },
}
FEEDS = tuple(_OWN)


def event(feed: str = "pos.receipts", **changes: Any) -> dict[str, Any]:
    """A message of its own, with fields replaced."""
    body: dict[str, Any] = json.loads(json.dumps(_ENVELOPE | _OWN[feed]))
    return body | changes


def payload(body: object) -> bytes:
    """As a careful sender writes it: compact."""
    return json.dumps(body, separators=(",", ":")).encode()
