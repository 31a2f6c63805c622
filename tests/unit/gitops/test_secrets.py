"""Where what must stay secret comes from."""

import json
import re

import pytest

from tests.support.manifests import ENVIRONMENTS, objects, reference, values

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)


def test_secrets_are_external(environment: str):
    """Git holds no Secret; whatever a pod or a chart reads is an ExternalSecret of that namespace."""
    assert not list(objects(environment, "Secret"))
    external = {
        (each["metadata"]["namespace"], each["spec"]["target"]["name"])
        for each in objects(environment, "ExternalSecret")
    }
    assert ("monitoring", values("kube-prometheus-stack")["grafana"]["envFromSecret"]) in external
    # Made within the cluster, by cert-manager and by Strimzi.
    external |= {
        (each["metadata"]["namespace"], each["spec"]["secretName"]) for each in objects(environment, "Certificate")
    }
    external.add(("kafka", "kafka-cluster-ca-cert"))
    for each in objects(environment, "Job", "SparkApplication"):
        for name in re.findall(r'"secretName": "([^"]+)"', json.dumps(each)):
            assert (each["metadata"]["namespace"], name) in external, reference(each)
    airflow = values("airflow")
    for key in ("fernetKeySecretName", "apiSecretKeySecretName", "jwtSecretName"):
        assert ("airflow", airflow[key]) in external
    assert ("airflow", airflow["data"]["metadataSecretName"]) in external
    assert ("monitoring", values("kube-prometheus-stack")["grafana"]["admin"]["existingSecret"]) in external


def test_keys_of_airflow_have_the_names_its_chart_asks_for(environment: str):
    """The chart looks for these keys in the secrets it is given."""
    made = {
        key
        for each in objects(environment, "ExternalSecret")
        if each["metadata"]["name"] in {"airflow-keys", "airflow-database"}
        for key in each["spec"]["target"]["template"]["data"]
    }
    assert made == {"fernet-key", "api-secret-key", "jwt-secret", "connection"}


def test_secrets_are_asked_for_where_they_are_served(environment: str):
    """A store of secrets serves the namespaces of exactly those that ask it."""
    for store in objects(environment, "ClusterSecretStore"):
        name = store["metadata"]["name"]
        asking = {
            each["metadata"]["namespace"]
            for each in objects(environment, "ExternalSecret")
            if f'"name": "{name}"' in json.dumps(each["spec"])
        }
        assert asking == {namespace for each in store["spec"]["conditions"] for namespace in each["namespaces"]}
