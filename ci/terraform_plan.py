"""What a plan of Terraform would do, out of `terraform show -json`: addresses and actions, never values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# In the order of how much a reader should look at them.
ACTIONS = {
    ("delete",): "destroy",
    ("delete", "create"): "replace",
    ("create", "delete"): "replace",
    ("update",): "change",
    ("create",): "create",
    ("forget",): "forget",
}


@dataclass(frozen=True)
class Change:
    """One resource that the plan would touch; `attributes` are the names of what would differ."""

    address: str
    kind: str
    action: str
    attributes: tuple[str, ...]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    unknown: Mapping[str, Any]


def changes(plan: Mapping[str, Any]) -> list[Change]:
    """The resources that the plan would touch, the most serious first."""
    found = []
    for each in plan.get("resource_changes", []):
        change = each["change"]
        action = ACTIONS.get(tuple(change["actions"]))
        if action is None or each.get("mode") == "data":
            continue
        before, after = change.get("before") or {}, change.get("after") or {}
        unknown = change.get("after_unknown") or {}
        names = sorted(
            name
            for name in before.keys() | after.keys() | unknown.keys()
            if _unknown(unknown.get(name)) or before.get(name) != after.get(name)
        )
        found.append(Change(each["address"], each["type"], action, tuple(names), before, after, unknown))
    order = list(dict.fromkeys(ACTIONS.values()))
    return sorted(found, key=lambda change: (order.index(change.action), change.address))


def _unknown(marks: object) -> bool:
    """Whether anything of an attribute is known after the apply only: its marks have its own shape."""
    if isinstance(marks, Mapping):
        return any(map(_unknown, marks.values()))
    return any(map(_unknown, marks)) if isinstance(marks, list) else bool(marks)


def headline(found: list[Change]) -> str:
    """`2 to create, 1 to change`; or that there is nothing to do."""
    counts = {action: sum(change.action == action for change in found) for action in dict.fromkeys(ACTIONS.values())}
    return ", ".join(f"{count} to {action}" for action, count in counts.items() if count) or "nothing to do"
