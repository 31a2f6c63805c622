"""The rules of alerts/ as Prometheus itself reads them; for a drill, with every time divided."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from local.environment import ROOT

ALERTS = ROOT / "alerts"
RuleFiles = dict[str, dict[str, Any]]
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d+)(ms|[smhd])")
# Times within a query: [5m], [30m:1m], offset 15m.
_IN_QUERY = re.compile(r"(\[|:|\boffset )(\d+(?:ms|[smhd]))(?=[\]:\s)]|$)")
# An age or a moment is in seconds, and so is what it is compared with: minutes at least, as no share or count is.
_OF_SECONDS = re.compile(r"\w_seconds\b")
_SECONDS = re.compile(r"([<>]=? )(\d{3,})\b(?!\.)")
# How far predict_linear looks ahead.
_HORIZON = re.compile(r"(predict_linear\([^()]*, )(\d+)(?=\))")


def rule_files(directory: Path = ALERTS) -> RuleFiles:
    """By the name of its PrometheusRule, what of each a rule file holds."""
    found: RuleFiles = {}
    for file in sorted(directory.glob("*.yaml")):
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        if content.get("kind") == "PrometheusRule":
            found[content["metadata"]["name"]] = content["spec"]
    return found


def write(files: Mapping[str, Any], directory: Path) -> list[Path]:
    """Write each as `<name>.rules.yaml`."""
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for name, content in files.items():
        file = directory / f"{name}.rules.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False, width=1000), encoding="utf-8")
        written.append(file)
    return written


def faster(files: RuleFiles, factor: int) -> RuleFiles:
    """The same rules on a clock that runs `factor` times as fast: windows, offsets, `for`, intervals, and the ages that
    a rule allows are divided.
    """
    return {name: {"groups": [_group(group, factor) for group in content["groups"]]} for name, content in files.items()}


def faster_query(query: str, factor: int) -> str:
    """The same query with windows, offsets and the horizons of predictions divided."""
    query = _HORIZON.sub(lambda match: f"{match[1]}{int(match[2]) / factor:g}", query)
    return _IN_QUERY.sub(lambda match: match[1] + divided(match[2], factor), query)


def _group(group: Mapping[str, Any], factor: int) -> dict[str, Any]:
    made = {**group, "rules": [_rule(rule, factor) for rule in group["rules"]]}
    if "interval" in group:
        made["interval"] = divided(group["interval"], factor)
    return made


def _rule(rule: Mapping[str, Any], factor: int) -> dict[str, Any]:
    query = faster_query(rule["expr"], factor)
    if _OF_SECONDS.search(query):
        query = _SECONDS.sub(lambda match: f"{match[1]}{int(match[2]) / factor:g}", query)
    made = {**rule, "expr": query}
    if "for" in rule:
        made["for"] = divided(rule["for"], factor)
    return made


def divided(duration: str, factor: int) -> str:
    """A duration as Prometheus writes it, divided; never less than a millisecond."""
    milliseconds = sum(int(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))
    return f"{max(1, milliseconds // factor)}ms" if milliseconds else duration
