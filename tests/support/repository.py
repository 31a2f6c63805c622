"""This very repository, as Git gives it to Argo CD, with what a test must stand in for."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.support.charts import CHARTS, module, unpack
from tests.support.manifests import ROOT, Manifest, build

# Which kinds a chart would bring that cannot be had: those that something here is of.
KINDS = {
    "kube-prometheus-stack": [
        f"monitoring.coreos.com_{each}.yaml"
        for each in ("alertmanagerconfigs", "podmonitors", "prometheusrules", "scrapeconfigs", "servicemonitors")
    ]
}


class Repository:
    """A repository whose main is the working tree, on disk.

    Charts are taken from Go modules where they are in one. Each of the others (`stand_ins`) is replaced by a folder
    with the kinds of it that are used here and a ConfigMap of our values. Argo CD's own manifest, which the cluster
    fetches from its release, comes out of its module.
    """

    def __init__(self, directory: Path, environment: str) -> None:
        self.directory = directory
        self.environment = environment
        self.url = f"file://{directory}"
        self.stand_ins: list[str] = []
        for file in _working_tree():
            (directory / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, directory / file)
        self.git("init", "--quiet", "--initial-branch=main")
        self._bring_argo_cd()
        self._tell_where_it_is()
        self._bring_charts()
        self.commit("as it is, with stand-ins")

    def git(self, *arguments: str) -> None:
        # No hooks, signatures or templates of whoever runs the tests.
        own = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", "-c", "user.name=test", "-c", "user.email=test@example.com", *arguments]
        subprocess.run(command, cwd=self.directory, env={**os.environ, **own}, check=True)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def change(self, path: str, old: str, new: str) -> None:
        """Replace text in a file, which must be there, and commit."""
        file = self.directory / path
        text = file.read_text()
        assert old in text, f"{path} does not say {old!r}"
        file.write_text(text.replace(old, new))
        self.commit(f"change {path}")

    def render(self, folder: str) -> str:
        return yaml.safe_dump_all(build(self.directory / folder))

    def _bring_argo_cd(self) -> None:
        file = self.directory / "argocd" / "bootstrap" / "kustomization.yaml"
        text = file.read_text()
        [(address, version)] = re.findall(r"(https://\S+/(v\d+\.\d+\.\d+)/manifests/install\.yaml)", text)
        manifest = module("github.com/argoproj/argo-cd/v3", version) / "manifests" / "install.yaml"
        shutil.copyfile(manifest, file.parent / "upstream.yaml")
        file.write_text(text.replace(address, "upstream.yaml"))

    def _tell_where_it_is(self) -> None:
        file = self.directory / "argocd" / "overlays" / self.environment / "values" / "platform.yaml"
        platform = yaml.safe_load(file.read_text())
        platform["data"] |= {"repository_url": self.url, "revision": "main"}
        file.write_text(yaml.safe_dump(platform))

    def _bring_charts(self) -> None:
        folder = self.directory / "argocd" / "overlays" / self.environment / "apps"
        file = folder / "kustomization.yaml"
        kustomization = yaml.safe_load(file.read_text())
        for application in build(folder):
            if "sources" in application["spec"]:
                name = application["metadata"]["name"]
                change = self._chart(application) if name in CHARTS else self._stand_in(name)
                kustomization.setdefault("patches", []).append(
                    {"target": {"kind": "Application", "name": name}, "patch": json.dumps(change)}
                )
        file.write_text(yaml.safe_dump(kustomization))

    def _chart(self, application: Manifest) -> list[Manifest]:
        """Of an Application's two sources the first is a folder here; values and all else stay."""
        name, source = application["metadata"]["name"], application["spec"]["sources"][0]
        unpack(name, source["targetRevision"], self.directory / "charts" / name)
        return [
            {"op": "replace", "path": "/spec/sources/0/repoURL", "value": self.url},
            {"op": "replace", "path": "/spec/sources/0/targetRevision", "value": "main"},
            {"op": "remove", "path": "/spec/sources/0/chart"},
            {"op": "add", "path": "/spec/sources/0/path", "value": f"charts/{name}"},
        ]

    def _stand_in(self, name: str) -> list[Manifest]:
        self.stand_ins.append(name)
        folder = self.directory / "stand-ins" / name
        folder.mkdir(parents=True)
        for kind in KINDS.get(name, []):
            shutil.copy(ROOT / ".tools" / "crds" / kind, folder)
        shutil.copy(self.directory / "argocd" / "apps" / name / "values.yaml", folder / "values.txt")
        content = {
            "resources": KINDS.get(name, []),
            "configMapGenerator": [{"name": f"stand-in-{name}", "files": ["values.txt"]}],
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
        source = {"repoURL": self.url, "targetRevision": "main", "path": f"stand-ins/{name}"}
        return [{"op": "remove", "path": "/spec/sources"}, {"op": "add", "path": "/spec/source", "value": source}]


def _working_tree() -> Iterator[Path]:
    """Every file that Git has or would take."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    yield from (Path(each) for each in listed if each and (ROOT / each).is_file())
