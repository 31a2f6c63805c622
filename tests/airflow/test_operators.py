"""The tasks do what they say: real tasks and triggers by `dag.test()`, real processes in the place of Spark drivers."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.sdk.exceptions import AirflowSkipException
from airflow.utils.db import initdb
from kubernetes import client

from local.airflow.runtime import APPLICATIONS, LocalRuntime
from local.applications import Applications, Runner, Submission
from local.lifecycle import State
from orchestration import actions
from orchestration.runtime import KUBERNETES, RUNTIME, Application
from orchestration.verbs import RunVerb
from orchestration.workloads import WORKLOADS_FILE
from tests.support.drivers import FAIL, FOREVER, SUCCEED, is_alive, pid, submission

# A run may take all the minutes that dags/quick.py gives to its tasks.
pytestmark = pytest.mark.timeout(1800)

DAGS = Path(__file__).resolve().parent / "dags"
STATE_SECONDS = 120


@pytest.fixture(scope="session", autouse=True)
def database() -> None:
    initdb()


@pytest.fixture
def submitted() -> list[str]:
    """The object of every driver that was started, by its uid."""
    return []


@pytest.fixture
def applications(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, submitted: list[str]) -> Iterator[Applications]:
    def submit(manifest: Mapping[str, Any]) -> Submission:
        submitted.append(manifest["metadata"]["uid"])
        return submission(manifest["spec"].get("arguments") or [manifest["spec"]["does"]])

    applications = Applications(tmp_path / "applications")
    monkeypatch.setenv(APPLICATIONS, str(applications.directory))
    runner = Runner(applications, submit)
    runner.start()
    yield applications
    runner.stop()


def declare(applications: Applications, does: str, name: str = "ingest") -> None:
    applications.apply(
        {
            "apiVersion": "sparkoperator.k8s.io/v1beta2",
            "kind": "SparkApplication",
            "metadata": {"name": name},
            "spec": {"does": does, "suspend": True},
        }
    )


def running(applications: Applications) -> int | None:
    """A stream that runs already: its driver."""
    declare(applications, FOREVER)
    applications.suspend("ingest", suspend=False)
    applications.wait_for("ingest", {State.RUNNING}, STATE_SECONDS)
    return pid(applications, "ingest")


def run(dag: str, **conf: str) -> str:
    """The state in which a run of one of the DAGs in `dags/` beside this file ends."""
    found = DagBag(dag_folder=str(DAGS)).dags[dag]
    return str(found.test(run_conf=conf).state)


def test_start_returns_when_it_runs(applications: Applications):
    """The stream runs under this run's name, and goes on after the task."""
    declare(applications, FOREVER)
    assert run("start") == "success"
    assert applications.state("ingest") == State.RUNNING
    assert actions.run_of(LocalRuntime(applications).get("ingest").watcher).startswith("manual__")


def test_stop_returns_when_it_is_down(applications: Applications):
    """The driver is gone when the task has ended."""
    driver = running(applications)
    assert run("stop") == "success"
    assert applications.state("ingest") == State.SUSPENDED
    assert not is_alive(driver)


def test_restart_brings_another_driver(applications: Applications):
    """The old driver has ended before the new one runs."""
    before = running(applications)
    assert run("restart") == "success"
    assert applications.state("ingest") == State.RUNNING
    assert pid(applications, "ingest") != before


def test_a_watch_ends_well_when_another_run_stops_the_stream(
    applications: Applications, monkeypatch: pytest.MonkeyPatch
):
    """Who is relieved is done, and does not start the stream again."""
    declare(applications, FOREVER)
    claim, watched = actions.keep_running, threading.Event()

    def claim_and_tell(*arguments: Any) -> Application:
        claimed = claim(*arguments)
        watched.set()
        return claimed

    def stop_once_it_is_watched() -> None:
        # Without a watch there is nothing to stop, and the run below says why.
        if watched.wait(STATE_SECONDS):
            actions.stop(LocalRuntime(applications), "ingest", "another#1")

    monkeypatch.setattr(actions, "keep_running", claim_and_tell)
    other = threading.Thread(target=stop_once_it_is_watched)
    other.start()
    try:
        assert run("watch") == "success"
    finally:
        other.join()
    assert watched.is_set()
    applications.wait_for("ingest", {State.SUSPENDED}, STATE_SECONDS)


def test_a_run_leaves_nothing_running_that_it_does_not_watch(applications: Applications):
    """Where the watch is over, for whatever reason, the run's last task ends what the run has started."""
    declare(applications, FOREVER)
    assert run("release") == "success"
    assert applications.state("ingest") == State.SUSPENDED


def test_a_watch_restarts_what_fails_then_gives_up(applications: Applications, submitted: list[str]):
    """A stream that fails whenever it starts is made anew as often as the policy says; then the run fails, and the
    stream is left suspended.
    """
    declare(applications, FAIL)
    assert run("watch") == "failed"
    assert len(set(submitted)) == len(submitted) == 3
    assert applications.get("ingest")["spec"]["suspend"]


def test_a_batch_runs_to_its_end(applications: Applications):
    """As a copy with arguments of its own; the template stays as it is."""
    declare(applications, FAIL, "export")
    assert run("batch", does=SUCCEED) == "success"
    [copy] = [name for name in applications.names() if name != "export"]
    assert applications.state(copy) == State.COMPLETED
    assert applications.state("export") == State.SUSPENDED


def test_a_batch_that_fails_fails_its_task(applications: Applications):
    """The driver's end is the task's."""
    declare(applications, SUCCEED, "export")
    assert run("batch", does=FAIL) == "failed"


def test_a_verb_runs_with_its_workloads_variables_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the worker has in its own environment does not reach the verb; the workload's variables do."""
    file = tmp_path / "workloads.json"
    file.write_text('{"quality": {"TILLSTREAM_LAKE_URI": "nowhere"}}')
    monkeypatch.setenv(WORKLOADS_FILE, str(file))
    monkeypatch.setenv("TILLSTREAM_CHECKPOINTS_URI", "s3://of-the-worker")
    operator = RunVerb(task_id="verify", workload="quality", verb="verify --without-broker")
    with pytest.raises(Exception, match=r"TILLSTREAM_LAKE_URI is 'nowhere'.*TILLSTREAM_CHECKPOINTS_URI is not set"):
        operator.execute({})


def test_what_a_verb_prints_is_the_tasks_result(monkeypatch: pytest.MonkeyPatch):
    """JSON as the verb prints it; a word with a variable that the workload does not have is left out."""
    monkeypatch.delenv(WORKLOADS_FILE, raising=False)
    operator = RunVerb(task_id="check", workload="quality", verb="contracts check --nonsense=$NOBODY_SETS_THIS")
    assert operator.execute({})["ok"] is True


def test_a_verb_that_a_run_leaves_nothing_of_is_skipped():
    """The run's parameters chose others; nothing is started."""
    with pytest.raises(AirflowSkipException):
        RunVerb(task_id="validate", workload="quality", verb="").execute({})


def test_on_eks_a_verbs_pod_is_its_workloads(monkeypatch: pytest.MonkeyPatch):
    """Airflow's own pod, but in the pipeline's namespace, under the workload's service account, with the platform's
    addresses; let through to Kafka, with what it logs in by, should it need that.
    """
    pod = pod_on_eks("quality", monkeypatch)
    [base] = pod.spec.containers
    assert (pod.metadata.namespace, pod.spec.service_account_name) == ("tillstream", "quality")
    assert pod.metadata.labels == {"component": "worker", "tillstream.io/kafka": "true"}
    assert base.image == "airflow"
    assert {each.name: each.value for each in base.env} == {"A": "b", "TILLSTREAM_KAFKA_USERNAME": "quality"}
    config_maps = [each.config_map_ref for each in base.env_from]
    assert [(each.name, bool(each.optional)) for each in config_maps] == [("platform", False), ("kafka-login", True)]
    assert mounted(pod) == {"/var/run/secrets/kafka": ("kafka-login-quality", True)}


def test_on_eks_a_pod_has_what_its_work_needs_and_no_more(monkeypatch: pytest.MonkeyPatch):
    """What makes rows anew has the key of the signatures beside its log-in; what compacts them has no way to Kafka."""
    assert mounted(pod_on_eks("spark-ingest", monkeypatch)) == {
        "/var/run/secrets/tillstream": ("store-master-key", False),
        "/var/run/secrets/kafka": ("kafka-login-spark-ingest", True),
    }
    upkeep = pod_on_eks("upkeep", monkeypatch)
    assert upkeep.metadata.labels == {"component": "worker"}
    assert mounted(upkeep) == {}
    assert [each.config_map_ref.name for each in upkeep.spec.containers[0].env_from] == ["platform"]


def mounted(pod: client.V1Pod) -> dict[str, tuple[str, bool]]:
    """By place: the Secret, and whether the pod starts without it."""
    sources = {each.name: each.secret for each in pod.spec.volumes}
    return {
        each.mount_path: (sources[each.name].secret_name, bool(sources[each.name].optional))
        for each in pod.spec.containers[0].volume_mounts
    }


def pod_on_eks(workload: str, monkeypatch: pytest.MonkeyPatch) -> client.V1Pod:
    """The pod that KubernetesExecutor makes for a verb of this workload, of a small template."""
    monkeypatch.setenv(RUNTIME, KUBERNETES)
    override = RunVerb(task_id="verify", workload=workload, verb="verify").executor_config["pod_override"]
    container = client.V1Container(name="base", image="airflow", env=[client.V1EnvVar("A", "b")])
    template = client.V1Pod(
        metadata=client.V1ObjectMeta(namespace="airflow", labels={"component": "worker"}),
        spec=client.V1PodSpec(service_account_name="airflow", containers=[container]),
    )
    return PodGenerator.reconcile_pods(template, override)
