"""The upstream charts that come with a Go module. Of all others only our values are here."""

import json
import shutil
import subprocess
from pathlib import Path

import yaml

from tests.support.manifests import ROOT

PINS = ROOT / "local" / "tools" / "manifests" / "crds.txt"
# By Application: the module, and where in it the chart is.
CHARTS = {
    "cert-manager": ("github.com/cert-manager/cert-manager", "deploy/charts/cert-manager"),
    "external-secrets": ("github.com/external-secrets/external-secrets", "deploy/charts/external-secrets"),
    "spark-operator": ("github.com/kubeflow/spark-operator/v2", "charts/spark-operator-chart"),
}
# Its makers put the kinds into the chart when they release it. Generators of secrets, two dozen more, have no use here.
KINDS_ADDED = {"external-secrets": ("config/crds/bases", "external-secrets.io_*.yaml")}


def module(path: str, version: str) -> Path:
    """The source of a Go module, with the checksum that `make lint` checks its kinds by. It must be of this version."""
    [pin] = [line.split() for line in PINS.read_text().splitlines() if line.startswith(f"{path} ")]
    assert pin[1].removeprefix("v") == version.removeprefix("v"), f"{PINS} has {path} {pin[1]}, the cluster {version}"
    command = ["go", "mod", "download", "-json", f"{path}@{pin[1]}"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    found = json.loads(run.stdout)
    assert found["Sum"] == pin[2], f"{path}@{version} is not what {PINS} pins"
    return Path(found["Dir"])


def unpack(application: str, version: str, target: Path) -> None:
    """Write an Application's chart as its makers release it at this version."""
    path, folder = CHARTS[application]
    source = module(path, version)
    _copy(source / folder, target)
    if application in KINDS_ADDED:
        kinds, pattern = KINDS_ADDED[application]
        _copy(source / kinds, target / "crds", pattern)
    description = yaml.safe_load((target / "Chart.yaml").read_text())
    # Charts of others, which our values switch off.
    description.pop("dependencies", None)
    (target / "Chart.lock").unlink(missing_ok=True)
    description |= {"version": version.removeprefix("v"), "appVersion": f"v{version.removeprefix('v')}"}
    (target / "Chart.yaml").write_text(yaml.safe_dump(description))


def _copy(source: Path, target: Path, pattern: str = "*") -> None:
    """Files alone: the module's own folders are read-only."""
    for file in (each for each in source.rglob(pattern) if each.is_file()):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
