"""The ledger as Prometheus reads it: the newest result of every expectation."""

from collections.abc import Iterable, Mapping
from typing import Any

_FAMILIES = (
    ("success", "1 while the expectation holds, 0 while it does not.", lambda row: int(row["success"])),
    ("violations", "Violations in the parts in which the expectation does not hold.", lambda row: row["violations"]),
    ("judged_timestamp_seconds", "When the expectation was found so.", lambda row: row["judged_at"].timestamp()),
)


def exposition(results: Iterable[Mapping[str, Any]]) -> str:
    """Text for Prometheus from rows of the ledger's results."""
    rows = list(results)
    lines = []
    for name, told, value in _FAMILIES:
        family = f"tillstream_quality_expectation_{name}"
        lines += [f"# HELP {family} {told}", f"# TYPE {family} gauge"]
        lines += [f"{family}{{{_labels(row)}}} {value(row):.15g}" for row in rows]
    return "\n".join(lines) + "\n"


def _labels(row: Mapping[str, Any]) -> str:
    named = {
        "feed": row["feed"],
        "suite": row["suite"],
        "table": row["table_name"],
        "expectation": row["expectation"],
        "severity": row["severity"],
    }
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in named.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
