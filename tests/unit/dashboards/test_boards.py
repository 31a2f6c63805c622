"""Boards that a person can read at night: committed as they are made, complete, and asking for what there is."""

import json
import re
import subprocess
from itertools import combinations
from typing import Any

import pytest
import yaml

import contracts
from ci.alert_rules import alerts
from dashboards import render
from dashboards.boards import BOARDS
from dashboards.committed import JSON, committed, panels, queries
from dashboards.model import WIDTH, Panel
from drill.boards import ANYWHERE, NOT_HERE
from local.monitoring.rules import rule_files
from tests.support.boards import FOREIGN
from tests.support.manifests import ENVIRONMENTS, ROOT, build, values
from tests.support.manifests import rendered as objects_of
from tests.support.metrics_page import sections
from tests.support.queries import metric_names

MADE = committed()
ALERTS = alerts(ROOT / "alerts")
RULES = [rule for content in rule_files().values() for group in content["groups"] for rule in group["rules"]]
OWN = {each.name for _, _, metrics in sections() for each in metrics}
EVERY_PANEL = [
    pytest.param(panel, id=f"{board.title}: {panel.title}")
    for board in BOARDS
    for row in board.rows
    for panel in row.panels
]
PROMTOOL = ROOT / ".tools" / "bin" / "promtool"


def test_what_is_committed_is_what_is_made():
    """The JSON and the ConfigMaps beside it are what `make render` writes, and nothing else lies there."""
    made = dict(render.files())
    assert {file for file in made if file.parent == JSON} == set(JSON.glob("*"))
    for file, text in made.items():
        assert file.read_text(encoding="utf-8") == text, file


def test_there_are_six():
    """Each part of the pipeline has a board, and each board a title and a sentence of its own."""
    titles = [board["title"] for board in MADE.values()]
    assert sorted(titles) == [
        "Airflow and quality",
        "Kafka",
        "Lake and cost",
        "Pipeline",
        "Spark streams",
        "Stores",
    ]
    assert all(board["description"].endswith("?") for board in MADE.values())


@pytest.mark.parametrize("panel", EVERY_PANEL)
def test_a_panel_says_what_it_shows(panel: Panel):
    """Each panel has a title, a unit, a sentence that explains it, and queries whose lines have names."""
    assert panel.title
    assert panel.unit
    assert panel.told.endswith(".")
    assert panel.queries
    assert all(query.legend for query in panel.queries) or panel.kind == "table"


@pytest.mark.parametrize("panel", EVERY_PANEL)
def test_a_panel_turns_red_where_its_alert_fires(panel: Panel):
    """A panel names an alert that exists, and the number from which it is red stands in that alert's rule."""
    if panel.runbook:
        assert panel.runbook in ALERTS
    red = [each.value for each in panel.thresholds if each.colour == "red"]
    # From one on: of what there must be none. Above 100 %: by the contract's own promise.
    for value in set(red) - {1}:
        assert str(value) in re.findall(r"\d+(?:\.\d+)?", ALERTS[panel.runbook]["expr"])


def test_lines_of_feeds_turn_red_where_their_contracts_say():
    """A delay is red from each contract's own freshness on."""
    [panel] = [each for each in panels(MADE["tillstream-spark-streams"]) if each["title"] == "Delay"]
    found = {
        each["matcher"]["options"]: each["properties"][0]["value"]["steps"][-1]
        for each in panel["fieldConfig"]["overrides"]
    }
    promised = {feed: contract.freshness_seconds for feed, contract in contracts.load().items()}
    assert found == {feed: {"color": "red", "value": seconds} for feed, seconds in promised.items()}


@pytest.mark.parametrize("uid", sorted(MADE))
def test_nothing_overlaps(uid: str):
    """Panels lie within the grid, side by side, and leave no gap at the end of a row."""
    places = [panel["gridPos"] for panel in MADE[uid]["panels"]]
    assert all(place["x"] + place["w"] <= WIDTH for place in places)
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    area = sum(place["w"] * place["h"] for place in places)
    assert area == WIDTH * max(place["y"] + place["h"] for place in places)


def test_the_first_board_is_one_screen():
    """Pipeline fits a screen of 1080 lines: Grafana's rows are 38 high, and its own head takes 130."""
    lowest = max(
        place["y"] + place["h"] for place in (panel["gridPos"] for panel in MADE["tillstream-pipeline"]["panels"])
    )
    assert lowest * 38 + 130 <= 1080


@pytest.mark.parametrize("uid", sorted(MADE))
def test_queries_ask_for_what_there_is(uid: str):
    """Every series is one of docs/metrics.md, a recorded one, or a foreign one that is listed with its origin."""
    known = OWN | {rule["record"] for rule in RULES if "record" in rule} | FOREIGN.keys()
    for where, query in queries(MADE[uid]):
        assert metric_names(query) <= known, where


def test_no_foreign_series_is_left_over():
    """Each of them is asked for."""
    asked = {name for board in MADE.values() for _, query in queries(board) for name in metric_names(query)}
    assert FOREIGN.keys() <= asked


def test_what_may_be_empty_is_there():
    """Every panel that a live pipeline is allowed to leave empty is one of the boards'."""
    places = {(uid, panel["title"]) for uid, board in MADE.items() for panel in panels(board)}
    places |= {(ANYWHERE, each["name"]) for board in MADE.values() for each in board["annotations"]["list"]}
    assert NOT_HERE.keys() <= places


def test_prometheus_takes_every_query(tmp_path: Any):
    """Prometheus' own parser accepts each query, with every choice at All."""
    asked = [query for board in MADE.values() for _, query in queries(board)]
    groups = {
        "groups": [{"name": "boards", "rules": [{"record": f"q:{n}", "expr": each} for n, each in enumerate(asked)]}]
    }
    file = tmp_path / "boards.yaml"
    file.write_text(yaml.safe_dump(groups))
    checked = subprocess.run([PROMTOOL, "check", "rules", file], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert f"{len(asked)} rules found" in checked.stdout


@pytest.mark.parametrize("uid", sorted(MADE))
def test_choices_are_used(uid: str):
    """Every board can be narrowed to an environment; whatever can be chosen is used by a panel, and nothing else is."""
    board = MADE[uid]
    names = {variable["name"] for variable in board["templating"]["list"]}
    assert "environment" in names
    text = json.dumps([panel["targets"] for panel in panels(board)])
    assert set(re.findall(r"\$\{?(\w+)", text)) == names


def test_the_page_knows_every_unit():
    """The page without Grafana can write every unit that a panel has."""
    known = set(re.findall(r"^  (\w+): ", (ROOT / "dashboards" / "page" / "units.js").read_text(), re.MULTILINE))
    assert {panel["fieldConfig"]["defaults"]["unit"] for board in MADE.values() for panel in panels(board)} <= known


def test_what_happened_is_marked():
    """Deploys, starts of streams and failed DAG runs are marked on every board."""
    for board in MADE.values():
        marked = [each["name"] for each in board["annotations"]["list"]]
        assert marked == ["Deploys", "Streams started", "DAG runs failed"]


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_points_at_a_board(name: str):
    """The dashboard that an alert names is there, and what it fills in there can be chosen."""
    found = re.fullmatch(r"https://[^/]+/d/([a-z-]+)(?:\?(.*))?", ALERTS[name]["annotations"]["dashboard_url"])
    assert found
    board = MADE[found[1]]
    names = {variable["name"] for variable in board["templating"]["list"]}
    assert set(re.findall(r"var-(\w+)=", found[2] or "")) <= names


def test_grafana_finds_the_boards():
    """Argo CD applies one ConfigMap a board, small enough for one, with the label that Grafana's sidecar asks for."""
    sidecar = values("kube-prometheus-stack")["grafana"]["sidecar"]["dashboards"]
    made = build(ROOT / "dashboards")
    assert len(made) == len(MADE)
    for each in made:
        assert each["metadata"]["labels"][sidecar["label"]] == sidecar["labelValue"]
        [(name, text)] = each["data"].items()
        assert json.loads(text) == MADE[name.removesuffix(".json")]
        assert len(text) < 262_144


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_argo_cd_applies_the_boards(environment: str):
    """Each environment has an Application for the folder."""
    paths = [
        each["spec"]["source"]["path"]
        for each in objects_of(environment)["apps"]
        if each["kind"] == "Application" and "source" in each["spec"]
    ]
    assert paths.count("dashboards") == 1
