"""From the files to contracts, or to every finding that keeps them from being used."""

import os
from collections.abc import Sequence
from pathlib import Path

from contracts import standard
from contracts.building import build
from contracts.documents import Document, read
from contracts.errors import ContractError, Finding
from contracts.model import Contract
from contracts.system_tables import SCHEMAS as SYSTEM_TABLES

SUFFIX = ".odcs.yaml"


def default_directory() -> Path:
    """Where the contracts are, unless somebody says otherwise: TILLSTREAM_CONTRACTS_DIR, or beside this module."""
    return Path(os.environ.get("TILLSTREAM_CONTRACTS_DIR") or Path(__file__).parent)


def load(directory: Path | None = None) -> dict[str, Contract]:
    """All contracts of a directory, by feed.

    Raises ContractError with the findings of all files at once: file, line, field, reason.
    """
    directory = directory or default_directory()
    documents = [read(file) for file in sorted(directory.glob(f"*{SUFFIX}"))]
    if not documents:
        raise ContractError((Finding(directory, 1, "(directory)", f"holds no contract (*{SUFFIX})"),))
    contracts = [contract for document in documents if (contract := _contract(document))]
    _check_tables_apart(documents, contracts)
    findings = tuple(finding for document in documents for finding in document.findings)
    if findings:
        raise ContractError(findings)
    return {contract.feed: contract for contract in contracts}


def _contract(document: Document) -> Contract | None:
    if not document.findings:
        standard.check(document)
    if document.findings:
        return None
    contract = build(document)
    expected = f"{document.data['id']}{SUFFIX}"
    if document.file.name != expected:
        document.fault(("id",), f"does not match the file's name, which should be {expected}")
    return contract


def _check_tables_apart(documents: Sequence[Document], contracts: Sequence[Contract]) -> None:
    """No two feeds may write one table: each table has one owner."""
    owners = dict.fromkeys(SYSTEM_TABLES, "the platform")
    by_feed = {document.data.get("id"): document for document in documents if isinstance(document.data, dict)}
    for contract in contracts:
        for table in contract.tables:
            if table.name in owners:
                place = ("schema", 0)
                by_feed[contract.feed].fault(place, f"table {table.name} already belongs to {owners[table.name]}")
            owners[table.name] = contract.feed
