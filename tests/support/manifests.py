"""What Argo CD would apply: overlays rendered by kustomize."""

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
KUSTOMIZE = ROOT / ".tools" / "bin" / "kustomize"
ENVIRONMENTS = ("dev", "prod")
Manifest = dict[str, Any]


def overlays(environment: str, root: Path = ROOT) -> list[Path]:
    """The folders of an environment that Argo CD, or the first person, applies."""
    found = sorted((root / "argocd" / "overlays" / environment).glob("*/kustomization.yaml"))
    return [each.parent for each in found if each.parent.name != "values"]


def build(folder: Path) -> list[Manifest]:
    """Every object that kustomize makes of a folder."""
    built = subprocess.run([KUSTOMIZE, "build", folder], capture_output=True, text=True, check=False)
    assert built.returncode == 0, f"{folder}: {built.stderr}"
    return list(yaml.safe_load_all(built.stdout))


@cache
def rendered(environment: str) -> dict[str, list[Manifest]]:
    """The objects of an environment by the name of their overlay, and those of the folders that all share."""
    made = {folder.name: build(folder) for folder in overlays(environment)}
    return {**made, "rules": build(ROOT / "alerts"), "dashboards": build(ROOT / "dashboards")}


def objects(environment: str, *kinds: str) -> Iterator[Manifest]:
    """The objects of an environment of these kinds, or all."""
    for manifests in rendered(environment).values():
        yield from (each for each in manifests if not kinds or each["kind"] in kinds)


def applications(environment: str) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in objects(environment, "Application")}


def values(application: str) -> Manifest:
    """The values file of a chart's Application."""
    found: Manifest = yaml.safe_load((ROOT / "argocd" / "apps" / application / "values.yaml").read_text())
    return found


def reference(manifest: Manifest) -> str:
    """Kind, namespace and name, as people write them."""
    metadata = manifest["metadata"]
    return "/".join(filter(None, (manifest["kind"], metadata.get("namespace"), metadata["name"])))


def wave(manifest: Manifest) -> int:
    """When Argo CD applies it: after all of the same sync with a lower number."""
    return int(manifest["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0"))
