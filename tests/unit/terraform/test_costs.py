from decimal import Decimal

import pytest

from terraform import costs
from terraform.costs.__main__ import DOCUMENT, written


def test_the_document_has_the_table():
    """docs/aws.md has the table that the unit prices come to; `make render` writes it."""
    text = DOCUMENT.read_text()
    assert written(text) == text
    assert "prod, 5,000 stores" in text


def test_quantity_times_price():
    """A line is its formula: three brokers of 0.204 dollars for 730 hours, and 8 endpoints in 3 zones."""
    lines = {line.what: line.usd for line in costs.bill("prod", 50)}
    assert lines["Kafka: brokers"] == Decimal("446.76")
    assert lines["Interface endpoints"] == Decimal("175.2")
    assert lines["Private CA: certificates"] == Decimal("3.125")
    assert costs.total(costs.bill("prod", 50)) == sum(lines.values())


def test_storage_beyond_the_first():
    """Kafka's storage is paid as it was first made until the messages need more."""
    storage = {stores: costs.bill("prod", stores)[1].usd for stores in (50, 5_000, 10_000)}
    assert storage[50] == storage[5_000] == Decimal("75.0")
    # 10,000 stores x 1,000 receipts x 3,000 bytes x 7 days x 3 replicas, filling 60 %, at 0.10 dollars a GiB.
    needed = Decimal(10_000 * 1_000 * 3_000 * 7 * 3) / Decimal("0.6") / 2**30 / 10
    assert storage[10_000].quantize(Decimal("0.0001")) == max(needed, Decimal(150)).quantize(Decimal("0.0001"))


def test_more_stores_cost_more():
    """No number of stores costs less than a smaller one."""
    totals = [costs.total(costs.bill("prod", stores)) for stores in range(10, 10_001, 90)]
    assert totals == sorted(totals)


def test_too_many_stores():
    """Beyond the largest size there is no guess, but an error that says where to add one."""
    with pytest.raises(costs.TooManyStoresError, match=r"largest is enough for 10,000\. Add one"):
        costs.bill("prod", 10_001)
