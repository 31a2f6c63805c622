"""Who is told of an alert: the same by Alertmanager and by Grafana, and by one of them only."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci import grafana_alerts
from ci.alert_rules import alerts
from local.monitoring.alertmanager import configuration
from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, build, rendered

RULES = alerts(ROOT / "alerts")
ROUTING = grafana_alerts.routing()
AMTOOL = ROOT / ".tools" / "bin" / "amtool"
PAGING = ROOT / "argocd" / "apps" / "paging"
RECEIVERS = {"page": "oncall", "ticket": "tickets", "watchdog": "watchdog", "critical": "oncall", "info": "nobody"}


@cache
def grafana(name: str) -> dict[str, Any]:
    """A provisioning file as Grafana has it: what is written twice for it once."""
    content: dict[str, Any] = yaml.safe_load((PAGING / "grafana" / name).read_text().replace("$$", "$"))
    return content


def route(labels: Mapping[str, str]) -> str:
    """The receiver that Alertmanager's tree chooses: the first branch that matches."""
    for branch in ROUTING["route"]["routes"]:
        if all(grafana_alerts.matches(matcher, labels) for matcher in branch["matchers"]):
            return str(branch["receiver"])
    return str(ROUTING["route"]["receiver"])


def policy(labels: Mapping[str, str]) -> str:
    """The contact point that Grafana's tree chooses."""
    root = grafana("policies.yaml")["policies"][0]
    for branch in root["routes"]:
        matchers = [
            {"name": name, "matchType": kind, "value": value} for name, kind, value in branch["object_matchers"]
        ]
        if all(grafana_alerts.matches(matcher, labels) for matcher in matchers):
            return str(branch["receiver"])
    return str(root["receiver"])


@pytest.mark.parametrize("name", sorted(RULES))
def test_both_renderings_are_one_alert(name: str):
    """Grafana's rule asks the same, waits as long, bears the same labels and says the same as Prometheus' rule."""
    mine, theirs = RULES[name], _grafana_rule(name)
    query, condition = theirs["data"]
    assert query["model"]["expr"] == grafana_alerts.expression(name, mine, ROUTING["inhibitRules"])
    assert mine["expr"] in query["model"]["expr"]
    assert query["datasourceUid"] == "prometheus"
    assert theirs["condition"] == condition["refId"]
    assert condition["model"]["expression"] == "is_number($query) || is_nan($query) || is_inf($query)"
    assert theirs["for"] == mine.get("for", "0s")
    assert theirs["labels"] == mine["labels"]
    notes = {key: text.replace("$values.query.Value", "$value") for key, text in theirs["annotations"].items()}
    assert notes == mine["annotations"]
    assert route({"alertname": name, **mine["labels"]}) == policy({"alertname": name, **theirs["labels"]})
    assert len(theirs["uid"]) <= 40


def test_neither_has_an_alert_of_its_own():
    """What is in one rendering is in the other; names and uids are used once."""
    rules = grafana("rules.yaml")["groups"][0]["rules"]
    assert sorted(rule["title"] for rule in rules) == sorted(RULES)
    assert len({rule["uid"] for rule in rules}) == len(rules)


@pytest.mark.parametrize("severity", sorted(RECEIVERS))
def test_severity_decides_who_is_told(severity: str):
    """Pages go to whoever is on call, tickets to the channel, the watchdog to its own topic, the rest to nobody."""
    labels = {"alertname": "Any", "severity": severity, "feed": "pos.receipts"}
    assert route(labels) == policy(labels) == RECEIVERS[severity]


@pytest.mark.parametrize("severity", sorted(RECEIVERS))
def test_alertmanager_reads_the_routes_so(severity: str, tmp_path: Path):
    """Alertmanager accepts routes and inhibitions as they are, and chooses the receivers that are said above."""
    file = tmp_path / "alertmanager.yaml"
    file.write_text(yaml.safe_dump(configuration(ROUTING, "http://127.0.0.1:9/hook")))
    checked = subprocess.run([AMTOOL, "check-config", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(ROUTING['inhibitRules'])} inhibit rules" in checked.stdout
    labels = [f"severity={severity}", "feed=pos.receipts"]
    asked = [AMTOOL, "config", "routes", "test", f"--config.file={file}", *labels]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == RECEIVERS[severity]


def test_trees_group_and_wait_alike():
    """Both trees group by the same labels and wait equally long, branch by branch."""
    pairs = zip(
        [ROUTING["route"], *ROUTING["route"]["routes"]],
        [(root := grafana("policies.yaml")["policies"][0]), *root["routes"]],
        strict=True,
    )
    for mine, theirs in pairs:
        waits = [mine["groupBy"], mine["groupWait"], mine["groupInterval"], mine["repeatInterval"]]
        assert [theirs[key] for key in ("group_by", "group_wait", "group_interval", "repeat_interval")] == waits
    assert "feed" in next(each for each in ROUTING["route"]["routes"] if each["receiver"] == "oncall")["groupBy"]


def test_receivers_are_the_same_and_hold_no_secret():
    """Each receiver has the same ways in both renderings; keys are named, never written."""
    points = {each["name"]: each["receivers"] for each in grafana("contact-points.yaml")["contactPoints"]}
    kinds = {"snsConfigs": "sns", "pagerdutyConfigs": "pagerduty", "slackConfigs": "slack"}
    for receiver in ROUTING["receivers"]:
        ways = {kinds[key] for key in receiver if key in kinds}
        assert {each["type"] for each in points[receiver["name"]]} == (ways or {"webhook"}), receiver["name"]
    assert points["oncall"][0]["settings"] == {"integrationKey": "$pagerduty_routing_key"}
    assert points["tickets"][0]["settings"]["url"] == "$slack_webhook_url"


def test_grafana_replaces_only_its_variables():
    """Grafana puts its environment into files: a single `$` stands only before a variable that it has."""
    for file in (PAGING / "grafana").glob("[rpc]*.yaml"):
        text = file.read_text().replace("$$", "")
        found = {part.split()[0].strip("'\"}") for part in text.split("$")[1:]}
        assert found <= {
            "TILLSTREAM_ONCALL_TOPIC_ARN",
            "TILLSTREAM_WATCHDOG_TOPIC_ARN",
            "pagerduty_routing_key",
            "slack_webhook_url",
        }


def test_a_cause_must_have_the_label_that_it_shares():
    """An inhibition by equal labels asks that the cause has them: where both lacked one, it would count as equal."""
    for rule in ROUTING["inhibitRules"]:
        named = {matcher["name"] for matcher in rule["sourceMatch"]}
        assert set(rule.get("equal", ())) <= named
        for side in ("sourceMatch", "targetMatch"):
            pattern = next(each["value"] for each in rule[side] if each["name"] == "alertname")
            assert set(pattern.split("|")) <= RULES.keys(), pattern


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_exactly_one_pages(environment: str):
    """In each environment either Grafana is given rules and Alertmanager nobody to tell, or the other way round."""
    assert _who_pages(rendered(environment)["paging"]) == "grafana"


def test_the_other_one_pages_instead(tmp_path: Path):
    """With apps/paging/alertmanager in its place, Alertmanager has all routes and topics, and Grafana has no rules."""
    shutil.copytree(ROOT / "argocd", tmp_path / "argocd")
    overlay = tmp_path / "argocd" / "overlays" / "prod" / "paging"
    file = overlay / "kustomization.yaml"
    file.write_text(
        file.read_text().replace("  - ../../../apps/paging/grafana\n", "  - ../../../apps/paging/alertmanager\n")
    )
    made = build(overlay)
    assert _who_pages(made) == "alertmanager"
    assert "set-by-overlay" not in json.dumps(made)


def test_what_is_committed_is_rendered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The files for Grafana are what the rules and routes of now make."""
    monkeypatch.setattr(grafana_alerts, "TARGET", tmp_path)
    grafana_alerts.main()
    for file in tmp_path.iterdir():
        assert file.read_text() == (PAGING / "grafana" / file.name).read_text(), "make render"


def _who_pages(objects: list[Manifest]) -> str:
    config = next(each for each in objects if each["kind"] == "AlertmanagerConfig")["spec"]
    tells = any(len(receiver) > 1 for receiver in config["receivers"]) and bool(config["route"].get("routes"))
    given = any(each["metadata"].get("labels", {}).get("grafana_alert") == "1" for each in objects)
    assert tells != given
    return "alertmanager" if tells else "grafana"


def _grafana_rule(name: str) -> dict[str, Any]:
    return next(rule for rule in grafana("rules.yaml")["groups"][0]["rules"] if rule["title"] == name)
