"""What every pod of ours must be, whoever writes it."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml

from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, applications, objects, reference, values

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)

DIGEST = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")
# Pods that are ours: the rest comes out of charts, whose values say the same where the charts let them.
Pod = tuple[str, Manifest, list[Manifest]]


def pods(environment: str) -> Iterator[Pod]:
    """Each kind of pod that is ours: what it is, its pod-wide settings, its containers."""
    for each in objects(environment, "Job", "Deployment"):
        spec = each["spec"]["template"]["spec"]
        yield reference(each), spec, spec["containers"]
    template = yaml.safe_load(values("airflow")["podTemplate"])["spec"]
    yield "podTemplate of airflow", template, template["containers"]
    for each in objects(environment, "SparkApplication"):
        for role in ("driver", "executor"):
            part = each["spec"][role]
            spec = {**part, "securityContext": part["podSecurityContext"], "serviceAccountName": part["serviceAccount"]}
            # Spark makes the memory it asks for the limit, too.
            resources = {"limits": {"memory": part["memory"]}, "requests": {"cpu": part["cores"]}}
            container = {"image": each["spec"]["image"], "resources": resources, "volumeMounts": part["volumeMounts"]}
            yield f"{reference(each)} {role}", spec, [container | {"securityContext": part["securityContext"]}]


def test_pods_are_restricted(environment: str):
    """A pod runs as an ordinary user without capabilities, cannot become another, and its system calls are filtered."""
    for name, pod, containers in pods(environment):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] >= 10000, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name


def test_pods_write_only_where_they_must(environment: str):
    """Our own pods have a read-only root; what they write goes to volumes that are bounded in size."""
    for name, _, containers in pods(environment):
        # Airflow writes below its own home while it starts.
        if name != "podTemplate of airflow":
            assert all(each["securityContext"]["readOnlyRootFilesystem"] is True for each in containers), name
            assert all(any(mount["mountPath"] == "/tmp" for mount in each["volumeMounts"]) for each in containers), name  # noqa: S108 - a mount
    for each in objects(environment, "Job", "Deployment", "SparkApplication"):
        spec = each["spec"].get("template", {}).get("spec", each["spec"])
        for volume in spec["volumes"]:
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], reference(each)


def test_pods_are_limited(environment: str):
    """Every container asks for processor and memory, and is stopped at a limit of memory."""
    for name, _, containers in pods(environment):
        for container in containers:
            assert container["resources"]["requests"]["cpu"], name
            assert container["resources"]["limits"]["memory"], name


def test_images_are_named_by_digest(environment: str):
    """What runs is what was built and scanned: no tag, least of all `latest`, decides it."""
    for name, _, containers in pods(environment):
        for container in containers:
            if name != "podTemplate of airflow":
                assert DIGEST.fullmatch(container["image"]), name
    assert "@{{ .Values.images.airflow.digest }}" in values("airflow")["podTemplate"]
    given = applications(environment)["airflow"]["spec"]["sources"][0]["helm"]["valuesObject"]["images"]["airflow"]
    assert DIGEST.fullmatch(f"{given['repository']}@{given['digest']}")


def test_nothing_is_called_latest(environment: str):
    """No image, chart or revision floats: `latest`, `*`, ranges and HEAD are nowhere."""
    for name, application in applications(environment).items():
        for source in application["spec"].get("sources", []):
            if "chart" in source:
                assert re.fullmatch(r"v?\d+\.\d+\.\d+", source["targetRevision"]), name
    for each in objects(environment):
        assert ":latest" not in json.dumps(each), reference(each)
    for file in (ROOT / "argocd").rglob("*.yaml"):
        assert not re.search(r"latest|HEAD", file.read_text()), file


def test_pods_run_as_declared_accounts(environment: str):
    """Every pod names a service account that Git declares, and only those that need the API get its token."""
    declared = {
        each["metadata"]["name"]: each["automountServiceAccountToken"]
        for each in objects(environment, "ServiceAccount")
    }
    for name, pod, _ in pods(environment):
        assert pod["serviceAccountName"] in declared, name
    bound = {subject["name"] for each in objects(environment, "RoleBinding") for subject in each["subjects"]}
    # No pod runs as this one: External Secrets asks for its token.
    bound -= {"kafka-brokers"}
    assert {name for name, token in declared.items() if token} == bound
