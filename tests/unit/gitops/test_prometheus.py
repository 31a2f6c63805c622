"""What Prometheus takes, and from whom."""

import pytest

from tests.support.manifests import ENVIRONMENTS, objects, reference, values

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)


def test_rules_and_monitors_are_selected(environment: str):
    """Prometheus takes every rule and monitor that is declared, wherever it stands and whatever it is labelled."""
    spec = values("kube-prometheus-stack")["prometheus"]["prometheusSpec"]
    for kind, key in (("PrometheusRule", "rule"), ("PodMonitor", "podMonitor"), ("ServiceMonitor", "serviceMonitor")):
        selector = spec.get(f"{key}Selector")
        for each in objects(environment, kind):
            if selector is None:
                assert spec[f"{key}SelectorNilUsesHelmValues"] is False
            else:
                assert selector["matchLabels"].items() <= each["metadata"]["labels"].items()
    assert list(objects(environment, "PrometheusRule"))


def test_monitors_find_pods(environment: str):
    """A PodMonitor's labels are labels of pods: Spark's own, those the applications add, and of a Deployment's."""
    spark = {"spark-role": "driver"}
    pods = [each["spec"]["driver"]["labels"] | spark for each in objects(environment, "SparkApplication")]
    pods += [each["spec"]["template"]["metadata"]["labels"] for each in objects(environment, "Deployment")]
    # Strimzi makes them.
    pods.append({"strimzi.io/kind": "Kafka", "strimzi.io/cluster": "kafka"})
    for each in objects(environment, "PodMonitor"):
        wanted = each["spec"]["selector"]["matchLabels"].items()
        assert any(wanted <= labels.items() for labels in pods), reference(each)


def test_prometheus_is_set_up_for_eks(environment: str):
    """Prometheus: one that takes OTLP, late samples allowed, and nothing of what EKS hides."""
    del environment
    stack = values("kube-prometheus-stack")
    spec = stack["prometheus"]["prometheusSpec"]
    assert (spec["replicas"], spec["enableOTLPReceiver"], spec["tsdb"]["outOfOrderTimeWindow"]) == (1, True, "30m")
    for part in ("kubeControllerManager", "kubeEtcd", "kubeScheduler", "kubeProxy"):
        assert stack[part]["enabled"] is False
    rules = stack["defaultRules"]["rules"]
    assert not any(
        rules[name]
        for name in ("etcd", "kubeControllerManager", "kubeProxy", "kubeSchedulerAlerting", "kubeSchedulerRecording")
    )
    assert stack["grafana"]["sidecar"]["dashboards"]["label"] == "grafana_dashboard"
