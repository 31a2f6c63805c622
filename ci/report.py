"""The comment under a pull request: what merging it would change, from the most serious to the plan itself."""

from collections.abc import Sequence
from dataclasses import dataclass

from ci.iam import Difference
from ci.terraform_plan import Change, headline

# GitHub takes no longer comment; what is cut is in the workflow's log. The first plan of an environment is longer than
# that in each of its parts: none takes more than its share, in characters.
LONGEST = 65_000
SHARES = {"resources": 20_000, "permissions": 28_000, "topics": 8_000, "alerts": 5_000}


@dataclass(frozen=True)
class Consequences:
    """All that a pull request would change in one environment."""

    environment: str
    changes: Sequence[Change]
    permissions: Sequence[Difference]
    topics: str
    alerts: Sequence[str]
    plan_text: str


def marker(environment: str) -> str:
    """By which the comment of an environment is found again. People do not see it."""
    return f"<!-- tillstream: {environment} -->"


def comment(found: Consequences, revision: str) -> str:
    """The whole comment."""
    parts = [
        marker(found.environment),
        f"## {found.environment}: {headline(list(found.changes))}",
        f"Planned at {revision[:12]} without a lock; whoever merges applies a new plan.",
        _share("resources", _resources(found.changes)),
        _section("Who may do what", _share("permissions", _permissions(found.permissions)), "No permission changes."),
        _section("Topics and ACLs of Kafka", _share("topics", found.topics.strip()), "No topic and no ACL changes."),
        _section("Alerts", _share("alerts", "\n".join(found.alerts)), "No alert changes."),
    ]
    body = "\n\n".join(part for part in parts if part)
    return body + _details("The plan", found.plan_text, LONGEST - len(body))


def _resources(changes: Sequence[Change]) -> str:
    if not changes:
        return ""
    rows = [f"| {_warn(each.action)} | `{each.address}` | {_named(each)} |" for each in changes]
    return "\n".join(["| action | resource | attributes |", "|---|---|---|", *rows])


def _warn(action: str) -> str:
    return f"**{action}** ⚠️" if action in {"destroy", "replace"} else action


def _named(change: Change) -> str:
    if change.action in {"create", "destroy", "forget"}:
        return ""
    shown = ", ".join(change.attributes[:6])
    return f"{shown}, …" if len(change.attributes) > 6 else shown


def _permissions(differences: Sequence[Difference]) -> str:
    lines = []
    for each in differences:
        alarm = f" ⚠️ {', '.join(each.alarms)}" if each.alarms else ""
        lines.append(f"**{each.subject}**{alarm} (`{each.address}`)")
        if each.unknown:
            lines.append("- the new policy is known only after the apply: look at it in the code")
        lines += [f"- gains {permission}" for permission in each.gained]
        lines += [f"- loses {permission}" for permission in each.lost]
    return "\n".join(lines)


def _share(part: str, text: str) -> str:
    """As many whole lines as there is room for: what is most serious stands first."""
    if len(text) <= SHARES[part]:
        return text
    lines, room = text.splitlines(), SHARES[part]
    kept = 0
    while len(lines[kept]) < room:
        room -= len(lines[kept]) + 1
        kept += 1
    return "\n".join(
        [
            *lines[:kept],
            "",
            f"… and {len(lines) - kept:,} lines more: too long for a comment. The job's log has the plan.",
        ]
    )


def _section(title: str, content: str, nothing: str) -> str:
    return f"### {title}\n{content or nothing}"


def _details(title: str, text: str, room: int) -> str:
    frame = f"\n\n<details><summary>{title}</summary>\n\n```\n{{}}\n```\n</details>\n"
    space = room - len(frame)
    # A fence inside the plan would end the block.
    text = text.replace("```", "'''")
    if len(text) > space:
        cut = "\n… cut here: the rest is in the workflow's log"
        text = text[: max(0, space - len(cut))] + cut
    return frame.format(text)
