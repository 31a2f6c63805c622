"""How the SparkApplications run on EKS, and who starts them."""

import pytest

from tests.support.manifests import ENVIRONMENTS, applications, objects

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)


def test_streams_reach_kafka(environment: str):
    """Who logs in to Kafka bears the label that the network policy lets through."""
    ingest = next(each for each in objects(environment, "SparkApplication") if each["metadata"]["name"] == "ingest")
    for labels in (
        ingest["spec"]["driver"]["labels"],
        ingest["spec"]["executor"]["labels"],
        *(job["spec"]["template"]["metadata"]["labels"] for job in objects(environment, "Job")),
    ):
        assert labels["tillstream.io/kafka"] == "true"


def test_drivers_stay_and_executors_may_go(environment: str):
    """Drivers run on demand, executors on spot nodes with time to hand over; both restart with a limit."""
    for each in objects(environment, "SparkApplication"):
        spec = each["spec"]
        assert spec["driver"]["nodeSelector"] == {"tillstream.io/pool": "core"}
        assert spec["executor"]["nodeSelector"] == {"tillstream.io/pool": "spark"}
        assert [toleration["value"] for toleration in spec["executor"]["tolerations"]] == ["spark"]
        assert spec["sparkConf"]["spark.decommission.enabled"] == "true"
        seconds = int(spec["sparkConf"]["spark.executor.decommission.forceKillTimeout"].removesuffix("s"))
        assert seconds < spec["executor"]["terminationGracePeriodSeconds"] < 120
        policy = spec["restartPolicy"]
        assert policy["type"] == "OnFailure"
        assert 0 < policy["onFailureRetries"] <= 5
        assert policy["onFailureRetryInterval"] > 0


def test_git_says_stopped_and_airflow_decides(environment: str):
    """Git declares every job suspended, and Argo CD leaves that one field to Airflow."""
    assert all(each["spec"]["suspend"] is True for each in objects(environment, "SparkApplication"))
    for name, application in applications(environment).items():
        ignored = application["spec"].get("ignoreDifferences", [])
        if name == "streams":
            assert ignored == [
                {"group": "sparkoperator.k8s.io", "kind": "SparkApplication", "jsonPointers": ["/spec/suspend"]}
            ]
        else:
            assert not ignored, name
        respects = "RespectIgnoreDifferences=true" in application["spec"]["syncPolicy"]["syncOptions"]
        # The root's objects hold their status themselves, and that would be written, too.
        assert respects is (name != "root"), name


def test_batch_runs_do_not_pile_up(environment: str):
    """A batch run that has ended is removed within days, and not before a retry has looked at it; a stream never is."""
    for each in objects(environment, "SparkApplication"):
        live_seconds = each["spec"].get("timeToLiveSeconds")
        if each["metadata"]["name"] in {"export", "rollup-backfill"}:
            assert 24 * 3600 <= live_seconds <= 14 * 24 * 3600
        else:
            assert live_seconds is None
