"""Applications start, stop and come back as their objects say, with real processes in the place of Spark."""

import os
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import TillstreamError
from local.applications import ApplicationError, Applications, Conflict, Runner, Submission
from local.lifecycle import State
from tests.support.drivers import FAIL, FOREVER, SUCCEED, is_alive, pid, submission
from tests.support.waiting import wait_for


def submit(manifest: Mapping[str, Any]) -> Submission:
    if manifest["spec"].get("broken"):
        raise TillstreamError("there is no such service account")
    return submission([manifest["spec"]["does"]])


def application(does: str, **spec: object) -> dict[str, Any]:
    return {"kind": "SparkApplication", "metadata": {"name": "demo"}, "spec": {"does": does, **spec}}


@pytest.fixture
def applications(tmp_path: Path) -> Iterator[Applications]:
    applications = Applications(tmp_path)
    runner = Runner(applications, submit)
    runner.start()
    yield applications
    runner.stop()


def test_suspend_owns_whether_it_runs(applications: Applications):
    """Clearing `suspend` starts the driver, setting it ends the driver."""
    applications.apply(application(FOREVER, suspend=True))
    applications.wait_for("demo", {State.SUSPENDED}, 60)

    applications.suspend("demo", suspend=False)
    applications.wait_for("demo", {State.RUNNING}, 60)
    driver = pid(applications, "demo")
    assert is_alive(driver)

    applications.suspend("demo")
    applications.wait_for("demo", {State.SUSPENDED}, 60)
    assert not is_alive(driver)


def test_apply_leaves_suspend_alone(applications: Applications):
    """Applying the manifest of Git again does not stop what Airflow has started, nor start it anew."""
    applications.apply(application(FOREVER, suspend=True))
    applications.suspend("demo", suspend=False)
    applications.wait_for("demo", {State.RUNNING}, 60)
    driver = pid(applications, "demo")

    applications.apply(application(FOREVER, suspend=True))

    assert applications.get("demo")["spec"]["suspend"] is False
    assert applications.get("demo")["metadata"]["generation"] == 1
    assert pid(applications, "demo") == driver


def test_a_changed_spec_replaces_the_driver(applications: Applications):
    """A new spec ends the old driver before the new one starts."""
    applications.apply(application(FOREVER))
    applications.wait_for("demo", {State.RUNNING}, 60)
    driver = pid(applications, "demo")

    applications.apply(application(FOREVER, sparkConf={"spark.a": "b"}))

    wait_for(lambda: pid(applications, "demo") not in (None, driver), 60, "another driver")
    applications.wait_for("demo", {State.RUNNING}, 60)
    assert not is_alive(driver)


def test_a_killed_driver_comes_back(applications: Applications):
    """A driver that is killed is started again by its restart policy."""
    policy = {"type": "OnFailure", "onFailureRetries": 3, "onFailureRetryInterval": 0}
    applications.apply(application(FOREVER, restartPolicy=policy))
    applications.wait_for("demo", {State.RUNNING}, 60)
    driver = pid(applications, "demo")

    os.kill(driver, signal.SIGKILL)

    wait_for(lambda: pid(applications, "demo") not in (None, driver), 60, "another driver")
    applications.wait_for("demo", {State.RUNNING}, 60)
    assert applications.get("demo")["status"]["executionAttempts"] == 2


def test_a_deleted_application_ends_its_driver(applications: Applications):
    """Nothing runs on without an object that says so."""
    applications.apply(application(FOREVER))
    applications.wait_for("demo", {State.RUNNING}, 60)
    driver = pid(applications, "demo")

    applications.delete("demo", applications.get("demo")["metadata"]["resourceVersion"])

    wait_for(lambda: not is_alive(driver), 60, "the driver's end")
    assert applications.names() == []


def test_a_new_object_waits_for_the_old_ones_driver(applications: Applications):
    """An object made again under the same name starts from nothing, and never beside the driver of the old one."""
    applications.apply(application(FOREVER))
    applications.wait_for("demo", {State.RUNNING}, 60)
    driver = pid(applications, "demo")

    applications.delete("demo", applications.get("demo")["metadata"]["resourceVersion"])
    applications.create(application(FOREVER))

    # Nothing yet, or what the runner has made of it meanwhile.
    assert pid(applications, "demo") != driver
    wait_for(lambda: pid(applications, "demo") not in (None, driver), 60, "another driver")
    assert not is_alive(driver)
    applications.wait_for("demo", {State.RUNNING}, 60)


def test_a_replaced_object_was_never_gone(applications: Applications):
    """Whoever dies while replacing an object leaves the old one or the new one; the new one starts from nothing."""
    applications.apply(application(FAIL))
    with pytest.raises(ApplicationError, match="FAILED"):
        applications.wait_for("demo", {State.RUNNING}, 60)
    before = applications.get("demo")["metadata"]

    applications.replace("demo", {"by": "me"}, before["resourceVersion"])

    after = applications.get("demo")
    assert after["metadata"]["uid"] != before["uid"]
    assert after["metadata"]["annotations"] == {"by": "me"}
    with pytest.raises(Conflict):
        applications.replace("demo", {"by": "another"}, before["resourceVersion"])


def test_two_objects_of_one_name_are_refused(applications: Applications):
    """Who comes second is told, and changes nothing."""
    applications.create(application(FOREVER, suspend=True))
    before = applications.get("demo")["spec"]
    with pytest.raises(Conflict):
        applications.create(application(SUCCEED))
    assert applications.get("demo")["spec"] == before


def test_of_two_who_change_the_same_version_one_wins(applications: Applications):
    """A change decided on what is no longer there is refused."""
    applications.apply(application(FOREVER, suspend=True))
    version = applications.get("demo")["metadata"]["resourceVersion"]
    applications.patch("demo", suspend=True, annotations={"by": "first"}, version=version)
    with pytest.raises(Conflict):
        applications.patch("demo", suspend=False, annotations={"by": "second"}, version=version)
    found = applications.get("demo")
    assert (found["spec"]["suspend"], found["metadata"]["annotations"]) == (True, {"by": "first"})


def test_waiting_for_what_failed_says_why(applications: Applications):
    """A failed application ends the wait at once, with its state and the end of its log."""
    applications.apply(application("sys.exit('no such table')"))
    with pytest.raises(ApplicationError, match=r"(?s)demo is FAILED, not RUNNING.*no such table"):
        applications.wait_for("demo", {State.RUNNING}, 60)


def test_a_batch_completes(applications: Applications):
    """A driver that ends well completes its application."""
    applications.apply(application(SUCCEED))
    applications.wait_for("demo", {State.COMPLETED}, 60)


def test_what_cannot_be_started_says_so(applications: Applications):
    """A submission that fails shows its reason in the status."""
    applications.apply(application(FOREVER, broken=True))
    with pytest.raises(ApplicationError, match="FAILED"):
        applications.wait_for("demo", {State.RUNNING}, 60)
    status = applications.get("demo")["status"]["applicationState"]
    assert status["errorMessage"] == "there is no such service account"


def test_stopping_the_runner_ends_its_drivers(tmp_path: Path):
    """No driver outlives the runner."""
    applications = Applications(tmp_path)
    runner = Runner(applications, submit)
    runner.start()
    applications.apply(application(FOREVER))
    applications.wait_for("demo", {State.RUNNING}, 60)

    runner.stop()

    assert not is_alive(pid(applications, "demo"))


def test_an_unknown_application_is_named(tmp_path: Path):
    """Asking for what is not there names what is."""
    with pytest.raises(ApplicationError, match=r"no SparkApplication x\. There are: none"):
        Applications(tmp_path).get("x")
