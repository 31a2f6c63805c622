"""The alerts as Grafana's own: rules, contact points and notification policies, for where Grafana pages.

    python -m ci.grafana_alerts      # writes argocd/apps/paging/grafana

The sources are alerts/ and argocd/apps/paging/base/routes.yaml, which Prometheus and Alertmanager take as they are.
Grafana knows no inhibition: what a cause would keep back is taken out of the consequence's query, by Prometheus' own
series ALERTS. It also puts variables of its environment into files, so every `$` that is not one is written twice.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ci.alert_rules import alerts

ROOT = Path(__file__).resolve().parents[1]
ALERTS = ROOT / "alerts"
ROUTES = ROOT / "argocd" / "apps" / "paging" / "base" / "routes.yaml"
TARGET = ROOT / "argocd" / "apps" / "paging" / "grafana"
FOLDER = "Tillstream"
# The uid that kube-prometheus-stack gives to its Prometheus.
DATASOURCE = "prometheus"
INTERVAL = "1m"
SOURCE = "# Written by `make render` from alerts/ and argocd/apps/paging/base; do not edit.\n"
QUERY, FIRING = "query", "firing"
# Rules of Prometheus fire for every series that their query returns, whatever its value.
ANY_VALUE = f"is_number(${QUERY}) || is_nan(${QUERY}) || is_inf(${QUERY})"

Rule = Mapping[str, Any]
Route = Mapping[str, Any]


def routing(file: Path = ROUTES) -> dict[str, Any]:
    """The spec of the AlertmanagerConfig."""
    spec: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))["spec"]
    return spec


def rules(named: Mapping[str, Rule], inhibit: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The provisioning file of all alerts, in one group."""
    made = [_rule(name, rule, inhibit) for name, rule in sorted(named.items())]
    return {
        "apiVersion": 1,
        "groups": [{"orgId": 1, "name": "tillstream", "folder": FOLDER, "interval": INTERVAL, "rules": made}],
    }


def _rule(name: str, rule: Rule, inhibit: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "uid": f"tillstream-{name.lower()}"[:40],
        "title": name,
        "condition": FIRING,
        "for": rule.get("for", "0s"),
        # A query that finds nothing is what is wanted.
        "noDataState": "OK",
        "execErrState": "Error",
        "labels": dict(rule["labels"]),
        "annotations": {key: _escaped(_template(text)) for key, text in rule["annotations"].items()},
        "data": [
            _data(
                QUERY, DATASOURCE, {"expr": _escaped(expression(name, rule, inhibit)), "instant": True, "range": False}
            ),
            _data(FIRING, "__expr__", {"type": "math", "expression": _escaped(ANY_VALUE)}),
        ],
    }


def _data(reference: str, datasource: str, model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "refId": reference,
        "relativeTimeRange": {"from": 600, "to": 0},
        "datasourceUid": datasource,
        "model": {"refId": reference, **model},
    }


def expression(name: str, rule: Rule, inhibit: Sequence[Mapping[str, Any]]) -> str:
    """The rule's own query, less what its causes keep back."""
    causes = [each for each in inhibit if _matches(each["targetMatch"], {"alertname": name, **rule["labels"]})]
    text = str(rule["expr"])
    for each in causes:
        matchers = ", ".join(_matcher(matcher) for matcher in each["sourceMatch"])
        text = f'({text}\n)\nunless on ({", ".join(each.get("equal", ()))})\nALERTS{{alertstate="firing", {matchers}}}'
    return text


def _matches(matchers: Sequence[Mapping[str, str]], labels: Mapping[str, str]) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)


def matches(matcher: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether an alert with these labels is what Alertmanager's matcher asks for."""
    value = labels.get(matcher["name"], "")
    match matcher["matchType"]:
        case "=":
            return value == matcher["value"]
        case "!=":
            return value != matcher["value"]
        case "=~":
            return re.fullmatch(matcher["value"], value) is not None
        case _:
            return re.fullmatch(matcher["value"], value) is None


def _matcher(matcher: Mapping[str, str]) -> str:
    return f'{matcher["name"]}{matcher["matchType"]}"{matcher["value"]}"'


def _template(text: str) -> str:
    """Prometheus' value is a number; Grafana has one by query."""
    return text.replace("$value", f"$values.{QUERY}.Value")


def _escaped(text: str) -> str:
    return text.replace("$", "$$")


def policies(route: Route) -> dict[str, Any]:
    """The provisioning file of the routes."""
    return {"apiVersion": 1, "policies": [{"orgId": 1, **_policy(route)}]}


def _policy(route: Route) -> dict[str, Any]:
    names = {"groupWait": "group_wait", "groupInterval": "group_interval", "repeatInterval": "repeat_interval"}
    policy: dict[str, Any] = {"receiver": route["receiver"], "group_by": list(route["groupBy"])}
    if matchers := route.get("matchers"):
        policy["object_matchers"] = [[each["name"], each["matchType"], each["value"]] for each in matchers]
    policy |= {theirs: route[ours] for ours, theirs in names.items() if ours in route}
    if routes := route.get("routes"):
        policy["routes"] = [_policy(each) for each in routes]
    return policy


def contact_points(receivers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The provisioning file of the receivers. Secrets and topics are variables of Grafana's environment."""
    made = [
        {"orgId": 1, "name": receiver["name"], "receivers": list(_integrations(receiver))} for receiver in receivers
    ]
    return {"apiVersion": 1, "contactPoints": made}


def _integrations(receiver: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name = receiver["name"]
    for each in receiver.get("pagerdutyConfigs", ()):
        yield _integration(name, "pagerduty", {"integrationKey": f"${each['routingKey']['key']}"}, each)
    for each in receiver.get("snsConfigs", ()):
        settings = {"topic_arn": f"$TILLSTREAM_{name.upper()}_TOPIC_ARN"}
        settings |= {key: each[key] for key in ("subject", "message") if key in each}
        yield _integration(name, "sns", settings, each)
    for each in receiver.get("slackConfigs", ()):
        settings = {"url": f"${each['apiURL']['key']}", "recipient": each["channel"]}
        yield _integration(name, "slack", settings, each)
    if len(receiver) == 1:
        # A contact point must have something; nothing listens at this address of Grafana's own pod.
        yield _integration(name, "webhook", {"url": "http://127.0.0.1:9"}, {"sendResolved": False})


def _integration(name: str, kind: str, settings: Mapping[str, str], source: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "uid": f"tillstream-{name}-{kind}",
        "type": kind,
        "disableResolveMessage": not source["sendResolved"],
        "settings": dict(settings),
    }


def main() -> None:
    spec = routing()
    made = {
        "rules.yaml": rules(alerts(ALERTS), spec["inhibitRules"]),
        "policies.yaml": policies(spec["route"]),
        "contact-points.yaml": contact_points(spec["receivers"]),
    }
    for name, content in made.items():
        text = yaml.safe_dump(content, sort_keys=False, width=120, allow_unicode=True)
        (TARGET / name).write_text(SOURCE + text, encoding="utf-8")


if __name__ == "__main__":
    main()
