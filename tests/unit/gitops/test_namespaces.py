"""What every namespace must keep its pods from."""

import re

import pytest

from tests.support.manifests import ENVIRONMENTS, applications, objects

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)

OURS = ("airflow", "tillstream")


def test_namespaces_are_restricted(environment: str):
    """Pod Security holds `restricted` in every namespace but the one whose pods read their hosts' numbers."""
    levels = {
        each["metadata"]["name"]: each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for each in objects(environment, "Namespace")
    }
    assert {name for name, level in levels.items() if level != "restricted"} == {"monitoring"}
    destinations = {each["spec"]["destination"]["namespace"] for each in applications(environment).values()}
    assert destinations <= levels.keys() | {"argocd", "kube-system"}


def test_nobody_talks_to_anybody_unless_it_is_written(environment: str):
    """Our namespaces deny all traffic in and out by default, and have a quota and default limits."""
    for namespace in OURS:
        found = [each for each in objects(environment) if each["metadata"].get("namespace") == namespace]
        default = next(each for each in found if each["metadata"]["name"] == "default-deny")
        assert default["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert {"ResourceQuota", "LimitRange"} <= {each["kind"] for each in found}


def test_pods_fit_their_quota(environment: str):
    """All streams and one batch run at once stay below the namespace's quota of memory."""
    quota = next(
        each for each in objects(environment, "ResourceQuota") if each["metadata"]["namespace"] == "tillstream"
    )["spec"]["hard"]
    asked = 0
    for each in objects(environment, "SparkApplication"):
        for role, count in (("driver", 1), ("executor", each["spec"]["executor"]["instances"])):
            part = each["spec"][role]
            asked += count * (_mebibytes(part["memory"]) + _mebibytes(part.get("memoryOverhead", "384m")))
    assert asked < _mebibytes(quota["limits.memory"])


def _mebibytes(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", size).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1, "Mi": 1, "g": 1024, "Gi": 1024}[unit]
