"""What no contract can say: how rows stand to their partition, to the clock, and to stores and products."""

from collections.abc import Iterator

from contracts import Contract
from contracts.model import Table
from quality.validation.checks import Check

CLOCK_SECONDS = 2 * 3600
"""A till's clock may be ahead of its outbox by this much, as the stream allows."""

STORES, PRODUCTS = "dim_stores", "dim_products"
_SHOWN = ("event_id", "kafka_partition", "kafka_offset", "ordinal")


def checks(contract: Contract, table: Table) -> Iterator[Check]:
    columns = table.arrow_schema().names
    yield Check(
        "in_its_partition",
        "every row lies in the partition of its business date and of its UTC hour",
        "business_date <> dt OR extract(hour FROM event_time) <> hour",
        (*_SHOWN, "business_date", "event_time"),
    )
    if "kafka_timestamp" in columns:
        yield Check(
            "times_in_order",
            "what happened was sent afterwards, give or take two hours of a till's clock",
            f"event_time > kafka_timestamp + INTERVAL {CLOCK_SECONDS} SECOND",
            (*_SHOWN, "event_time", "kafka_timestamp"),
        )
    if not table.source:
        yield Check(
            "store_is_known",
            f"every store is in {STORES}",
            f"store_id NOT IN (SELECT store_id FROM {STORES})",  # noqa: S608 - a constant
            (*_SHOWN, "store_id"),
            contract.expected.severity("store_is_known", "error"),
        )
    if "sku" in columns:
        # A product may be sold before anybody has described it: the money is right all the same.
        yield Check(
            "product_is_known",
            f"every product is in {PRODUCTS}",
            f"sku NOT IN (SELECT sku FROM {PRODUCTS})",  # noqa: S608 - a constant
            (*_SHOWN, "sku"),
            contract.expected.severity("product_is_known", "warning"),
        )
