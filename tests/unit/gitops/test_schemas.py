"""Every object is of a kind that Kubernetes or an operator knows, and has no field that they do not."""

import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.manifests import ENVIRONMENTS, KUSTOMIZE, ROOT, build, overlays

SCHEMAS = ROOT / ".tools" / "schemas"
FOLDERS = [
    *(folder for environment in ENVIRONMENTS for folder in overlays(environment)),
    ROOT / "argocd" / "overlays" / "local",
    ROOT / "alerts",
]


def kubeconform(manifests: str) -> subprocess.CompletedProcess[str]:
    location = f"{SCHEMAS}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    command = [ROOT / ".tools" / "bin" / "kubeconform", "-strict", "-summary", "-schema-location", location]
    return subprocess.run(command, input=manifests, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_objects_fit_their_schemas(folder: Path):
    """Kubeconform accepts every object strictly, against the schemas of the versions that run on the cluster."""
    # Strimzi's kinds are in no Go module.
    known = [each for each in build(folder) if not each["apiVersion"].startswith("kafka.strimzi.io/")]
    run = kubeconform(yaml.safe_dump_all(known))
    assert run.returncode == 0, run.stdout
    assert "Invalid: 0, Errors: 0, Skipped: 0" in run.stdout


@pytest.mark.parametrize("wrong", ["suspended: true", "suspend: 7"])
def test_a_wrong_field_is_found(wrong: str):
    """A field of a custom resource that does not exist, or is of another type, is refused."""
    built = subprocess.run([KUSTOMIZE, "build", FOLDERS[-2]], capture_output=True, text=True, check=True).stdout
    run = kubeconform(built.replace("suspend: true", wrong))
    assert run.returncode == 1
    assert f"Invalid: {built.count('kind: SparkApplication')}" in run.stdout
