"""Which alerts may hold which back, by the routes' own rules: such faults are not drilled side by side."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from drill.model import Alert


def may_hold_back(rules: Sequence[Mapping[str, Any]], cause: Alert, consequence: Alert) -> bool:
    """By the inhibition rules of an AlertmanagerConfig. A label that is not given may have any value."""
    return any(
        all(_may_match(each, cause) for each in rule["sourceMatch"])
        and all(_may_match(each, consequence) for each in rule["targetMatch"])
        and all(_may_be_equal(name, cause, consequence) for name in rule.get("equal", ()))
        for rule in rules
    )


def _may_match(matcher: Mapping[str, str], alert: Alert) -> bool:
    labels = {"alertname": alert.name, **alert.labels}
    if (value := labels.get(matcher["name"])) is None:
        return True
    match matcher["matchType"]:
        case "=~":
            return bool(re.fullmatch(matcher["value"], value))
        case "!=":
            return value != matcher["value"]
        case kind:
            raise ValueError(f"no inhibition was matched by {kind} so far: teach it to drill/inhibition.py")


def _may_be_equal(name: str, one: Alert, other: Alert) -> bool:
    values = {alert.labels[name] for alert in (one, other) if name in alert.labels}
    return len(values) < 2
