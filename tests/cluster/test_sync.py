"""Argo CD syncs this very repository: in order, healing, pruning, and leaving to Airflow what is Airflow's.

What is stood in for: the charts named by `Repository.stand_ins` (their kinds are the real ones, their workloads are
not there), who would answer the charts' webhooks, and who would run pods or fetch secrets (`hands`). All else is as on
EKS.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.conftest import ENVIRONMENT
from tests.support.airflow_program import run_as_airflow
from tests.support.argo_cd import SETTLED, Watch, applications, await_settled, state, unsettled
from tests.support.cluster import BIN, MERGE, Cluster
from tests.support.manifests import wave
from tests.support.repository import Repository
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(3600)

STREAMS = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/tillstream/sparkapplications"
RULES = "/apis/monitoring.coreos.com/v1/namespaces/monitoring/prometheusrules"
JOB = "/apis/batch/v1/namespaces/tillstream/jobs/topics-apply"
# Argo CD waits longer before each further repair of one Application.
HEAL_SECONDS = 600


def test_every_application_is_there(cluster: Cluster, repository: Repository):
    """The root has made what the environment's folder renders; these charts had to be stood in for."""
    assert set(applications(cluster)) == {
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
    assert repository.stand_ins == ["airflow", "cloudwatch-exporter", "cluster-autoscaler", "kube-prometheus-stack"]


def test_waves_wait_for_each_other(history: Watch):
    """No Application comes before all of the earlier waves were in sync, healthy, and through with their hooks."""
    waves: dict[str, int] = {}
    settled = set()
    for kind, application in history.events():
        name = application["metadata"]["name"]
        if name == "root":
            continue
        if kind == "ADDED" and name not in waves:
            waves[name] = wave(application)
            assert {other for other in waves if waves[other] < waves[name]} <= settled, name
        if state(application) == SETTLED:
            settled.add(name)
    assert list(waves.values()) == sorted(waves.values())
    assert len(set(waves.values())) == 8


def test_topics_were_applied(cluster: Cluster):
    """The job of the topics ran in the sync, on the contracts of this revision."""
    job = cluster.get(JOB)
    [contracts] = [each["configMap"] for each in job["spec"]["template"]["spec"]["volumes"] if "configMap" in each]
    cluster.get(f"/api/v1/namespaces/tillstream/configmaps/{contracts['name']}")


def test_a_change_by_hand_is_healed(cluster: Cluster):
    """What somebody changes in the cluster is put back to what Git says."""
    path = "/api/v1/namespaces/tillstream/configmaps/platform"
    before = cluster.get(path)["data"]
    cluster.patch(path, {"data": {"TILLSTREAM_LAKE_URI": "s3://elsewhere"}})
    wait_for(lambda: cluster.get(path)["data"] == before, HEAL_SECONDS, "the ConfigMap as in Git")


def test_a_widened_role_is_healed(cluster: Cluster):
    """A right that somebody gives by hand is taken away again."""
    path = "/apis/rbac.authorization.k8s.io/v1/namespaces/tillstream/roles/airflow-streams"
    before = cluster.get(path)["rules"]
    cluster.patch(path, {"rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]})
    wait_for(lambda: cluster.get(path)["rules"] == before, HEAL_SECONDS, "the role as in Git")


def test_a_deleted_object_is_restored(cluster: Cluster):
    """What somebody deletes comes back, as another object of the same name."""
    path = "/apis/networking.k8s.io/v1/namespaces/tillstream/networkpolicies/default-deny"
    before = cluster.get(path)["metadata"]["uid"]
    with cluster.client() as client:
        client.delete(path).raise_for_status()
    wait_for(lambda: _uid(cluster, path) not in {"", before}, HEAL_SECONDS, "the network policy again")


def test_a_started_stream_stays_started(cluster: Cluster, repository: Repository):
    """Airflow starts a stream; a commit that changes its image is synced, and the stream is not stopped by it."""
    path = f"{STREAMS}/ingest"
    digest = "1" * 64
    _start(cluster, "ingest")
    file = f"argocd/overlays/{ENVIRONMENT}/values/images.yaml"
    repository.change(file, f"  spark: sha256:{'0' * 64}", f"  spark: sha256:{digest}")
    wait_for(lambda: digest in cluster.get(path)["spec"]["image"], HEAL_SECONDS, "the new image")
    await_settled(cluster, HEAL_SECONDS)
    assert cluster.get(path)["spec"]["suspend"] is False
    # Nobody started this one, and nobody has by that commit.
    assert digest in cluster.get(f"{STREAMS}/rollup")["spec"]["image"]
    assert cluster.get(f"{STREAMS}/rollup")["spec"]["suspend"] is True


def test_every_other_field_is_gits(cluster: Cluster):
    """Only `suspend` is Airflow's: a changed number of executors is put back, and `suspend` stays."""
    path = f"{STREAMS}/ingest"
    _start(cluster, "ingest")
    with cluster.client(cluster.account_token("airflow", "airflow")) as airflow:
        change = {"spec": {"executor": {"instances": 50}}}
        airflow.patch(path, json=change, headers=MERGE).raise_for_status()
    wait_for(lambda: cluster.get(path)["spec"]["executor"]["instances"] == 1, HEAL_SECONDS, "one executor")
    assert cluster.get(path)["spec"]["suspend"] is False


def test_of_two_who_start_a_stream_one_wins(cluster: Cluster):
    """A change names the version it was made for: who saw an older one is told so, and changes nothing."""
    path = f"{STREAMS}/rollup"
    seen = cluster.get(path)["metadata"]["resourceVersion"]
    _start(cluster, "rollup")
    change = {
        "metadata": {"resourceVersion": seen, "annotations": {"tillstream.io/watcher": "late"}},
        "spec": {"suspend": True},
    }
    with cluster.client(cluster.account_token("airflow", "airflow")) as airflow:
        answer = airflow.patch(path, json=change, headers=MERGE)
    assert answer.status_code == 409
    found = cluster.get(path)
    assert (found["spec"]["suspend"], found["metadata"]["annotations"]["tillstream.io/watcher"]) == (False, "first")
    cluster.patch(path, {"spec": {"suspend": True}})


def test_a_deleted_stream_comes_back_suspended(cluster: Cluster):
    """Airflow may delete a stream, as to replace one that has failed for good; what Git puts back waits for Airflow."""
    path = f"{STREAMS}/rollup"
    _start(cluster, "rollup")
    before = _uid(cluster, path)
    with cluster.client(cluster.account_token("airflow", "airflow")) as airflow:
        airflow.delete(path).raise_for_status()
    wait_for(lambda: _uid(cluster, path) not in {"", before}, HEAL_SECONDS, "the stream again")
    assert cluster.get(path)["spec"]["suspend"] is True


def test_a_removed_rule_is_pruned(cluster: Cluster, repository: Repository):
    """A rule file that a commit removes is removed from the cluster, and others stay."""
    names = _rules(cluster)
    assert "argocd" in names
    rule = (repository.directory / "alerts" / "argocd.yaml").read_text()
    (repository.directory / "alerts" / "second.yaml").write_text(rule.replace("name: argocd", "name: second"))
    repository.change("alerts/kustomization.yaml", "  - argocd.yaml\n", "  - argocd.yaml\n  - second.yaml\n")
    wait_for(lambda: _rules(cluster) == names | {"second"}, HEAL_SECONDS, "the second rule")
    repository.change("alerts/kustomization.yaml", "  - argocd.yaml\n  - second.yaml\n", "  - second.yaml\n")
    wait_for(lambda: _rules(cluster) == (names - {"argocd"}) | {"second"}, HEAL_SECONDS, "the first rule gone")


def test_a_contract_that_changes_is_applied(cluster: Cluster, repository: Repository):
    """A changed contract is another ConfigMap, and the job of the topics runs again, on it."""
    before = _uid(cluster, JOB)
    repository.change("contracts/store.operations.odcs.yaml", 'retention.ms: "604800000"', 'retention.ms: "604800001"')
    wait_for(lambda: _uid(cluster, JOB) not in {"", before}, HEAL_SECONDS, "another run of the job")
    [name] = [
        each["configMap"]["name"]
        for each in cluster.get(JOB)["spec"]["template"]["spec"]["volumes"]
        if "configMap" in each
    ]
    contracts = cluster.get(f"/api/v1/namespaces/tillstream/configmaps/{name}")["data"]
    assert "604800001" in contracts["store.operations.odcs.yaml"]


def test_a_commit_that_cannot_be_applied_changes_nothing(cluster: Cluster, repository: Repository):
    """What the API server would refuse is reported with its words, what runs stays, and the next commit mends it."""
    path = "/api/v1/namespaces/tillstream/limitranges/defaults"
    before = cluster.get(path)["spec"]
    file = "argocd/apps/foundation/base/limits.yaml"
    repository.change(file, "memory: 512Mi", "memory: much")
    wait_for(lambda: state(applications(cluster)["foundation"])[0] != "Synced", HEAL_SECONDS, "the commit seen", 1.0)
    wait_for(lambda: "quantities must match" in unsettled(cluster), HEAL_SECONDS, "the API server's words", 1.0)
    assert cluster.get(path)["spec"] == before
    repository.change(file, "memory: much", "memory: 512Mi")
    await_settled(cluster, HEAL_SECONDS)


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
        ({"applicationState": {"state": "UNKNOWN"}}, False, "Degraded"),
    ],
)
def test_a_streams_state_is_its_health(
    cluster: Cluster,
    tmp_path: Path,
    status: dict[str, Any],
    suspend: bool,  # noqa: FBT001 - a column of the table
    health: str,
):
    """Argo CD, by the script in its settings, takes each state of a SparkApplication for what it is."""
    found = cluster.get(f"{STREAMS}/rollup")
    found["status"], found["spec"]["suspend"] = status, suspend
    assert _health(cluster, tmp_path, found) == health


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ({}, "Progressing"),
        ({"health": "Healthy", "sync": "OutOfSync"}, "Progressing"),
        # Found healthy before it was changed, and after.
        ({"health": "Healthy", "sync": "OutOfSync", "phase": "Succeeded", "compared": "00:00:59"}, "Progressing"),
        ({"health": "Healthy", "sync": "OutOfSync", "phase": "Succeeded", "compared": "00:01:01"}, "Healthy"),
        ({"health": "Healthy", "sync": "Synced"}, "Healthy"),
        ({"health": "Healthy", "sync": "Synced", "phase": "Succeeded"}, "Healthy"),
        # The job of the topics, a hook, still runs, or has failed.
        ({"health": "Healthy", "sync": "Synced", "phase": "Running"}, "Progressing"),
        ({"health": "Healthy", "sync": "Synced", "phase": "Failed"}, "Degraded"),
        ({"health": "Degraded", "sync": "Synced", "phase": "Succeeded"}, "Degraded"),
        ({"health": "Missing", "sync": "OutOfSync", "phase": "Running"}, "Progressing"),
    ],
)
def test_an_applications_state_is_its_health(cluster: Cluster, tmp_path: Path, status: dict[str, str], health: str):
    """A wave waits for an Application until its sync with all hooks has ended, and stops where that failed."""
    found = applications(cluster)["topics"]
    found["status"] = {
        **({"health": {"status": status["health"]}} if "health" in status else {}),
        **({"sync": {"status": status["sync"]}} if "sync" in status else {}),
        **(
            {"operationState": {"phase": status["phase"], "finishedAt": "2026-01-01T00:01:00Z"}}
            if "phase" in status
            else {}
        ),
        **({"reconciledAt": f"2026-01-01T{status['compared']}Z"} if "compared" in status else {}),
    }
    assert _health(cluster, tmp_path, found) == health


def _start(cluster: Cluster, name: str) -> None:
    """Start a stream as Airflow does: by its own adapter, in its own environment, with its own token."""
    program = """
import sys
from orchestration import actions
from orchestration.kubernetes import KubernetesRuntime
actions.start(KubernetesRuntime(), sys.argv[1], "first")
"""
    run_as_airflow(cluster, "-c", program, name)


def _uid(cluster: Cluster, path: str) -> str:
    """Of the object at this path, or nothing where there is none at the moment."""
    with cluster.client() as client:
        answer = client.get(path)
    return str(answer.json()["metadata"]["uid"]) if answer.status_code == 200 else ""


def _rules(cluster: Cluster) -> set[str]:
    return {each["metadata"]["name"] for each in cluster.get(RULES)["items"]}


def _health(cluster: Cluster, folder: Path, found: dict[str, Any]) -> str:
    """What Argo CD's own command says of an object, by the settings that it has in the cluster."""
    (folder / "object.json").write_text(json.dumps(found))
    settings = cluster.kubectl("get", "configmap", "argocd-cm", "--namespace=argocd", "--output=yaml")
    (folder / "argocd-cm.yaml").write_text(settings)
    command = ["admin", "settings", "resource-overrides", "health", folder / "object.json"]
    run = subprocess.run(
        [BIN / "argocd", *command, f"--argocd-cm-path={folder / 'argocd-cm.yaml'}", "--load-cluster-settings=false"],
        env=cluster.environment | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.startswith("STATUS: "), run.stdout + run.stderr
    return run.stdout.splitlines()[0].removeprefix("STATUS: ")
