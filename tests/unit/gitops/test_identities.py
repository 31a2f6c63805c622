"""Who the accounts of the cluster are on AWS, and what they may do in it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, applications, objects, reference, values

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)


def test_service_accounts_are_who_terraform_trusts(environment: str):
    """Each service account that bears a role's ARN is one that Terraform's trust policies name, and the other way."""
    source = (ROOT / "terraform" / "modules" / "workload_identity" / "workloads.tf").read_text()
    pattern = r"^\s+([a-z-]+)\s+= \{ namespace = (?:var\.namespaces\.(\w+)|\"([a-z-]+)\"), name = \"([a-z-]+)\" \}"
    trusted = {
        (named or {"platform": "tillstream"}.get(variable, variable.replace("_", "-")), account): workload
        for workload, variable, named, account in re.findall(pattern, source, re.MULTILINE)
    }
    assert trusted, "the accounts in workloads.tf are written in another way than this test reads"
    for (namespace, account), arn in _role_arns(environment).items():
        assert arn.endswith(f"-{trusted[namespace, account]}"), (namespace, account)
    # Terraform gives these two to EKS's addons itself.
    by_addon = {"ebs-csi", "vpc-cni"}
    assert set(trusted.values()) - by_addon == {trusted[each] for each in _role_arns(environment)}


def test_roles_name_verbs_and_resources(environment: str):
    """No role of ours says `*`, and each is bound to a service account that exists."""
    accounts = {
        (each["metadata"]["namespace"], each["metadata"]["name"]) for each in objects(environment, "ServiceAccount")
    }
    for each in objects(environment, "Role", "ClusterRole"):
        assert "*" not in json.dumps(each["rules"]), reference(each)
    for each in objects(environment, "RoleBinding", "ClusterRoleBinding"):
        for subject in each["subjects"]:
            assert (subject["namespace"], subject["name"]) in accounts, reference(each)


def test_pods_are_made_by_drivers_and_the_scheduler_only(environment: str):
    """Whoever makes pods in a namespace may be each of its accounts: that is a driver among its own, and Airflow's
    scheduler, for tasks. Airflow's chart would give it to every task, and the way into running pods with it. Nobody
    goes into one.
    """
    assert values("airflow")["allowPodLaunching"] is False
    roles = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in objects(environment, "Role")}
    makers: dict[str, set[str]] = {}
    for binding in objects(environment, "RoleBinding"):
        namespace = binding["metadata"]["namespace"]
        for rule in roles[namespace, binding["roleRef"]["name"]]["rules"]:
            assert not {"pods/exec", "pods/attach", "pods/portforward"} & set(rule["resources"])
            if "pods" in rule["resources"] and "create" in rule["verbs"]:
                makers.setdefault(namespace, set()).update(each["name"] for each in binding["subjects"])
    assert makers == {
        "airflow": {"airflow-scheduler"},
        "tillstream": {"airflow-scheduler", "spark-batch", "spark-ingest"},
    }


def _role_arns(environment: str) -> dict[tuple[str, str], str]:
    """Each service account with a role's ARN, whether Git declares it or a chart makes it."""
    key = "eks.amazonaws.com/role-arn"
    found = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each["metadata"]["annotations"][key]
        for each in objects(environment, "ServiceAccount")
        if key in each["metadata"].get("annotations", {})
    }
    for name, application in applications(environment).items():
        for source in application["spec"].get("sources", []):
            given = source.get("helm", {}).get("valuesObject", {})
            for path, account in _accounts(given):
                named: Any = values(name)
                for part in path:
                    named = named[part]
                found[application["spec"]["destination"]["namespace"], named["name"]] = account["annotations"][key]
    return found


def _accounts(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Manifest]]:
    if isinstance(given, dict):
        for key, value in given.items():
            if key == "serviceAccount":
                yield (*path, key), value
            else:
                yield from _accounts(value, (*path, key))
