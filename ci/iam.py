"""What a plan changes in who may do what, in words: one line a permission that comes or goes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ci.terraform_plan import Change

# Where policies stand: by kind of resource, the attributes that hold documents, and whose they are.
DOCUMENTS = {
    "aws_iam_policy": (("policy", "policy {name}"),),
    "aws_iam_role": (("assume_role_policy", "who may become {name}"),),
    "aws_iam_role_policy": (("policy", "{role}"),),
    "aws_ecr_repository_policy": (("policy", "repository {repository}"),),
    "aws_kms_key": (("policy", "key {description}"),),
    "aws_s3_bucket_policy": (("policy", "bucket {bucket}"),),
    "aws_secretsmanager_secret_policy": (("policy", "secret {secret_arn}"),),
    "aws_sns_topic_policy": (("policy", "topic {arn}"),),
    "aws_vpc_endpoint": (("policy", "endpoint {service_name}"),),
}
ATTACHMENTS = {"aws_iam_role_policy_attachment": ("role", "policy_arn")}


@dataclass(frozen=True, order=True)
class Permission:
    """One action that one statement allows or denies on one resource."""

    effect: str
    action: str
    resource: str
    principal: str
    condition: str

    @property
    def wide(self) -> bool:
        """It says more than a reader can follow: every action of a service, or every resource."""
        return self.effect == "Allow" and (self.action.endswith("*") or self.resource == "*")

    def __str__(self) -> str:
        words = f"`{self.action}` on `{self.resource}`"
        if self.principal:
            words += f" by {self.principal}"
        if self.condition:
            words += f" if {self.condition}"
        return f"{'deny ' if self.effect == 'Deny' else ''}{words}"


@dataclass(frozen=True)
class Difference:
    """What changes for one subject. `unknown`: the new document is known after the apply only."""

    subject: str
    address: str
    gained: tuple[Permission, ...]
    lost: tuple[Permission, ...]
    unknown: bool = False

    @property
    def wide(self) -> bool:
        return any(each.wide for each in self.gained)


def differences(changes: list[Change]) -> list[Difference]:
    """Every difference in policies, those that give something wide away first."""
    found = [each for change in changes for each in (*_of_documents(change), *_of_attachments(change))]
    return sorted(found, key=lambda each: (not each.wide, each.subject, each.address))


def _of_documents(change: Change) -> Iterator[Difference]:
    for attribute, template in DOCUMENTS.get(change.kind, ()):
        if attribute not in change.attributes:
            continue
        named = {key: value for key, value in {**change.before, **change.after}.items() if isinstance(value, str)}
        subject = template.format_map(_Named(named, change.address))
        before = permissions(change.before.get(attribute))
        if change.unknown.get(attribute):
            yield Difference(subject, change.address, (), (), unknown=True)
            continue
        after = permissions(change.after.get(attribute))
        if gained := tuple(sorted(after - before)):
            yield Difference(subject, change.address, gained, tuple(sorted(before - after)))
        elif lost := tuple(sorted(before - after)):
            yield Difference(subject, change.address, (), lost)


def _of_attachments(change: Change) -> Iterator[Difference]:
    if change.kind in ATTACHMENTS:
        role, policy = ATTACHMENTS[change.kind]
        made = [_attached(change.after.get(policy))] if change.after else []
        gone = [_attached(change.before.get(policy))] if change.before else []
        yield Difference(
            str({**change.before, **change.after}.get(role, change.address)), change.address, tuple(made), tuple(gone)
        )


def _attached(policy: object) -> Permission:
    return Permission("Allow", "everything that is in", str(policy or "a policy known after the apply"), "", "")


def permissions(document: str | None) -> set[Permission]:
    """A policy's statements, action by action and resource by resource."""
    if not document:
        return set()
    return {
        Permission(statement["Effect"], action, resource, _principal(statement), _condition(statement))
        for statement in _listed(json.loads(document).get("Statement"))
        for action in _actions(statement)
        for resource in _resources(statement)
    }


def _actions(statement: Mapping[str, Any]) -> list[str]:
    return [*_listed(statement.get("Action")), *(f"all but {each}" for each in _listed(statement.get("NotAction")))]


def _resources(statement: Mapping[str, Any]) -> list[str]:
    found = [
        *_listed(statement.get("Resource")),
        *(f"all but {each}" for each in _listed(statement.get("NotResource"))),
    ]
    # A trust policy names none: it is about the role itself.
    return found or ["itself"]


def _principal(statement: Mapping[str, Any]) -> str:
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        return ", ".join(f"{kind} {name}" for kind, names in sorted(principal.items()) for name in _listed(names))
    return str(principal or "")


def _condition(statement: Mapping[str, Any]) -> str:
    return " and ".join(
        f"{key} {operator} {', '.join(map(str, _listed(values)))}"
        for operator, test in sorted(statement.get("Condition", {}).items())
        for key, values in sorted(test.items())
    )


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


class _Named(dict[str, str]):
    """Names for a template; what is not known yet is called by its address."""

    def __init__(self, known: Mapping[str, str], address: str) -> None:
        super().__init__(known)
        self._address = address

    def __missing__(self, key: str) -> str:
        return self._address
