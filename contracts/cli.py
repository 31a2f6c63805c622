"""`tillstream contracts`: what the contracts say, and whether they may be used."""

import json
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from contracts.errors import ContractError
from contracts.loading import default_directory, load
from contracts.model import Contract


@click.group()
def contracts() -> None:
    """The contracts: the only place where a feed is described."""


@contracts.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@click.option(
    "--directory",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where the contracts are, if not in TILLSTREAM_CONTRACTS_DIR or in the project.",
)
def check(as_json: bool, directory: Path | None) -> None:
    """Hold every contract to the Open Data Contract Standard and to the rules of the house."""
    try:
        found = load(directory or default_directory())
    except ContractError as error:
        if as_json:
            findings = [
                {"file": str(finding.file), "line": finding.line, "field": finding.field, "reason": finding.reason}
                for finding in error.findings
            ]
            click.echo(json.dumps({"ok": False, "findings": findings}))
        else:
            click.echo(str(error), err=True)
        raise SystemExit(1) from None
    if as_json:
        click.echo(json.dumps({"ok": True, "feeds": [_summary(contract) for contract in found.values()]}))
    else:
        _show(found)


def _summary(contract: Contract) -> dict[str, object]:
    return {
        "feed": contract.feed,
        "version": contract.version,
        "owner": contract.owner,
        "topic": contract.topic.name,
        "partitions": contract.topic.partitions,
        "tables": [table.name for table in contract.tables],
        "rules": [rule.name for rule in contract.rules],
        "freshness_seconds": contract.freshness_seconds,
        "cutoff_hours": contract.cutoff_hours,
    }


def _show(found: dict[str, Contract]) -> None:
    table = Table("feed", "owner", "tables", "rules", "fresh", box=None, header_style="bold", pad_edge=False)
    for contract in found.values():
        table.add_row(
            f"{contract.feed} {contract.version}",
            contract.owner,
            "\n".join(table.name for table in contract.tables),
            str(len(contract.rules)),
            f"{contract.freshness_seconds} s",
        )
    Console().print(table)
    click.echo(f"{len(found)} contracts, nothing to complain about.")
