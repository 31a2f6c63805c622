"""What Airflow may rely on, of both places where SparkApplications run."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from local.airflow.runtime import LocalRuntime
from local.applications import Applications
from orchestration import actions
from orchestration.kubernetes import KubernetesRuntime
from orchestration.runtime import Application, Changed, NoSuchApplication, Runtime, Unreachable
from tests.airflow.api_server import ApiServer
from tests.airflow.real_cluster import ADMINISTRATOR, Others

# A real API server where there is one: tests/cluster runs these tests, too.
PLACES = ["kubernetes", "local", *(["cluster"] if ADMINISTRATOR in os.environ else [])]


@dataclass(frozen=True)
class Place:
    """A runtime, and the hands of others that write to its objects: `apply` is Argo CD's, `become` the operator's."""

    runtime: Runtime
    apply: Callable[[dict[str, Any]], None]
    become: Callable[[str, str], None]
    remove: Callable[[str], None]


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer().running() as server:
        yield server


@pytest.fixture
def kubernetes(api: ApiServer) -> KubernetesRuntime:
    configuration = client.Configuration(host=api.url)
    configuration.retries = False
    return KubernetesRuntime(client.ApiClient(configuration), "tillstream")


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "cluster":
        others = Others.from_env()
        others.remove_all()
        return Place(KubernetesRuntime(), others.apply, others.become, others.remove)
    if request.param == "local":
        applications = Applications(tmp_path)
        runtime = LocalRuntime(applications)
        return Place(
            runtime,
            applications.apply,
            lambda name, state: write_status(tmp_path, applications.get(name), state),
            lambda name: applications.delete(name, runtime.get(name).version),
        )
    api: ApiServer = request.getfixturevalue("api")

    def become(name: str, state: str) -> None:
        api.put({**api.objects[name], "status": {"applicationState": {"state": state, "errorMessage": "so it is"}}})

    return Place(request.getfixturevalue("kubernetes"), api.put, become, lambda name: api.objects.pop(name) and None)


def write_status(directory: Path, found: Mapping[str, Any], state: str) -> None:
    """As the local runner does."""
    import json  # noqa: PLC0415

    content = {"uid": found["metadata"]["uid"], "applicationState": {"state": state, "errorMessage": "so it is"}}
    (directory / found["metadata"]["name"] / "status.json").write_text(json.dumps(content))


def manifest(name: str = "ingest", **spec: object) -> dict[str, Any]:
    return {
        "apiVersion": "sparkoperator.k8s.io/v1beta2",
        "kind": "SparkApplication",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "tillstream"}},
        # What the operator's own schema demands, and what is looked at.
        "spec": {
            "type": "Python",
            "mode": "cluster",
            "sparkVersion": "4.2.0",
            "mainApplicationFile": "local:///a.py",
            "driver": {},
            "executor": {},
            "suspend": True,
            "arguments": ["a"],
            **spec,
        },
    }


def test_an_application_is_read(place: Place):
    """Its state, whether it is suspended, and nobody watches it yet."""
    place.apply(manifest())
    place.become("ingest", "SUSPENDED")
    seen = place.runtime.get("ingest")
    assert (seen.name, seen.suspend, seen.state, seen.message, seen.watcher) == (
        "ingest",
        True,
        "SUSPENDED",
        "so it is",
        "",
    )


def test_one_that_is_not_there_is_said_so(place: Place):
    """Asking for an unknown one, and changing one that was removed meanwhile, say that there is none."""
    with pytest.raises(NoSuchApplication, match="no SparkApplication other"):
        place.runtime.get("other")
    place.apply(manifest())
    seen = place.runtime.get("ingest")
    place.remove("ingest")
    with pytest.raises(NoSuchApplication):
        place.runtime.change(seen, suspend=False, watcher="me#1")


def test_a_change_starts_and_claims_at_once(place: Place):
    """Suspension and watcher are changed together, and are there for everyone to see."""
    place.apply(manifest())
    changed = place.runtime.change(place.runtime.get("ingest"), suspend=False, watcher="me#1")
    assert (changed.suspend, changed.watcher) == (False, "me#1")
    assert place.runtime.get("ingest") == changed


def test_of_two_writers_one_wins(place: Place):
    """Who changes what is no longer as it was seen, changes nothing."""
    place.apply(manifest())
    seen = place.runtime.get("ingest")
    place.runtime.change(seen, suspend=False, watcher="me#1")
    with pytest.raises(Changed):
        place.runtime.change(seen, suspend=True, watcher="another#1")
    now = place.runtime.get("ingest")
    assert (now.suspend, now.watcher) == (False, "me#1")


def test_two_who_write_at_once_both_come_through(place: Place):
    """Each looks again until its change was made as it was seen; no change is a mixture of two."""
    place.apply(manifest())
    rounds = range(10)
    with ThreadPoolExecutor(2) as pool:
        starts = pool.submit(lambda: [actions.start(place.runtime, "ingest", f"starts#{each}") for each in rounds])
        stops = pool.submit(lambda: [actions.stop(place.runtime, "ingest", f"stops#{each}") for each in rounds])
    assert [(each.suspend, each.watcher) for each in starts.result()] == [(False, f"starts#{each}") for each in rounds]
    assert [(each.suspend, each.watcher) for each in stops.result()] == [(True, f"stops#{each}") for each in rounds]
    last = place.runtime.get("ingest")
    assert (last.suspend, last.watcher) in {(False, "starts#9"), (True, "stops#9")}


def test_an_ended_one_is_replaced_by_its_like(place: Place):
    """A new object of the same spec, to be started, that has no state yet."""
    place.apply(manifest(arguments=["x", "y"]))
    place.become("ingest", "FAILED")
    old = place.runtime.get("ingest")
    new = place.runtime.replace(old, watcher="me#1")
    assert new.uid != old.uid
    assert (new.suspend, new.state, new.watcher) == (False, "", "me#1")


def test_only_the_one_that_was_seen_is_replaced(place: Place):
    """One that somebody has changed since is left as it is."""
    place.apply(manifest())
    old = place.runtime.get("ingest")
    place.runtime.change(old, suspend=False, watcher="another#1")
    with pytest.raises(Changed):
        place.runtime.replace(old, watcher="me#1")
    assert place.runtime.get("ingest").uid == old.uid


def test_a_run_is_a_copy_with_arguments_of_its_own(place: Place):
    """The template stays suspended; the copy is to be started; a second one of the name is refused."""
    place.apply(manifest("export"))
    made = place.runtime.create("export", "export-1", ["--fast"], watcher="me#1")
    assert (made.name, made.suspend, made.watcher) == ("export-1", False, "me#1")
    assert place.runtime.get("export").suspend
    with pytest.raises(Changed):
        place.runtime.create("export", "export-1", [], watcher="another#1")


def test_deleting_twice_is_fine(place: Place):
    """What is gone is gone."""
    place.apply(manifest())
    seen = place.runtime.get("ingest")
    place.runtime.delete(seen)
    place.runtime.delete(seen)
    with pytest.raises(NoSuchApplication):
        place.runtime.get("ingest")


def test_starting_twice_is_starting_once(place: Place):
    """The second start finds it running and changes nothing but the claim."""
    place.apply(manifest())
    first = actions.start(place.runtime, "ingest", "me#1")
    second = actions.start(place.runtime, "ingest", "me#2")
    assert first.uid == second.uid
    assert (second.suspend, second.watcher) == (False, "me#2")


def test_ending_leaves_alone_what_another_run_has(place: Place):
    """A watch that was killed late does not end a stream that another run has taken over."""
    place.apply(manifest())
    actions.start(place.runtime, "ingest", "another#1")
    assert not actions.stop_own(place.runtime, "ingest", "me#1").suspend
    assert actions.stop_own(place.runtime, "ingest", "another#1").suspend


def test_a_later_attempt_goes_on_with_its_own_runs_stream_only(place: Place):
    """An attempt of the run that has it takes it over; one of another run does not touch it."""
    place.apply(manifest())
    actions.start(place.runtime, "ingest", "me#1")
    assert actions.keep_running(place.runtime, "ingest", "me", "me#2").watcher == "me#2"
    assert actions.keep_running(place.runtime, "ingest", "other", "other#1").watcher == "me#2"


def test_a_watch_that_is_late_undoes_nothing(place: Place):
    """Between its look and its act, a person has stopped the stream by another run: it neither ends nor starts it."""
    place.apply(manifest())
    actions.start(place.runtime, "ingest", "me#1")
    stopped = actions.stop(place.runtime, "ingest", "another#1")
    assert actions.keep_down(place.runtime, "ingest", "me", "me#1") == stopped
    assert actions.keep_running(place.runtime, "ingest", "me", "me#1") == stopped


def test_a_later_attempt_takes_up_what_was_made_again(place: Place):
    """An object that is nobody's, as Argo CD puts it back, is the run's to start."""
    place.apply(manifest())
    kept = actions.keep_running(place.runtime, "ingest", "me", "me#2")
    assert (kept.suspend, kept.watcher) == (False, "me#2")


def test_a_batch_is_run_once_for_each_attempt(place: Place):
    """A run that goes on is taken up, one that failed is made anew by the next attempt, and an attempt that looks
    again finds its own end.
    """
    place.apply(manifest("export"))

    def run(watcher: str) -> Application:
        return actions.run_once(place.runtime, "export", "export-1", ["--fast"], watcher)

    first = run("me#1")
    place.become("export-1", "RUNNING")
    assert run("me#2").uid == first.uid
    place.become("export-1", "FAILED")
    assert run("me#2").state == "FAILED"
    third = run("me#3")
    assert third.uid != first.uid
    assert third.state == ""


def test_argo_cd_may_be_first_to_put_an_object_back(api: ApiServer, kubernetes: KubernetesRuntime):
    """Between delete and create, Argo CD heals the object, suspended: that one is started then."""
    api.put({**manifest(), "status": {"applicationState": {"state": "FAILED"}}})
    answer = api.answer

    def heal_after_delete(method: str, name: str, body: Any) -> tuple[int, dict[str, Any]]:
        result = answer(method, name, body)
        if method == "DELETE":
            api.put(manifest())
        return result

    api.answer = heal_after_delete  # type: ignore[method-assign]
    started = actions.start(kubernetes, "ingest", "me#1")
    assert (started.suspend, started.state) == (False, "")


def test_a_copy_belongs_to_its_template(api: ApiServer, kubernetes: KubernetesRuntime):
    """It goes when the template goes, and carries nothing by which Argo CD would take it for its own and prune it."""
    template = manifest("export")
    template["metadata"] |= {
        "labels": {"app.kubernetes.io/instance": "batch", "app.kubernetes.io/name": "export"},
        "annotations": {"argocd.argoproj.io/tracking-id": "batch:…"},
    }
    api.put(template)
    kubernetes.create("export", "export-1", [], watcher="me#1")
    made = api.objects["export-1"]["metadata"]
    assert made["ownerReferences"][0]["uid"] == api.objects["export"]["metadata"]["uid"]
    assert made["labels"] == {"app.kubernetes.io/name": "export", "tillstream.io/template": "export"}
    assert set(made["annotations"]) == {"tillstream.io/watcher"}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (410, "Expired"),
        (429, "TooManyRequests"),
        (503, "ServiceUnavailable"),
    ],
)
def test_an_answer_that_says_nothing_of_the_object_is_no_verdict(
    api: ApiServer, kubernetes: KubernetesRuntime, code: int, reason: str
):
    """The API that refuses, is overloaded or has forgotten a version does not mean that the stream is gone."""
    api.put(manifest())
    api.answer_next(code, reason, "recorded")
    with pytest.raises(Unreachable, match=str(code)):
        kubernetes.get("ingest")
    assert kubernetes.get("ingest").name == "ingest"


def test_an_api_that_does_not_answer_is_no_verdict():
    """Nobody there is not the same as nothing there."""
    configuration = client.Configuration(host="http://127.0.0.1:9")
    configuration.retries = False
    with pytest.raises(Unreachable, match="does not answer"):
        KubernetesRuntime(client.ApiClient(configuration), "tillstream").get("ingest")
