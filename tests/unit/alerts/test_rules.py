"""What every alert must bring along."""

import re
from typing import Any

import pytest

import contracts
from ci import freshness_rules
from ci.alert_rules import alerts
from local.monitoring.rules import faster
from tests.support.manifests import ROOT, build

RULES = alerts(ROOT / "alerts")
RUNBOOKS = ROOT / "alerts" / "runbooks"
SEVERITIES = {"page", "ticket", "watchdog"}


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_alert_says_what_where_and_what_to_do(name: str):
    """Each alert has a severity that is routed, a summary, a description with a value, a runbook and a dashboard."""
    rule: dict[str, Any] = dict(RULES[name])
    assert rule["labels"]["severity"] in SEVERITIES
    notes = rule["annotations"]
    assert notes.keys() == {"summary", "description", "runbook_url", "dashboard_url"}
    assert "$value" in notes["description"] or rule["expr"].endswith("== 1")
    assert notes["runbook_url"].endswith(f"/alerts/runbooks/{name}.md")
    assert re.match(r"https://[^/]+/d/tillstream-[a-z-]+(\?|$)", notes["dashboard_url"])


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_runbook_opens_with_what_to_do(name: str):
    """The runbook of each alert begins with what a person does, in a sentence and in commands, then says why."""
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert re.match(rf"# {name}\n\n[A-Z][^\n]+:\n\n```sh\n(?s:.+?)\n```\n\nWhat it means: \S(?s:.+)", text)


def test_no_runbook_is_left_over():
    """Every runbook belongs to an alert."""
    assert {file.stem for file in RUNBOOKS.glob("*.md")} == RULES.keys()


def test_argo_cd_applies_every_rule_file():
    """What Argo CD applies of alerts/ has every alert that is there, and nothing that is a test."""
    applied = [
        rule["alert"]
        for each in build(ROOT / "alerts")
        for group in each["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert sorted(applied) == sorted(RULES)


def test_objectives_are_the_contracts():
    """What counts as stale is rendered from the contracts that are there now."""
    assert freshness_rules.TARGET.read_text() == freshness_rules.rendered(contracts.load())


def test_a_drill_divides_every_time():
    """For a drill windows, offsets, steps and `for` are divided, and nothing else of a rule changes."""
    rule = {
        "alert": "A",
        "expr": 'avg_over_time(a:b[1h]) > 60 and changes(max(x{path="5m"})[30m:1m]) > 2 unless b offset 15m',
        "for": "10m",
        "labels": {"severity": "page"},
    }
    made = faster({"one": {"groups": [{"name": "one", "interval": "1m", "rules": [rule]}]}}, 60)["one"]["groups"][0]
    assert made["interval"] == "1000ms"
    assert made["rules"][0] == rule | {
        "expr": 'avg_over_time(a:b[60000ms]) > 60 and changes(max(x{path="5m"})[30000ms:1000ms]) > 2 '
        "unless b offset 15000ms",
        "for": "10000ms",
    }


@pytest.mark.parametrize(
    ("query", "divided"),
    [
        (
            "time() - max by (part) (look_timestamp_seconds) > 900",
            "time() - max by (part) (look_timestamp_seconds) > 15",
        ),
        ("count(time() - beat_seconds > 7200) / count(beat_seconds) > 0.1", None),
        ("changes(started_seconds) > 2", "changes(started_seconds) > 2"),
        ("depth > 800000", "depth > 800000"),
        (
            'predict_linear(free_bytes{job="a", mountpoint=~"/b.*"}[6h], 259200) < 0',
            'predict_linear(free_bytes{job="a", mountpoint=~"/b.*"}[360000ms], 4320) < 0',
        ),
    ],
)
def test_a_drill_divides_the_ages_that_a_rule_allows(query: str, divided: str | None):
    """What an age is compared with is a time, too; a count or a share is none."""
    rule = {"alert": "A", "expr": query}
    made = faster({"one": {"groups": [{"name": "one", "rules": [rule]}]}}, 60)["one"]["groups"][0]["rules"][0]
    assert made["expr"] == (divided or query.replace("7200", "120"))
