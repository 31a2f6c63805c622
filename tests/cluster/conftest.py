"""One cluster for all of these tests, which Argo CD has synced from this repository: a minute or two."""

import json
import shutil
from collections.abc import Iterator
from functools import partial

import pytest

from local.authority import Authority
from local.aws.account import Account
from local.aws.provision import Provisioning
from local.beside import meanwhile
from stores.files import write_private
from tests.support import hands
from tests.support.argo_cd import ArgoCD, Watch, await_settled
from tests.support.cluster import ISSUER, Cluster
from tests.support.platform import Cloud
from tests.support.repository import Repository
from tests.support.waiting import wait_for

ENVIRONMENT = "dev"
# Two minutes of processor time; the rest is for machines that have other work, and for the root, which waits longer
# before each further try where an Application was not well for a moment.
SYNC_SECONDS = 1800
COUNT_SECONDS = 300


def pytest_sessionstart() -> None:
    """Say what is missing before anything starts."""
    if shutil.which("go") is None:
        pytest.exit("The tests of the cluster need Go: it builds the cluster and fetches its charts.", returncode=2)


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"), ENVIRONMENT)


@pytest.fixture(scope="session")
def bootstrapped(tmp_path_factory: pytest.TempPathFactory, repository: Repository) -> Iterator[Cluster]:
    """The first of the two applies of docs/gitops.md: Argo CD's kinds and settings. Nothing follows from it yet."""
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        cluster.apply(repository.render("argocd/bootstrap"))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=300s")
        # Argo CD's web server, which has no pod here, would draw it.
        secret = {"stringData": {"server.secretkey": "of no server"}}
        cluster.kubectl("patch", "secret", "argocd-secret", "--namespace=argocd", f"--patch={json.dumps(secret)}")
        yield cluster


@pytest.fixture(scope="session")
def history(bootstrapped: Cluster, repository: Repository) -> Iterator[Watch]:
    """The second apply, of the root, and what happened until everything that follows from it was settled."""
    with ArgoCD(bootstrapped), meanwhile(partial(hands.report, bootstrapped)):
        watch = Watch(bootstrapped)
        watch.begin()
        with meanwhile(watch.follow):
            bootstrapped.apply(repository.render(f"argocd/overlays/{ENVIRONMENT}/root"))
            await_settled(bootstrapped, SYNC_SECONDS)
        yield watch


@pytest.fixture(scope="session")
def cluster(bootstrapped: Cluster, history: Watch) -> Cluster:
    """The cluster as Git has it, while Argo CD keeps it so."""
    del history
    # Nobody's pod is judged before: the quota controller goes at its own pace.
    wait_for(lambda: _quotas_are_counted(bootstrapped), COUNT_SECONDS, "a status of every quota")
    return bootstrapped


def _quotas_are_counted(cluster: Cluster) -> bool:
    found = cluster.get("/api/v1/resourcequotas")["items"]
    return all(each.get("status", {}).get("hard", {}).keys() == each["spec"]["hard"].keys() for each in found)


@pytest.fixture(scope="session")
def trusting(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The emulated AWS with Terraform's roles, its STS given the keys that this cluster publishes."""
    directory = tmp_path_factory.mktemp("cloud")
    account = Account(directory / "aws", Authority.create(directory / "authority"))
    account.issuer.url = ISSUER
    write_private(account.issuer.jwks_file, json.dumps(cluster.get("/openid/v1/jwks")))
    account.start()
    try:
        with Provisioning(account, directory / "terraform") as provisioning:
            yield Cloud(account, provisioning, provisioning.outputs(), None)
    finally:
        account.stop()
