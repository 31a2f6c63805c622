"""How Argo CD applies what Git says: by itself, in the order of need, within the lists of its projects."""

import json

import pytest
import yaml

from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, applications, objects, reference, rendered, wave

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)


def test_every_application_heals_and_prunes(environment: str):
    """Every Application follows Git by itself: it prunes, heals and tries again, and applies on the server."""
    for name, application in applications(environment).items():
        policy = application["spec"]["syncPolicy"]
        assert policy["automated"] == {"prune": True, "selfHeal": True, "allowEmpty": False}, name
        # The root tries all waves at once, so it needs more tries than any of them.
        assert (policy["retry"]["limit"], policy["retry"]["refresh"]) == (15 if name == "root" else 5, True), name
        assert "ServerSideApply=true" in policy["syncOptions"], name


def test_projects_admit_what_is_there(environment: str):
    """Each Application's source, destination and kinds are in its project's lists, and no project admits everything."""
    projects = {each["metadata"]["name"]: each["spec"] for each in objects(environment, "AppProject")}
    for name, application in applications(environment).items():
        spec, project = application["spec"], projects[application["spec"]["project"]]
        sources = [spec["source"]] if "source" in spec else spec["sources"]
        assert {source["repoURL"] for source in sources} <= set(project["sourceRepos"]), name
        destinations = {each["namespace"] for each in project["destinations"]}
        assert spec["destination"]["namespace"] in destinations, name
        for each in _objects_of(environment, name):
            group = each["apiVersion"].partition("/")[0] if "/" in each["apiVersion"] else ""
            scope = "namespaceResourceWhitelist" if "namespace" in each["metadata"] else "clusterResourceWhitelist"
            assert {"group": group, "kind": each["kind"]} in project[scope], f"{name}: {reference(each)}"
            assert each["metadata"].get("namespace", spec["destination"]["namespace"]) in destinations, name
    for name, project in projects.items():
        assert "*" not in json.dumps([project["sourceRepos"], project["destinations"]]), name
        if name != "default":
            lists = [project["clusterResourceWhitelist"], project["namespaceResourceWhitelist"]]
            assert "*" not in json.dumps(lists), name


def test_waves_go_in_the_order_of_need(environment: str):
    """What another part needs is healthy in an earlier wave."""
    waves = {name: wave(each) for name, each in applications(environment).items()}
    projects = {each["metadata"]["name"]: wave(each) for each in objects(environment, "AppProject")}
    for name, each in applications(environment).items():
        # The root's own comes with it, by hand.
        assert name == "root" or projects[each["spec"]["project"]] < waves[name], name
    for first, then in (
        ("argo-cd", "foundation"),
        ("foundation", "external-secrets"),
        ("foundation", "cert-manager"),
        # Kinds before their objects.
        ("external-secrets", "secrets"),
        ("kube-prometheus-stack", "rules"),
        ("kube-prometheus-stack", "spark-operator"),
        ("kube-prometheus-stack", "streams"),
        ("kube-prometheus-stack", "paging"),
        ("kube-prometheus-stack", "watching"),
        ("secrets", "paging"),
        ("spark-operator", "streams"),
        ("cert-manager", "spark-operator"),
        # Secrets before those who read them, topics before those who read these, Airflow before what it starts.
        ("secrets", "airflow"),
        ("secrets", "streams"),
        ("topics", "airflow"),
        ("airflow", "streams"),
    ):
        assert waves[first] < waves[then], (first, then)


def test_topics_are_applied_at_each_sync(environment: str):
    """The job of the topics is a hook of the phase Sync, after the contracts, and replaced before each run."""
    contracts, job = (
        next(each for each in rendered(environment)["topics"] if each["kind"] == kind) for kind in ("ConfigMap", "Job")
    )
    notes = job["metadata"]["annotations"]
    assert notes["argocd.argoproj.io/hook"] == "Sync"
    assert notes["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation"
    key = "argocd.argoproj.io/sync-wave"
    assert int(contracts["metadata"]["annotations"][key]) < int(notes[key])
    assert not {each["kind"] for each in objects(environment)} & {"KafkaTopic", "KafkaUser"}


def test_trouble_with_a_sync_is_told_whoever_pages(environment: str):
    """Argo CD tells of failed syncs and degraded Applications by a bot of Slack's, whose token External Secrets puts
    into the secret that its settings name, and into no other; no Alertmanager has to pass it on.
    """
    told = yaml.safe_load((ROOT / "argocd" / "bootstrap" / "notifications.yaml").read_text())["data"]
    [subscription] = yaml.safe_load(told["subscriptions"])
    assert subscription["recipients"] == ["slack:data-platform"]
    for trigger in subscription["triggers"]:
        [condition] = yaml.safe_load(told[f"trigger.{trigger}"])
        assert all(yaml.safe_load(told[f"template.{name}"])["message"] for name in condition["send"])
    assert {key for key in told if key.startswith("service.")} == {"service.slack"}
    key = yaml.safe_load(told["service.slack"])["token"].removeprefix("$")
    found = {each["metadata"]["name"]: each for each in objects(environment, "ExternalSecret")}
    secret = found["argocd-notifications"]
    # Argo CD's own manifest makes it.
    assert secret["spec"]["target"] == {"name": "argocd-notifications-secret", "creationPolicy": "Merge"}
    assert secret["metadata"]["namespace"] == "argocd"
    assert [(each["secretKey"], each["remoteRef"]["property"]) for each in secret["spec"]["data"]] == [(key, key)]
    assert [name for name, each in found.items() if key in json.dumps(each)] == ["argocd-notifications"]


def _objects_of(environment: str, application: str) -> list[Manifest]:
    """What an Application of our own manifests applies."""
    return {**rendered(environment), "root": []}.get(application, [])
