"""Which alerts a change adds, removes or alters."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


def alerts(directory: Path) -> dict[str, Mapping[str, Any]]:
    """Every alert of the PrometheusRules below a folder, by name. A folder that is not there has none."""
    return {rule["alert"]: rule for rule in _rules(directory) if "alert" in rule}


def difference(before: Path, after: Path) -> list[str]:
    """A line for each alert that differs: what it asks and whom it wakes."""
    old, new = alerts(before), alerts(after)
    lines = [f"- new: {_told(new[name])}" for name in sorted(new.keys() - old.keys())]
    lines += [f"- gone: {_told(old[name])}" for name in sorted(old.keys() - new.keys())]
    for name in sorted(old.keys() & new.keys()):
        parts = [
            part for part in ("expr", "for", "labels", "annotations") if old[name].get(part) != new[name].get(part)
        ]
        if parts:
            lines.append(f"- changed: **{name}**: {', '.join(parts)}; now {_told(new[name])}")
    return lines


def _told(rule: Mapping[str, Any]) -> str:
    severity = rule.get("labels", {}).get("severity", "no severity")
    return f"**{rule['alert']}** ({severity}): `{rule['expr']}` for {rule.get('for', '0m')}"


def _rules(directory: Path) -> Iterator[Mapping[str, Any]]:
    for file in sorted(directory.glob("**/*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if isinstance(document, Mapping) and document.get("kind") == "PrometheusRule":
                for group in document["spec"]["groups"]:
                    yield from group["rules"]
