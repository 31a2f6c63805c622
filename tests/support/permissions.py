"""Reads the table of permissions, and writes docs/permissions.md from it.

python -m tests.support.permissions
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from contracts import system_tables
from tests.support.permissions_table import (
    ACTIONS,
    BUCKETS,
    CLUSTER,
    PLACE,
    REFUSED,
    REQUESTS,
    REVIEWED,
    UNUSED,
    WITHOUT_BUCKETS,
)

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "permissions.md"
RECORD = ROOT / "tests" / "support" / "recorded_requests.txt"


@dataclass(frozen=True)
class Place:
    """A bucket, and the beginning of keys in it ("": all of them)."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{self.bucket}/{self.prefix}"

    def within(self, other: "Place") -> bool:
        return self.bucket == other.bucket and self.prefix.startswith(other.prefix)


@dataclass(frozen=True, order=True)
class Permission:
    """One action on one resource under one condition, as one line of a policy would grant it."""

    action: str
    resource: str
    condition: str = ""


@cache
def matrix() -> dict[Place, dict[str, str]]:
    """BUCKETS by place and workload; workloads without a column have no letters."""
    header, *lines = BUCKETS.strip().splitlines()
    workloads = header.split()
    found = {}
    for line in lines:
        name, *cells = line.split()
        bucket, _, prefix = name.partition("/")
        letters = {workload: cell.strip("-") for workload, cell in zip(workloads, cells, strict=True)}
        found[Place(bucket, prefix)] = letters | dict.fromkeys(WITHOUT_BUCKETS, "")
    return found


def workloads() -> list[str]:
    return sorted(next(iter(matrix().values())))


def granted(workload: str, letter: str) -> list[Place]:
    """The places where the workload has the letter, without those within another of them."""
    places = [place for place, cells in matrix().items() if letter in cells[workload]]
    return [place for place in places if not any(place != other and place.within(other) for other in places)]


def rows_of(place: Place) -> str:
    """Where what may be deleted of a place begins: of a table its rows, by its first partition column."""
    is_table = any(other.prefix == f"{place.prefix}_delta_log/" for other in matrix())
    if not is_table:
        return place.prefix
    return f"{place.prefix}{'feed' if place.prefix.rstrip('/') in system_tables.SCHEMAS else 'dt'}="


def expected(workload: str, bucket_names: Mapping[str, str]) -> set[Permission]:
    """Everything that the table grants a workload."""
    found = set()
    for letter, actions in ACTIONS.items():
        for place in granted(workload, letter):
            arn = f"arn:aws:s3:::{bucket_names[place.bucket]}"
            if letter == "L":
                found.add(Permission(actions[0], arn, f"StringLike s3:prefix {place.prefix}*"))
            else:
                prefix = rows_of(place) if letter == "D" else place.prefix
                found |= {Permission(action, f"{arn}/{prefix}*") for action in actions}
    for line in REVIEWED:
        if workload in line.workloads:
            condition = "; ".join(conditions(line.condition))
            found |= {Permission(action, each, condition) for action in line.actions.split() for each in line.resources}
    return found


def conditions(condition: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for operator, tested in condition.items():
        for key, value in tested.items():
            yield f"{operator} {key} {value}"


_PARTS = {"Sid", "Effect", "Action", "Resource"}


def in_policy(policy: Mapping[str, list[Mapping[str, object]]]) -> set[Permission]:
    """Everything that a policy grants. Raise ValueError where a statement is no plain leave."""
    found = set()
    for statement in policy["Statement"]:
        if statement["Effect"] != "Allow" or set(statement) - {"Condition"} != _PARTS:
            raise ValueError(f"{statement} is no plain leave")
        tests = [""]
        if condition := statement.get("Condition"):
            assert isinstance(condition, Mapping)
            [(operator, tested)] = condition.items()
            [(key, values)] = tested.items()
            tests = [f"{operator} {key} {value}" for value in ([values] if isinstance(values, str) else values)]
        found |= {
            Permission(action, resource, test)
            for action in _strings(statement["Action"])
            for resource in _strings(statement["Resource"])
            for test in tests
        }
    return found


def _strings(value: object) -> Iterable[str]:
    assert isinstance(value, list)
    return value


# --- the record of a run ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, order=True)
class Requested:
    """A kind of request that a workload made: the first steps of the key, values of partitions left out."""

    workload: str
    action: str
    bucket: str
    prefix: str

    @property
    def letter(self) -> str:
        return next(letter for letter, actions in ACTIONS.items() if self.action in actions)

    @property
    def _key(self) -> str:
        return f"{self.prefix}/".lstrip("/")

    @property
    def place(self) -> Place:
        """The narrowest place of the table that it falls into."""
        matching = [place for place in matrix() if place.bucket == self.bucket and self._key.startswith(place.prefix)]
        return max(matching, key=lambda place: len(place.prefix))


def recorded(*, allowed: bool) -> set[Requested]:
    """What a run of the whole pipeline asked S3 for, and got or not: see tests/long/test_recorded_requests.py."""
    return parse_record(RECORD.read_text(), allowed=allowed)


def parse_record(record: str, *, allowed: bool) -> set[Requested]:
    lines = (line.split() for line in record.splitlines() if not line.startswith("#"))
    return {Requested(*fields) for verdict, *fields in lines if (verdict == "allowed") == allowed}


def record_of(file: Path) -> str:
    """What the emulated AWS recorded (`local.aws.recording`), as lines to commit."""
    lines = set()
    for line in map(json.loads, file.read_text().splitlines()):
        verdict = "allowed" if line["allowed"] else "refused"
        # Random names of objects would be other ones in every run.
        prefix = re.sub(r"/part-.+", "/part-", line["prefix"]) or "/"
        workload, bucket = (line[name].removeprefix(f"{CLUSTER}-") for name in ("role", "bucket"))
        lines.add(f"{verdict} {workload} {line['action']} {bucket} {prefix}")
    return "\n".join([*_RECORD_HEAD, *sorted(lines), ""])


_RECORD_HEAD = (
    "# What each workload asked S3 for in a run of the whole pipeline: `make record-requests` writes this anew.",
    "# verdict workload action bucket, and the first two steps of the key, values of partitions left out",
)


# --- the document ----------------------------------------------------------------------------------------------------


def document() -> str:
    """docs/permissions.md."""
    return "\n".join([*_preface(), *_buckets(), *_reviewed(), ""])


def _preface() -> list[str]:
    return [
        "# Who may do what",
        "",
        "<!-- Written by `make render` from tests/support/permissions_table.py: change that. -->",
        "",
        (
            "One role a workload, assumed with the token of exactly its service account and audience "
            "([roles](../terraform/modules/workload_identity/roles.tf)). What a role may do is the union of the two "
            "tables below, and nothing else: a test reads the policies back as Terraform has applied them, and "
            "compares ([test](../tests/integration/test_permissions.py))."
        ),
        "",
    ]


def _buckets() -> list[str]:
    columns = [workload for workload in workloads() if workload not in WITHOUT_BUCKETS]
    lines = [
        "## Buckets: tried",
        "",
        "Every letter is tried by real requests with the role's own credentials, and every gap is refused, by the "
        "emulated AWS that enforces IAM: "
        + "; ".join(f"**{letter}** {requests}" for letter, requests in REQUESTS.items())
        + f". {', '.join(WITHOUT_BUCKETS)} reach no bucket, and no workload changes a bucket, a version or a role.",
        "",
        f"| place | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
    ]
    for place, cells in matrix().items():
        name = f"`{place}`" if place.prefix else f"`{place.bucket}`, whole"
        lines.append(f"| {name} | {' | '.join(cells[column] for column in columns)} |")
    lines += [
        "",
        (
            "A run of the whole pipeline is recorded: what each workload asked S3 for, and got "
            "([record](../tests/support/recorded_requests.txt)). All of it stands above, and all that stands above is "
            "in it, but for:"
        ),
        "",
    ]
    lines += [f"- {workload}, {letters} of `{place}`: {why}" for (workload, letters, place), why in UNUSED.items()]
    lines += ["", "Asked for, and refused in good order:", ""]
    lines += [f"- {workload}, `{action}` of `{place}`: {why}" for (workload, action, place), why in REFUSED.items()]
    return [*lines, ""]


def _reviewed() -> list[str]:
    lines = [
        "## Everything else: reviewed",
        "",
        (
            "The emulated AWS enforces S3 and STS only. These are read by people, each with its reason; ARNs are those "
            "of the environment `local`, which names what it lacks."
        ),
        "",
        "| workload | may | on | if | why |",
        "|---|---|---|---|---|",
    ]
    for line in REVIEWED:
        cells = (
            ", ".join(line.workloads),
            "<br>".join(f"`{action}`" for action in line.actions.split()),
            "<br>".join(f"`{_short(resource)}`" for resource in line.resources),
            "<br>".join(f"`{test}`" for test in conditions(line.condition)),
            f"{line.why} [Source]({line.link})",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _short(arn: str) -> str:
    return arn.replace(f":{PLACE}:", ":…:").removeprefix("arn:aws:")


if __name__ == "__main__":
    DOCUMENT.write_text(document())
