"""One cluster for all of these tests: it takes seconds to start and a minute to sync."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest
import yaml

from tests.support.cluster import ArgoCD, Cluster, Hands, Repository, Watch
from tests.support.manifests import ROOT, build

ENVIRONMENT = "dev"


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"), ENVIRONMENT)


@pytest.fixture(scope="session")
def bootstrapped(cluster: Cluster, repository: Repository) -> Cluster:
    """The first of the two applies: Argo CD's kinds and settings, as docs/gitops.md says."""
    cluster.apply(repository.render("argocd/bootstrap"))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    # Argo CD's web server would draw it.
    secret = {"stringData": {"server.secretkey": "of no server"}}
    cluster.kubectl("patch", "secret", "argocd-secret", "--namespace=argocd", f"--patch={json.dumps(secret)}")
    return cluster


@pytest.fixture(scope="session")
def declared(bootstrapped: Cluster) -> Cluster:
    """The kinds of operators, and the namespaces with what guards them; nothing of it is Argo CD's."""
    for file in sorted((ROOT / ".tools" / "crds").glob("*.yaml")):
        if not file.name.startswith(("application", "appproject")):
            bootstrapped.apply(file.read_text())
    bootstrapped.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    bootstrapped.apply(yaml.safe_dump_all(build(ROOT / "argocd" / "overlays" / "dev" / "foundation")))
    return bootstrapped


@pytest.fixture(scope="session")
def synced(bootstrapped: Cluster, repository: Repository) -> Iterator[Watch]:
    """The second apply, and everything that follows from it by itself: ended when the tests are."""
    with ArgoCD(bootstrapped), Hands(bootstrapped), Watch(bootstrapped) as watch:
        bootstrapped.apply(repository.render(f"argocd/overlays/{ENVIRONMENT}/root"))
        yield watch


@pytest.fixture(autouse=True)
def quiet_git(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hooks and no settings of the user's own."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)


def pytest_sessionstart() -> None:
    """Say what is missing before anything starts."""
    if subprocess.run(["go", "version"], capture_output=True, check=False).returncode:
        pytest.exit("the cluster's tests need Go, to build the cluster: see CONTRIBUTING.md", returncode=2)
