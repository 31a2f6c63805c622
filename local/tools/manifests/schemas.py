"""Schemas for kubeconform, so that it needs no network: Kubernetes' own kinds and the custom ones the manifests use.

    schemas.py OUTPUT

writes OUTPUT/schemas/<kind>-<group>-<version>.json and OUTPUT/crds/*.yaml. Kubernetes' kinds come from the package
kubernetes-validate, the custom ones out of the Go modules in crds.txt, each checked against its checksum there.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

HERE = Path(__file__).parent
# The cluster's minor version: module kubernetes, variable kubernetes_version.
KUBERNETES = "1.35.0"
CORE = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{KUBERNETES}-local-strict"
REFERENCE = re.compile(r'"(?:/api/_definitions\.json)?#/\$defs/([^"]+)"')


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML in which a lone `=` is a word, as Kubernetes reads it."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda _, node: node.value)


def custom_resources() -> Iterator[Path]:
    """The files of custom resources in the pinned modules."""
    for line in (HERE / "crds.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        module, version, checksum, folder = line.split()
        command = ["go", "mod", "download", "-json", f"{module}@{version}"]
        found = json.loads(subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False).stdout)
        if found.get("Error") or found["Sum"] != checksum:
            sys.exit(
                f"{module}@{version} is {found.get('Error') or found['Sum']}, not {checksum}: look before you pin it."
            )
        yield from sorted(
            file for file in (Path(found["Dir"]) / folder).glob("*.yaml") if file.name != "kustomization.yaml"
        )


def closed(schema: object) -> None:
    """Let a schema of a custom resource refuse what the API server would drop without a word."""
    if isinstance(schema, list):
        for each in schema:
            closed(each)
    if not isinstance(schema, dict):
        return
    if schema.pop("x-kubernetes-int-or-string", None):
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        schema.setdefault("additionalProperties", False)
    for each in schema.values():
        closed(each)


def write_custom(file: Path, schemas: Path) -> None:
    for resource in yaml.load_all(file.read_text(encoding="utf-8"), Loader):
        if not resource or resource.get("kind") != "CustomResourceDefinition":
            continue
        spec = resource["spec"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            closed(schema)
            schema.setdefault("properties", {}).update(
                {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
            )
            name = f"{spec['names']['kind']}-{spec['group'].split('.')[0]}-{version['name']}.json".lower()
            (schemas / name).write_text(json.dumps(schema))


def write_core(schemas: Path) -> None:
    """Each kind with the definitions it needs, so that a file stands by itself."""
    definitions = json.loads((CORE / "_definitions.json").read_text())["$defs"]
    for file in CORE.glob("[a-z]*.json"):
        text = file.read_text()
        needed: dict[str, Any] = {}
        open_names = REFERENCE.findall(text)
        while open_names:
            if (name := open_names.pop()) not in needed:
                needed[name] = definitions[name]
                open_names += REFERENCE.findall(json.dumps(definitions[name]))
        whole = {**json.loads(text), "$defs": needed}
        (schemas / file.name).write_text(REFERENCE.sub(r'"#/$defs/\1"', json.dumps(whole)))


def main(output: Path) -> None:
    schemas, crds = output / "schemas", output / "crds"
    for folder in (schemas, crds):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    write_core(schemas)
    for file in custom_resources():
        shutil.copyfile(file, crds / file.name)
        write_custom(file, schemas)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
