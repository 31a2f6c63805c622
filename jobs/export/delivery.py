"""What a delivery is: objects below one path, and last of all a manifest that names them.

    exports/<table>.<format>/dt=<business date>/version=<n>/part-<number>.<digest>.<format>
    exports/<table>.<format>/dt=<business date>/version=<n>/_SUCCESS.json

n is the version of the feed's parent table, which decides which rows are in; for a child table its own version is
added, so that n rises when the rows of either change. A reader takes the highest version that has
a manifest, and only the objects it names: a folder without one is the trace of a run that did not finish.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date
from typing import Self

from contracts.model import Contract, Export, Field, Table
from lake.objects import ObjectStore

PREFIX = "exports"
MANIFEST = "_SUCCESS.json"
_MANIFEST_KEY = re.compile(r"/dt=(?P<dt>\d{4}-\d\d-\d\d)/version=(?P<version>\d+)/_SUCCESS\.json$")


@dataclass(frozen=True)
class Order:
    """What a contract asks for."""

    contract: Contract
    table: Table
    export: Export

    @property
    def name(self) -> str:
        return f"{self.table.name}.{self.export.format}"

    @property
    def fields(self) -> tuple[Field, ...]:
        """What is delivered: what the contract says of the table. Where it lay in Kafka is our own business."""
        return (*self.table.inherit, *self.table.fields)

    def folder(self, dt: date, version: int) -> str:
        return f"{PREFIX}/{self.name}/dt={dt}/version={version}"


@dataclass(frozen=True)
class Part:
    """One object of a delivery; `name` is relative to the manifest."""

    name: str
    rows: int
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`source_digest` stands for the objects of the parent table and of the table itself: the same digest, the same
    rows.
    """

    table: str
    format: str
    business_date: str
    version: int
    feed: str
    contract_version: str
    source_digest: str
    columns: tuple[dict[str, str], ...]
    dialect: dict[str, str]
    rows: int
    parts: tuple[Part, ...]

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), indent=2, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Self:
        found = json.loads(content)
        parts = tuple(Part(**part) for part in found.pop("parts"))
        return cls(**found | {"columns": tuple(found["columns"]), "parts": parts})


def orders(contracts: Iterable[Contract]) -> list[Order]:
    """Every delivery that the contracts ask for."""
    return [
        Order(contract, table, export)
        for contract in contracts
        for export in contract.exports
        for table in contract.tables
        if table.name == export.table
    ]


def newest(store: ObjectStore, order: Order) -> dict[date, Manifest]:
    """The newest complete delivery of every business date."""
    versions: dict[date, int] = {}
    for found in store.list(f"{PREFIX}/{order.name}/dt="):
        if match := _MANIFEST_KEY.search(found.key):
            dt = date.fromisoformat(match["dt"])
            versions[dt] = max(versions.get(dt, -1), int(match["version"]))
    return {
        dt: Manifest.from_json(store.get(f"{order.folder(dt, version)}/{MANIFEST}")) for dt, version in versions.items()
    }
