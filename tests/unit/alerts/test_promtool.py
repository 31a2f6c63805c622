"""Every alert fires when it must, says what it must, and is silent just below: by Prometheus' own judgement."""

import copy
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.monitoring.rules import RuleFiles, rule_files, write
from tests.support.manifests import ROOT
from tests.unit.alerts.conftest import PROMTOOL, Judge

NAMES = sorted(rule_files())
# Every rule there is: a file that is not found, or not understood, holds none.
ALERTS, RECORDED = 36, 5
_THRESHOLD = re.compile(r"(?<![=<>!~])(>=|<=|==|!=|>|<)(\s+)(-?\d+(?:\.\d+)?)(?![\w.])")


def test_every_rule_is_taken_out(files: RuleFiles, tmp_path: Path):
    """Prometheus accepts every rule, and they are as many as are known."""
    rules = [rule for content in files.values() for group in content["groups"] for rule in group["rules"]]
    assert sum("alert" in rule for rule in rules) == ALERTS
    assert sum("record" in rule for rule in rules) == RECORDED
    checked = subprocess.run(
        [PROMTOOL, "check", "rules", "--lint=all", "--lint-fatal", *write(files, tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert sum(map(int, re.findall(r"(\d+) rules found", checked.stdout))) == ALERTS + RECORDED


@pytest.mark.parametrize("name", NAMES)
def test_alerts_fire_and_are_silent(name: str, judge: Judge):
    """Promtool agrees with the tests beside a rule file."""
    judged = judge(name)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_alert_is_seen_firing_and_silent(name: str, files: RuleFiles):
    """Each alert has a test in which it fires, with all of its labels and annotations, and one in which it does not."""
    tests = yaml.safe_load((ROOT / "alerts" / f"{name}.test.yaml").read_text())["tests"]
    for rule in _alerts(files[name]):
        checks = [
            (test["name"], check)
            for test in tests
            for check in test.get("alert_rule_test", ())
            if check["alertname"] == rule["alert"]
        ]
        firing = [alert for _, check in checks for alert in check.get("exp_alerts", ())]
        assert firing, f"{rule['alert']} has no test in which it fires"
        for alert in firing:
            assert alert["exp_annotations"].keys() == rule["annotations"].keys(), rule["alert"]
            assert rule["labels"].items() <= alert["exp_labels"].items(), rule["alert"]
        if rule["alert"] != "Watchdog":
            silent = [title for title, check in checks if "exp_alerts" not in check and " is quiet: " in title]
            assert silent, f"{rule['alert']} has no test in which it is silent"


@pytest.mark.parametrize("name", NAMES)
def test_every_threshold_and_for_is_held_by_a_test(name: str, files: RuleFiles, judge: Judge):
    """Whoever moves a threshold by a fifth, or halves or doubles a `for`, fails a test."""
    survived = [told for told, changed in mutations(files[name]) if judge(name, changed).returncode == 0]
    assert not survived


def mutations(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each change of one number in one alert, and what it is."""
    for group, contents in enumerate(content["groups"]):
        for position, rule in enumerate(contents["rules"]):
            if "alert" not in rule:
                continue
            for told, changed in (*_thresholds(rule), *_patiences(rule)):
                mutant = copy.deepcopy(content)
                mutant["groups"][group]["rules"][position] = changed
                yield f"{rule['alert']}: {told}", mutant


def _thresholds(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for match in _THRESHOLD.finditer(rule["expr"]):
        for comparison in _moved(match[1], match[3]):
            expr = rule["expr"][: match.start()] + comparison + rule["expr"][match.end() :]
            yield f"{match[0]} became {comparison}", {**rule, "expr": expr}


def _moved(operator: str, number: str) -> tuple[str, ...]:
    value = float(number)
    if operator == "==":
        return (f"== {value + 1:g}",)
    if operator == "<" and not value:
        return ("< 1e18", "< -1e18")
    if not value:
        return (f"{operator} 1", f"{operator}= 0")
    if value < 10 and value == int(value):
        return (f"{operator} {value + 1:g}", f"{operator} {value - 1:g}")
    return (f"{operator} {value * 1.2:g}", f"{operator} {value * 0.8:g}")


def _patiences(rule: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    if "for" not in rule:
        yield "waits for 5m", {**rule, "for": "5m"}
        return
    minutes = {"m": 1, "h": 60}[rule["for"][-1]] * int(rule["for"][:-1])
    for seconds in (minutes * 30, minutes * 120):
        yield f"for {rule['for']} became {seconds}s", {**rule, "for": f"{seconds}s"}


def _alerts(content: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for group in content["groups"]:
        yield from (rule for rule in group["rules"] if "alert" in rule)
