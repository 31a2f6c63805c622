"""What Airflow's chart is told, and what its parts reach."""

import pytest
import yaml

from lake.settings import LakeSettings
from tests.support.manifests import ENVIRONMENTS, Manifest, applications, objects, values
from topics.logins import Iam
from topics.settings import KafkaSettings

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)


def test_airflow_is_set_up_for_argo_cd(environment: str):
    """Airflow's values: pods for tasks, the database outside, logs on S3, metrics by OTLP, the migration as a hook."""
    airflow = values("airflow")
    assert airflow["executor"] == "KubernetesExecutor"
    assert not any(airflow[part]["enabled"] for part in ("postgresql", "redis", "pgbouncer", "statsd"))
    migration = airflow["migrateDatabaseJob"]
    assert migration["useHelmHooks"] is False
    assert migration["jobAnnotations"]["argocd.argoproj.io/hook"] == "Sync"
    # Its pod waits for its configuration and its account, the sync for the pod, and whoever uses the database for both.
    wave = "argocd.argoproj.io/sync-wave"
    for before in (airflow["airflowConfigAnnotations"], migration["serviceAccount"]["annotations"]):
        assert int(before[wave]) < int(migration["jobAnnotations"][wave]) < 0
    assert airflow["config"]["metrics"] == {"otel_on": "True", "statsd_on": "False"}
    assert airflow["config"]["logging"]["remote_logging"] == "True"
    accounts = {part: airflow[part]["serviceAccount"] for part in ("apiServer", "workers", "scheduler", "dagProcessor")}
    assert all(each["create"] is False for each in accounts.values())
    assert {part: each["name"] for part, each in accounts.items()} == {
        "apiServer": "airflow",
        "workers": "airflow",
        "scheduler": "airflow-scheduler",
        "dagProcessor": "airflow-dag-processor",
    }
    assert yaml.safe_load(airflow["podTemplate"])["spec"]["serviceAccountName"] == "airflow"
    given = airflow_of(environment)
    assert given["config"]["logging"]["remote_base_log_folder"].startswith("s3://")


def test_code_of_dags_reaches_the_database_or_aws(environment: str):
    """Tasks reach no database, and what reads the DAGs reaches no AWS: code in a DAG gets hold of one of them only."""
    ways = {
        each["metadata"]["name"]: each["spec"]
        for each in objects(environment, "NetworkPolicy")
        if each["metadata"]["namespace"] == "airflow"
    }
    for port, kept_out in ((5432, "worker"), (443, "dag-processor")):
        [out] = [spec for spec in ways.values() if port in _ports_out(spec)]
        assert out["podSelector"] == {
            "matchExpressions": [{"key": "component", "operator": "NotIn", "values": [kept_out]}]
        }
    template = yaml.safe_load(values("airflow")["podTemplate"])
    assert template["metadata"]["labels"]["component"] == "worker"


def test_the_triggerer_can_measure_the_streams(environment: str):
    """It runs as the account of its own, is let through to Kafka, and is told all that its gauges ask for; the rest of
    Airflow is told and let through to nothing of it.
    """
    triggerer = values("airflow")["triggerer"]
    assert triggerer["serviceAccount"] == {"create": False, "name": "airflow-triggerer"}
    told = {each["name"]: each["value"] for each in airflow_of(environment)["triggerer"]["env"]}
    assert LakeSettings.from_env(told).lake_uri.startswith(f"s3://tillstream-{environment}-")
    assert KafkaSettings.from_env(told).login == Iam(region="eu-central-1")
    policies = [each for each in objects(environment, "NetworkPolicy") if each["metadata"]["namespace"] == "airflow"]
    to_kafka = [each["spec"] for each in policies if {9098, 9093} <= _ports_out(each["spec"])]
    assert [each["podSelector"]["matchLabels"] for each in to_kafka] == [triggerer["labels"]]
    assert not any(9098 in _ports_out(each["spec"]) for each in policies if each["spec"] not in to_kafka)
    assert not {"labels", "extraEnv", "extraEnvFrom"} & values("airflow").keys()


def airflow_of(environment: str) -> Manifest:
    """What the Application adds to the values file of Airflow's chart."""
    found: Manifest = applications(environment)["airflow"]["spec"]["sources"][0]["helm"]["valuesObject"]
    return found


def _ports_out(policy: Manifest) -> set[int]:
    return {port["port"] for rule in policy.get("egress", []) for port in rule.get("ports", [])}
