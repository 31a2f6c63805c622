"""What a plan changes in who may do what, in words: one line a permission that comes or goes."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ci.terraform_plan import Change

# Where policies stand: by kind of resource, the attributes that hold documents, and whose they are.
DOCUMENTS = {
    "aws_iam_policy": (("policy", "policy {name}"),),
    "aws_iam_role": (("assume_role_policy", "who may become {name}"),),
    "aws_iam_role_policy": (("policy", "{role}"),),
    "aws_iam_user_policy": (("policy", "{user}"),),
    "aws_iam_group_policy": (("policy", "{group}"),),
    "aws_ecr_repository_policy": (("policy", "repository {repository}"),),
    "aws_kms_key": (("policy", "key {description}"),),
    "aws_s3_bucket_policy": (("policy", "bucket {bucket}"),),
    "aws_secretsmanager_secret_policy": (("policy", "secret {secret_arn}"),),
    "aws_sns_topic_policy": (("policy", "topic {arn}"),),
    "aws_vpc_endpoint": (("policy", "endpoint {service_name}"),),
}
# Whose is the policy that is attached.
ATTACHMENTS = {
    "aws_iam_role_policy_attachment": "{role}",
    "aws_iam_user_policy_attachment": "{user}",
    "aws_iam_group_policy_attachment": "{group}",
}
# A policy of AWS's own gives far more than one workload needs, and AWS changes it when it likes.
OF_AWS = re.compile(r"arn:[a-z-]+:(iam|eks)::aws:")
EVERYBODY = {"*", "AWS *"}
# Which of all those that an identity provider vouches for.
ONE_SUBJECT = re.compile(r":sub StringEquals |:sub StringLike [^*]+?(?: and |$)")
LATER = "what is known after the apply"


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
        """It says more than a reader can follow: every action of a service, every resource, everybody (of an identity
        provider), all of these but for some, or a policy that AWS writes.
        """
        return self.effect == "Allow" and (
            self.action.endswith("*")
            or self.resource == "*"
            or self.principal in EVERYBODY
            or any(each.startswith("all but ") for each in (self.action, self.resource, self.principal))
            or OF_AWS.match(self.resource) is not None
            or (self.principal.startswith("Federated ") and ONE_SUBJECT.search(self.condition) is None)
        )

    def __str__(self) -> str:
        words = f"`{self.action}` on `{self.resource}`"
        if self.principal:
            words += f" by {self.principal}"
        if self.condition:
            words += f" if {self.condition}"
        return f"{'deny ' if self.effect == 'Deny' else ''}{words}"


@dataclass(frozen=True)
class Difference:
    """What changes for one subject. `unknown`: the new document is known after the apply only. `lets_in`: what is
    gained is not what somebody known may do, but who may come at all.
    """

    subject: str
    address: str
    gained: tuple[Permission, ...]
    lost: tuple[Permission, ...]
    unknown: bool = False
    lets_in: bool = False

    @property
    def alarms(self) -> tuple[str, ...]:
        """Why this widens rights beyond what its lines show at a glance; nothing if it does not."""
        found = {
            "wide": any(each.wide for each in self.gained),
            "lets somebody in": self.lets_in and any(each.effect == "Allow" for each in self.gained),
            "lifts a denial": any(each.effect == "Deny" for each in self.lost),
        }
        return tuple(alarm for alarm, true in found.items() if true)


def differences(changes: list[Change]) -> list[Difference]:
    """Every difference in who may do what, those first that widen it."""
    found = [
        each
        for change in changes
        # What is forgotten stays as it is on AWS.
        if change.action != "forget"
        for each in (*_of_documents(change), *_of_attachments(change), *_of_admissions(change), *_of_boundary(change))
    ]
    return sorted(found, key=lambda each: (not each.alarms, each.subject, each.address))


def _of_documents(change: Change) -> Iterator[Difference]:
    for attribute, template in DOCUMENTS.get(change.kind, ()):
        if change.unknown.get(attribute):
            yield Difference(_named(change, template), change.address, (), (), unknown=True)
            continue
        before, after = (permissions(side.get(attribute)) for side in (change.before, change.after))
        # A role that is new lets in whom it is made for: its lines say whom. One that stood gets others in.
        lets_in = attribute == "assume_role_policy" and bool(change.before)
        yield from _difference(change, template, before, after, lets_in=lets_in)


def _of_attachments(change: Change) -> Iterator[Difference]:
    if change.kind in ATTACHMENTS:
        before, after = (
            {_attached(side.get("policy_arn"))} if side else set() for side in (change.before, change.after)
        )
        yield from _difference(change, ATTACHMENTS[change.kind], before, after)


def _of_admissions(change: Change) -> Iterator[Difference]:
    if change.kind in ADMISSIONS:
        template, read = ADMISSIONS[change.kind]
        before, after = (read(side) if side else set() for side in (change.before, change.after))
        yield from _difference(change, template, before, after, lets_in=True)


def _of_boundary(change: Change) -> Iterator[Difference]:
    """A boundary denies what is not in it, whatever else is allowed. With the role itself it goes without harm."""
    if change.kind in {"aws_iam_role", "aws_iam_user"} and change.after:
        before, after = (
            {Permission("Deny", "everything that is not in", str(boundary), "", "")} if boundary else set()
            for boundary in (
                change.before.get("permissions_boundary"),
                LATER if change.unknown.get("permissions_boundary") else change.after.get("permissions_boundary"),
            )
        )
        yield from _difference(change, "{name}", before, after)


def _difference(
    change: Change, template: str, before: set[Permission], after: set[Permission], *, lets_in: bool = False
) -> Iterator[Difference]:
    """One difference; or two, where what is replaced goes from one subject to another."""
    old, new = (_named(change, template, side) for side in (change.before, change.after))
    moves = [(old, before, set[Permission]()), (new, set[Permission](), after)]
    whole = [(_named(change, template), before, after)]
    for subject, had, has in moves if change.action == "replace" and old != new else whole:
        if had != has:
            gained, lost = tuple(sorted(has - had)), tuple(sorted(had - has))
            yield Difference(subject, change.address, gained, lost, lets_in=lets_in)


def _named(change: Change, template: str, side: Mapping[str, Any] | None = None) -> str:
    """The subject by the names of one side, or of the last that there are."""
    names = {**change.before, **change.after} if side is None else side
    return template.format_map(_Names({key: str(name) for key, name in names.items() if name}, change.address))


def _attached(policy: object) -> Permission:
    return Permission("Allow", "everything that is in", str(policy or "a policy known after the apply"), "", "")


def _cluster_entry(entry: Mapping[str, Any]) -> set[Permission]:
    """What somebody of AWS is in a cluster. What a group of Kubernetes may do there, its roles say."""
    groups = [f"act as group {group}" for group in entry.get("kubernetes_groups") or ()]
    kind = entry.get("type") or "STANDARD"
    log_in = "log in" if kind == "STANDARD" else f"log in as {kind}"
    cluster = f"cluster {entry.get('cluster_name', LATER)}"
    return {Permission("Allow", action, cluster, "", "") for action in (log_in, *groups)}


def _cluster_policy(association: Mapping[str, Any]) -> set[Permission]:
    action = f"everything that is in {association.get('policy_arn', LATER)}"
    scopes = {
        f"{f'namespace {namespace} of ' if namespace else ''}cluster {association.get('cluster_name', LATER)}"
        for scope in association.get("access_scope") or [{}]
        for namespace in scope.get("namespaces") or [None]
    }
    return {Permission("Allow", action, scope, "", "") for scope in scopes}


def _pod_identity(association: Mapping[str, Any]) -> set[Permission]:
    account = f"{association.get('namespace', LATER)}/{association.get('service_account', LATER)}"
    cluster = association.get("cluster_name", LATER)
    return {Permission("Allow", "become", "itself", f"service account {account} of cluster {cluster}", "")}


def _log_in_provider(provider: Mapping[str, Any]) -> set[Permission]:
    return {
        Permission("Allow", "vouch for whoever it names", f"audience {audience}", str(provider.get("url", LATER)), "")
        for audience in provider.get("client_id_list") or [LATER]
    }


# What lets somebody in: by kind of resource, whose it is, and what it gives.
ADMISSIONS: dict[str, tuple[str, Callable[[Mapping[str, Any]], set[Permission]]]] = {
    "aws_eks_access_entry": ("{principal_arn}", _cluster_entry),
    "aws_eks_access_policy_association": ("{principal_arn}", _cluster_policy),
    "aws_eks_pod_identity_association": ("who may become {role_arn}", _pod_identity),
    "aws_iam_openid_connect_provider": ("log-in provider {url}", _log_in_provider),
}


def permissions(document: str | None) -> set[Permission]:
    """A policy's statements, by action, resource and principal."""
    if not document:
        return set()
    return {
        Permission(statement["Effect"], action, resource, principal, _condition(statement))
        for statement in _listed(json.loads(document).get("Statement"))
        for action in _values(statement, "Action")
        # A trust policy names no resource: it is about the role itself.
        for resource in _values(statement, "Resource") or ["itself"]
        for principal in _principals(statement)
    }


def _values(statement: Mapping[str, Any], key: str) -> list[str]:
    """Each of them; those that are left out are one, as it is all but all of them."""
    left_out = _listed(statement.get(f"Not{key}"))
    return [*_listed(statement.get(key)), *([f"all but {', '.join(sorted(left_out))}"] if left_out else [])]


def _principals(statement: Mapping[str, Any]) -> list[str]:
    left_out = _who(statement.get("NotPrincipal"))
    return [*_who(statement.get("Principal")), *([f"all but {', '.join(left_out)}"] if left_out else [])] or [""]


def _who(principal: object) -> list[str]:
    if isinstance(principal, Mapping):
        return [f"{kind} {name}" for kind, names in sorted(principal.items()) for name in sorted(_listed(names))]
    return [str(principal)] if principal else []


def _condition(statement: Mapping[str, Any]) -> str:
    return " and ".join(
        f"{key} {operator} {', '.join(sorted(map(str, _listed(values))))}"
        for operator, test in sorted(statement.get("Condition", {}).items())
        for key, values in sorted(test.items())
    )


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


class _Names(dict[str, str]):
    """Names for a template; what is not known yet is called by its address."""

    def __init__(self, known: Mapping[str, str], address: str) -> None:
        super().__init__(known)
        self._address = address

    def __missing__(self, key: str) -> str:
        return self._address
