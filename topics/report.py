"""A plan for people (a table) and for programs (JSON)."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table

from topics.model import Acl
from topics.plan import Plan

# Store certificates of a group are named one by one up to here, and counted beyond.
NAMED = 5
STORE = re.compile(r"User:CN=store-(?P<store>.+\.g\d+),OU=stores,O=Tillstream")


@dataclass(frozen=True)
class _Line:
    sign: str
    colour: str
    subject: str
    what: str


def as_table(plan: Plan) -> Table:
    table = Table(box=None, padding=(0, 2), show_header=False)
    for line in _lines(plan):
        table.add_row(f"[{line.colour}]{line.sign}[/]", escape(line.subject), f"[{line.colour}]{escape(line.what)}[/]")
    return table


def as_markdown(plan: Plan) -> str:
    """A list for a comment on a pull request."""
    return "\n".join(f"- {line.sign} `{line.subject}`: {line.what}" for line in _lines(plan))


def summary(plan: Plan) -> str:
    return (
        f"{len(plan.create_topics)} new topics, {len(plan.change_configs)} changed settings, "
        f"{len(plan.add_acls)} new ACLs, {len(plan.remove_acls)} removed ACLs; "
        f"{len(plan.refused)} refused, {len(plan.unknown_acls)} unknown ACLs kept"
    )


def as_json(plan: Plan) -> dict[str, Any]:
    return {**asdict(plan), "changes": plan.changes}


def _lines(plan: Plan) -> Iterator[_Line]:
    for topic in plan.create_topics:
        config = ", ".join(f"{name}={value}" for name, value in sorted(topic.config.items()))
        what = f"create: {topic.partitions} partitions, {topic.replication} copies, {config}"
        yield _Line("+", "green", f"topic {topic.name}", what)
    for change in plan.change_configs:
        what = f"{change.name}: {change.before or 'default'} -> {change.after or 'default'}"
        yield _Line("~", "yellow", f"topic {change.topic}", what)
    for rule, who in _grouped(plan.add_acls):
        yield _Line("+", "green", rule, f"allow {who}")
    for rule, who in _grouped(plan.remove_acls):
        yield _Line("-", "red", rule, f"revoke {who}")
    for refusal in plan.refused:
        yield _Line("!", "bold red", f"topic {refusal.topic}", f"refused: {refusal.what}: {refusal.reason}")
    for acl in plan.unknown_acls:
        yield _Line("?", "cyan", "ACL of nobody known here", f"{acl} (kept; --prune removes it)")


def _grouped(acls: Iterable[Acl]) -> Iterator[tuple[str, str]]:
    """One line for each rule, not one for each store: thousands hold the same."""
    groups: dict[str, list[str]] = {}
    for acl in acls:
        denied = "deny " if acl.permission == "deny" else ""
        star = "*" if acl.pattern == "prefixed" else ""
        rule = f"{denied}{acl.operation} {acl.resource} {acl.name}{star}"
        store = STORE.fullmatch(acl.principal)
        groups.setdefault(rule, []).append(f"store {store['store']}" if store else acl.principal)
    for rule, who in groups.items():
        more = f" and {len(who) - NAMED} more" if len(who) > NAMED else ""
        yield rule, ", ".join(who[:NAMED]) + more
