"""What an environment costs a month, from the unit prices and sizes in costs.yaml. Nothing here asks AWS."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_name("costs.yaml")
STORES = (50, 500, 5_000)
DAYS_A_MONTH = Decimal(365) / 12
GIB = Decimal(2**30)


@dataclass(frozen=True)
class Line:
    """A line of the bill: how it is counted, in words, and what it comes to."""

    what: str
    formula: str
    usd: Decimal


class TooManyStoresError(ValueError):
    """No size in costs.yaml is enough."""


def bill(environment: str, stores: int, file: Path = FILE) -> list[Line]:
    """The lines for so many stores. Raise TooManyStoresError where costs.yaml has no size for them."""
    facts = yaml.safe_load(file.read_text())
    return _lines(facts, _size(facts, environment, stores), Decimal(stores))


def total(lines: list[Line]) -> Decimal:
    return sum((line.usd for line in lines), Decimal(0))


def table(file: Path = FILE) -> str:
    """The table of docs/aws.md, in Markdown: dev without stores, prod for three numbers of stores. In whole dollars."""
    bills = [bill("dev", 0, file), *(bill("prod", stores, file) for stores in STORES)]
    heads = ["dev", *(f"prod, {stores:,} stores" for stores in STORES)]
    rows = [
        f"| {lines[0].what} | {lines[0].formula} | {' | '.join(_dollars(line.usd) for line in lines)} |"
        for lines in zip(*bills, strict=True)
    ]
    sums = " | ".join(f"**{_dollars(total(lines))}**" for lines in bills)
    return "\n".join(
        [
            f"| part | a month | {' | '.join(heads)} |",
            f"|---|---|{'---:|' * len(heads)}",
            *rows,
            f"| **all** | | {sums} |",
        ]
    )


def prices(file: Path = FILE) -> dict[str, Decimal]:
    """The unit prices of costs.yaml, by name."""
    return _decimals(yaml.safe_load(file.read_text())["prices"])


def whose(file: Path = FILE) -> str:
    """Where and when the prices hold, in words."""
    facts = yaml.safe_load(file.read_text())
    return f"the list prices of {facts['region']} as of {facts['as_of']}"


def heading(file: Path = FILE) -> str:
    facts = yaml.safe_load(file.read_text())
    return (
        f"{facts['currency']} a month at {whose(file)}, without taxes and discounts. "
        "Written by `make render` from [`terraform/costs/costs.yaml`](../terraform/costs/costs.yaml)."
    )


def _dollars(usd: Decimal) -> str:
    return f"{usd.quantize(Decimal(1), ROUND_HALF_UP):,}"


def _decimals(numbers: Mapping[str, float | str]) -> dict[str, Decimal]:
    return {name: Decimal(str(value)) for name, value in numbers.items()}


def _size(facts: Mapping[str, Any], environment: str, stores: int) -> Mapping[str, Any]:
    sizes = facts["environments"][environment]
    if not isinstance(sizes, list):
        found: Mapping[str, Any] = sizes
        return found
    for size in sizes:
        if stores <= size["up_to_stores"]:
            enough: Mapping[str, Any] = size
            return enough
    raise TooManyStoresError(
        f"{FILE.name} has no size of {environment} for {stores:,} stores; the largest is enough for "
        f"{sizes[-1]['up_to_stores']:,}. Add one to its list."
    )


def _lines(facts: Mapping[str, Any], size: Mapping[str, Any], stores: Decimal) -> list[Line]:
    price, assumed, counted, store = (_decimals(facts[name]) for name in ("prices", "assumed", "counted", "store"))
    parts = {name: Decimal(value) for name, value in size.items() if name != "broker_type"}
    hours = Decimal(facts["hours_a_month"])

    gib_a_day = stores * store["receipts_a_day"] * store["bytes_a_receipt"] / GIB
    gib_a_month = gib_a_day * DAYS_A_MONTH
    needed = gib_a_day * assumed["kafka_retention_days"] * assumed["kafka_replicas"] / assumed["kafka_fullest"]
    puts = assumed["puts_a_second"] * hours * 3600 / 1000
    endpoints = counted["interface_endpoints"] * counted["zones"]
    disks = (
        parts["core_nodes"] * counted["core_disk_gib"]
        + parts["spark_nodes"] * counted["spark_disk_gib"]
        + assumed["pod_volumes_gib"]
    )
    in_lake = gib_a_month * assumed["parquet_share"] * assumed["months_in_lake"]

    return [
        Line(
            "Kafka: brokers",
            "brokers x hours x price of the type",
            parts["brokers"] * hours * price[f"{size['broker_type']}_hour"],
        ),
        Line(
            "Kafka: storage",
            "the larger of brokers x initial GiB and stores x bytes a day x days kept x 3 replicas / fullest",
            max(parts["brokers"] * parts["broker_initial_gib"], needed) * price["broker_storage_gib_month"],
        ),
        Line("Private CA: authority", "one", price["authority_month"]),
        Line(
            "Private CA: certificates",
            "stores x certificates a year / 12",
            stores * store["certificates_a_year"] / 12 * price["certificate"],
        ),
        Line("EKS: control plane", "hours", hours * price["cluster_hour"]),
        Line("EKS: core nodes", "nodes x hours x m7i.large", parts["core_nodes"] * hours * price["m7i.large_hour"]),
        Line(
            "EKS: spark nodes",
            "nodes x hours x m7i.xlarge x share of spot",
            parts["spark_nodes"] * hours * price["m7i.xlarge_hour"] * assumed["spot_share"],
        ),
        Line("EKS: volumes", "GiB of nodes and pods", disks * price["volume_gib_month"]),
        Line(
            "RDS: Airflow's database",
            "instances x (hours x db.t4g.medium + GiB)",
            parts["database_instances"]
            * (hours * price["db.t4g.medium_hour"] + counted["database_gib"] * price["database_gib_month"]),
        ),
        Line(
            "NAT",
            "gateways x hours x (gateway + address) + GiB",
            parts["nat_gateways"] * hours * (price["nat_gateway_hour"] + price["public_address_hour"])
            + assumed["nat_gib_a_month"] * price["nat_gib"],
        ),
        Line("Interface endpoints", "8 x 3 zones x hours", endpoints * hours * price["endpoint_hour"]),
        Line(
            "VPN, traffic between zones",
            "connections x hours + two thirds of the messages' GiB",
            parts["vpn_connections"] * hours * price["vpn_connection_hour"]
            + gib_a_month * 2 / 3 * price["between_zones_gib"],
        ),
        Line("S3: objects", "messages' GiB x share as Parquet x 12 months", in_lake * price["object_gib_month"]),
        Line(
            "S3: requests",
            "puts and gets a second x seconds",
            puts * price["thousand_puts"] + puts * assumed["gets_a_put"] * price["thousand_gets"],
        ),
        Line(
            "CloudWatch",
            "GiB of logs + request metrics + alarms",
            (assumed["log_gib_a_month"] + stores * assumed["log_gib_a_store"]) * price["log_gib"]
            + counted["request_metrics"] * price["metric_month"]
            + counted["alarms"] * price["alarm_month"],
        ),
        Line(
            "Keys, secrets, images",
            "each x its price",
            counted["keys"] * price["key_month"]
            + counted["secrets"] * price["secret_month"]
            + assumed["images_gib"] * price["image_gib_month"],
        ),
    ]
