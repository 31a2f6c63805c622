"""Argo CD syncs this very repository: in order, healing, pruning, and leaving to Airflow what is Airflow's.

What is stood in for: the charts named by `Repository.stand_ins` (their kinds are the real ones, their workloads are
not there), and whoever would run pods or fetch secrets (`Hands`). Everything else is as on EKS.
"""

import json
import subprocess
import time
from typing import Any

import pytest

from tests.cluster.conftest import ENVIRONMENT
from tests.support.cluster import BIN, Cluster, Repository, Watch
from tests.support.manifests import Manifest
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)

ARGO = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
STREAMS = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/tillstream/sparkapplications"
RULES = "/apis/monitoring.coreos.com/v1/namespaces/monitoring/prometheusrules"
MERGE = {"Content-Type": "application/merge-patch+json"}
SYNC_SECONDS = 300
HEAL_SECONDS = 60


def state(application: Manifest) -> tuple[str, str]:
    status = application.get("status", {})
    return status.get("sync", {}).get("status", ""), status.get("health", {}).get("status", "")


def wave(application: Manifest) -> int:
    return int(application["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0"))


def applications(cluster: Cluster) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in cluster.get(ARGO)["items"]}


def all_synced(cluster: Cluster) -> bool:
    found = applications(cluster)
    return "streams" in found and {state(each) for each in found.values()} == {("Synced", "Healthy")}


@pytest.fixture(scope="module", autouse=True)
def everything(bootstrapped: Cluster, synced: Watch) -> Watch:
    """All Applications are synced and healthy, from one apply of the root."""

    def told() -> str:
        return json.dumps(
            {
                name: (state(each), each.get("status", {}).get("conditions"), _failed(each))
                for name, each in applications(bootstrapped).items()
                if state(each) != ("Synced", "Healthy")
            },
            indent=1,
        )

    try:
        wait_for(lambda: all_synced(bootstrapped), SYNC_SECONDS, "everything synced and healthy")
    except TimeoutError as error:
        raise AssertionError(told()) from error
    return synced


def test_every_application_is_there(bootstrapped: Cluster, repository: Repository):
    """The root has made what the environment's folder renders; these charts had to be stood in for."""
    assert set(applications(bootstrapped)) == {
        "root",
        "airflow",
        "argo-cd",
        "cert-manager",
        "cloudwatch-exporter",
        "cluster-autoscaler",
        "dashboards",
        "external-secrets",
        "foundation",
        "kube-prometheus-stack",
        "paging",
        "rules",
        "secrets",
        "spark-operator",
        "streams",
        "topics",
        "watching",
    }
    assert repository.stand_ins == [
        "airflow",
        "cert-manager",
        "cloudwatch-exporter",
        "cluster-autoscaler",
        "external-secrets",
        "kube-prometheus-stack",
        "spark-operator",
    ]


def test_waves_wait_for_health(everything: Watch):
    """No Application comes before all of the earlier waves are synced and healthy."""
    seen: dict[str, Manifest] = {}
    orders = 0
    for kind, application in everything.events():
        name = application["metadata"]["name"]
        if kind == "ADDED" and name != "root" and name not in seen:
            for other in seen.values():
                if other["metadata"]["name"] != "root" and wave(other) < wave(application):
                    orders += 1
                    assert state(other) == ("Synced", "Healthy"), (other["metadata"]["name"], name)
        seen[name] = application
    assert orders > 30


def test_topics_were_applied(bootstrapped: Cluster):
    """The job of the topics ran in the sync, on the contracts of this revision."""
    job = bootstrapped.get("/apis/batch/v1/namespaces/tillstream/jobs/topics-apply")
    [contracts] = [each["configMap"] for each in job["spec"]["template"]["spec"]["volumes"] if "configMap" in each]
    bootstrapped.get(f"/api/v1/namespaces/tillstream/configmaps/{contracts['name']}")


def test_a_change_by_hand_is_healed(bootstrapped: Cluster):
    """What somebody changes in the cluster is put back to what Git says."""
    path = "/api/v1/namespaces/tillstream/configmaps/platform"
    before = bootstrapped.get(path)["data"]
    with bootstrapped.client() as client:
        client.patch(path, json={"data": {"TILLSTREAM_LAKE_URI": "s3://elsewhere"}}, headers=MERGE).raise_for_status()
    wait_for(lambda: bootstrapped.get(path)["data"] == before, HEAL_SECONDS, "the ConfigMap as in Git")


def test_a_widened_role_is_healed(bootstrapped: Cluster):
    """A right that somebody gives by hand is taken away again."""
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/tillstream/roles/airflow-streams"
    before = bootstrapped.get(path)["rules"]
    wide = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    with bootstrapped.client() as client:
        client.patch(path, json={"rules": wide}, headers=MERGE).raise_for_status()
    wait_for(lambda: bootstrapped.get(path)["rules"] == before, HEAL_SECONDS, "the role as in Git")


def test_a_deleted_object_is_restored(bootstrapped: Cluster):
    """What somebody deletes comes back, as another object of the same name."""
    path = "/apis/networking.k8s.io/v1/namespaces/tillstream/networkpolicies/default-deny"
    before = bootstrapped.get(path)["metadata"]["uid"]

    def back() -> bool:
        with bootstrapped.client() as client:
            answer = client.get(path)
        return answer.status_code == 200 and answer.json()["metadata"]["uid"] != before

    with bootstrapped.client() as client:
        client.delete(path).raise_for_status()
    wait_for(back, HEAL_SECONDS, "the network policy again")


def test_a_started_stream_stays_started(bootstrapped: Cluster, repository: Repository):
    """Airflow starts a stream; a commit that changes its image is synced, and the stream is not stopped by it."""
    path = f"{STREAMS}/ingest"
    with bootstrapped.client(bootstrapped.account_token("airflow", "airflow")) as airflow:
        airflow.patch(path, json={"spec": {"suspend": False}}, headers=MERGE).raise_for_status()
    digest = "1" * 64
    file = f"argocd/overlays/{ENVIRONMENT}/values/images.yaml"
    repository.change(file, f"  spark: sha256:{'0' * 64}", f"  spark: sha256:{digest}")
    wait_for(lambda: digest in bootstrapped.get(path)["spec"]["image"], HEAL_SECONDS, "the new image")
    wait_for(lambda: all_synced(bootstrapped), HEAL_SECONDS, "everything synced")
    assert bootstrapped.get(path)["spec"]["suspend"] is False
    assert bootstrapped.get(f"{STREAMS}/rollup")["spec"]["suspend"] is True


def test_every_other_field_is_gits(bootstrapped: Cluster):
    """Only `suspend` is Airflow's: a changed number of executors is put back, and `suspend` stays."""
    path = f"{STREAMS}/ingest"
    with bootstrapped.client(bootstrapped.account_token("airflow", "airflow")) as airflow:
        changed = {"spec": {"suspend": False, "executor": {"instances": 50}}}
        airflow.patch(path, json=changed, headers=MERGE).raise_for_status()
    wait_for(lambda: bootstrapped.get(path)["spec"]["executor"]["instances"] == 1, HEAL_SECONDS, "one executor")
    assert bootstrapped.get(path)["spec"]["suspend"] is False


def test_a_removed_rule_is_pruned(bootstrapped: Cluster, repository: Repository):
    """A rule file that a commit removes is removed from the cluster, and others stay."""
    names = {each["metadata"]["name"] for each in bootstrapped.get(RULES)["items"]}
    assert "argocd" in names
    rule = (repository.directory / "alerts" / "argocd.yaml").read_text()
    (repository.directory / "alerts" / "second.yaml").write_text(rule.replace("name: argocd", "name: second"))
    repository.change("alerts/kustomization.yaml", "  - argocd.yaml\n", "  - argocd.yaml\n  - second.yaml\n")
    wait_for(lambda: _rules(bootstrapped) == names | {"second"}, HEAL_SECONDS, "the second rule")
    repository.change("alerts/kustomization.yaml", "  - argocd.yaml\n  - second.yaml\n", "  - second.yaml\n")
    wait_for(lambda: _rules(bootstrapped) == (names - {"argocd"}) | {"second"}, HEAL_SECONDS, "the first rule gone")


def test_a_contract_that_changes_is_applied(bootstrapped: Cluster, repository: Repository):
    """A changed contract is another ConfigMap, and the job of the topics runs again on it."""
    path = "/apis/batch/v1/namespaces/tillstream/jobs/topics-apply"
    before = bootstrapped.get(path)["metadata"]["uid"]
    repository.change("contracts/store.operations.odcs.yaml", 'retention.ms: "604800000"', 'retention.ms: "604800001"')

    def again() -> bool:
        with bootstrapped.client() as client:
            answer = client.get(path)
        return answer.status_code == 200 and answer.json()["metadata"]["uid"] != before

    wait_for(again, HEAL_SECONDS, "another run of the job")


@pytest.mark.parametrize(
    ("status", "suspend", "health"),
    [
        ({}, True, "Healthy"),
        ({}, False, "Progressing"),
        ({"applicationState": {"state": "SUSPENDED"}}, True, "Healthy"),
        ({"applicationState": {"state": "SUSPENDING"}}, True, "Progressing"),
        ({"applicationState": {"state": "SUBMITTED"}}, False, "Progressing"),
        ({"applicationState": {"state": "RUNNING"}}, False, "Healthy"),
        ({"applicationState": {"state": "PENDING_RERUN"}}, False, "Progressing"),
        ({"applicationState": {"state": "FAILING", "errorMessage": "exit code 1"}}, False, "Progressing"),
        ({"applicationState": {"state": "COMPLETED"}}, False, "Healthy"),
        ({"applicationState": {"state": "FAILED"}}, False, "Degraded"),
    ],
)
def test_a_streams_state_is_its_health(
    bootstrapped: Cluster,
    repository: Repository,
    status: dict[str, Any],
    suspend: bool,  # noqa: FBT001 - a column of the table
    health: str,
):
    """Argo CD, by the script in its settings, takes each state of a SparkApplication for what it is."""
    found = bootstrapped.get(f"{STREAMS}/rollup")
    found["status"], found["spec"]["suspend"] = status, suspend
    file = repository.directory.parent / f"{health}-{time.monotonic_ns()}.json"
    file.write_text(json.dumps(found))
    settings = bootstrapped.kubectl("get", "configmap", "argocd-cm", "--namespace=argocd", "--output=yaml")
    (file.parent / "argocd-cm.yaml").write_text(settings)
    command = ["admin", "settings", "resource-overrides", "health", str(file)]
    run = subprocess.run(
        [
            BIN / "argocd",
            *command,
            f"--argocd-cm-path={file.parent / 'argocd-cm.yaml'}",
            "--load-cluster-settings=false",
        ],
        env=bootstrapped.environment | {"HOME": str(file.parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"STATUS: {health}" in run.stdout, run.stdout + run.stderr


def _rules(cluster: Cluster) -> set[str]:
    return {each["metadata"]["name"] for each in cluster.get(RULES)["items"]}


def _failed(application: Manifest) -> object:
    operation = application.get("status", {}).get("operationState", {})
    wrong = [
        (each["kind"], each["name"], each.get("message"))
        for each in operation.get("syncResult", {}).get("resources", [])
        if each.get("status") not in {"Synced", "Pruned"}
    ]
    return operation.get("message"), wrong
