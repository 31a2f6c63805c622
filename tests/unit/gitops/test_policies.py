"""What every manifest must be, whoever writes it: each rule is a test over all that Argo CD applies."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from lake.settings import LakeSettings
from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, applications, objects, reference, rendered, values
from topics.logins import Iam
from topics.settings import KafkaSettings

pytestmark = pytest.mark.parametrize("environment", ENVIRONMENTS)

OURS = ("airflow", "tillstream")
DIGEST = re.compile(r"[^@]+@sha256:[0-9a-f]{64}")
# Pods that are ours: the rest comes out of charts, whose values say the same where the charts let them.
Pod = tuple[str, Manifest, list[Manifest]]


def pods(environment: str) -> Iterator[Pod]:
    """Each kind of pod that is ours: what it is, its pod-wide settings, its containers."""
    for each in objects(environment, "Job", "Deployment"):
        spec = each["spec"]["template"]["spec"]
        yield reference(each), spec, spec["containers"]
    template = yaml.safe_load(values("airflow")["podTemplate"])["spec"]
    yield "podTemplate of airflow", template, template["containers"]
    for each in objects(environment, "SparkApplication"):
        for role in ("driver", "executor"):
            part = each["spec"][role]
            spec = {**part, "securityContext": part["podSecurityContext"], "serviceAccountName": part["serviceAccount"]}
            # Spark makes the memory it asks for the limit, too.
            resources = {"limits": {"memory": part["memory"]}, "requests": {"cpu": part["cores"]}}
            container = {"image": each["spec"]["image"], "resources": resources, "volumeMounts": part["volumeMounts"]}
            yield f"{reference(each)} {role}", spec, [container | {"securityContext": part["securityContext"]}]


def test_pods_are_restricted(environment: str):
    """A pod runs as an ordinary user without capabilities, cannot become another, and its system calls are filtered."""
    for name, pod, containers in pods(environment):
        security = pod["securityContext"]
        assert security["runAsNonRoot"] is True, name
        assert security["runAsUser"] >= 10000, name
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in containers:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False, name
            assert own["capabilities"] == {"drop": ["ALL"]}, name


def test_pods_write_only_where_they_must(environment: str):
    """Our own pods have a read-only root; what they write goes to volumes that are bounded in size."""
    for name, _, containers in pods(environment):
        # Airflow writes below its own home while it starts.
        if name != "podTemplate of airflow":
            assert all(each["securityContext"]["readOnlyRootFilesystem"] is True for each in containers), name
            assert all(any(mount["mountPath"] == "/tmp" for mount in each["volumeMounts"]) for each in containers), name  # noqa: S108 - a mount
    for each in objects(environment, "Job", "Deployment", "SparkApplication"):
        spec = each["spec"].get("template", {}).get("spec", each["spec"])
        for volume in spec["volumes"]:
            if "emptyDir" in volume:
                assert volume["emptyDir"]["sizeLimit"], reference(each)


def test_pods_are_limited(environment: str):
    """Every container asks for processor and memory, and is stopped at a limit of memory."""
    for name, _, containers in pods(environment):
        for container in containers:
            assert container["resources"]["requests"]["cpu"], name
            assert container["resources"]["limits"]["memory"], name


def test_images_are_named_by_digest(environment: str):
    """What runs is what was built and scanned: no tag, least of all `latest`, decides it."""
    for name, _, containers in pods(environment):
        for container in containers:
            if name != "podTemplate of airflow":
                assert DIGEST.fullmatch(container["image"]), name
    assert "@{{ .Values.images.airflow.digest }}" in values("airflow")["podTemplate"]
    given = applications(environment)["airflow"]["spec"]["sources"][0]["helm"]["valuesObject"]["images"]["airflow"]
    assert DIGEST.fullmatch(f"{given['repository']}@{given['digest']}")


def test_nothing_is_called_latest(environment: str):
    """No image, chart or revision floats: `latest`, `*`, ranges and HEAD are nowhere."""
    for name, application in applications(environment).items():
        for source in application["spec"].get("sources", []):
            if "chart" in source:
                assert re.fullmatch(r"v?\d+\.\d+\.\d+", source["targetRevision"]), name
    for each in objects(environment):
        assert ":latest" not in json.dumps(each), reference(each)
    for file in (ROOT / "argocd").rglob("*.yaml"):
        assert not re.search(r"latest|HEAD", file.read_text()), file


def test_namespaces_are_restricted(environment: str):
    """Pod Security holds `restricted` in every namespace but the one whose pods read their hosts' numbers."""
    levels = {
        each["metadata"]["name"]: each["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for each in objects(environment, "Namespace")
    }
    assert {name for name, level in levels.items() if level != "restricted"} == {"monitoring"}
    destinations = {each["spec"]["destination"]["namespace"] for each in applications(environment).values()}
    assert destinations <= levels.keys() | {"argocd", "kube-system"}


def test_nobody_talks_to_anybody_unless_it_is_written(environment: str):
    """Our namespaces deny all traffic in and out by default, and have a quota and default limits."""
    for namespace in OURS:
        found = [each for each in objects(environment) if each["metadata"].get("namespace") == namespace]
        default = next(each for each in found if each["metadata"]["name"] == "default-deny")
        assert default["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
        assert {"ResourceQuota", "LimitRange"} <= {each["kind"] for each in found}


def test_pods_fit_their_quota(environment: str):
    """All streams and one batch run at once stay below the namespace's quota of memory."""
    quota = next(
        each for each in objects(environment, "ResourceQuota") if each["metadata"]["namespace"] == "tillstream"
    )["spec"]["hard"]
    asked = 0
    for each in objects(environment, "SparkApplication"):
        for role, count in (("driver", 1), ("executor", each["spec"]["executor"]["instances"])):
            part = each["spec"][role]
            asked += count * (_mebibytes(part["memory"]) + _mebibytes(part.get("memoryOverhead", "384m")))
    assert asked < _mebibytes(quota["limits.memory"])


def test_service_accounts_are_who_terraform_trusts(environment: str):
    """Each service account that bears a role's ARN is one that Terraform's trust policies name, and the other way."""
    source = (ROOT / "terraform" / "modules" / "workload_identity" / "workloads.tf").read_text()
    pattern = r"^\s+([a-z-]+)\s+= \{ namespace = (?:var\.namespaces\.(\w+)|\"([a-z-]+)\"), name = \"([a-z-]+)\" \}"
    trusted = {
        (named or {"platform": "tillstream"}.get(variable, variable.replace("_", "-")), account): workload
        for workload, variable, named, account in re.findall(pattern, source, re.MULTILINE)
    }
    assert trusted, "the accounts in workloads.tf are written in another way than this test reads"
    for (namespace, account), arn in _role_arns(environment).items():
        assert arn.endswith(f"-{trusted[namespace, account]}"), (namespace, account)
    # Terraform gives these two to EKS's addons itself.
    by_addon = {"ebs-csi", "vpc-cni"}
    assert set(trusted.values()) - by_addon == {trusted[each] for each in _role_arns(environment)}


def test_pods_run_as_declared_accounts(environment: str):
    """Every pod names a service account that Git declares, and only those that need the API get its token."""
    declared = {
        each["metadata"]["name"]: each["automountServiceAccountToken"]
        for each in objects(environment, "ServiceAccount")
    }
    for name, pod, _ in pods(environment):
        assert pod["serviceAccountName"] in declared, name
    bound = {subject["name"] for each in objects(environment, "RoleBinding") for subject in each["subjects"]}
    # No pod runs as this one: External Secrets asks for its token.
    bound -= {"kafka-brokers"}
    assert {name for name, token in declared.items() if token} == bound


def test_roles_name_verbs_and_resources(environment: str):
    """No role of ours says `*`, and each is bound to a service account that exists."""
    accounts = {
        (each["metadata"]["namespace"], each["metadata"]["name"]) for each in objects(environment, "ServiceAccount")
    }
    for each in objects(environment, "Role", "ClusterRole"):
        assert "*" not in json.dumps(each["rules"]), reference(each)
    for each in objects(environment, "RoleBinding", "ClusterRoleBinding"):
        for subject in each["subjects"]:
            assert (subject["namespace"], subject["name"]) in accounts, reference(each)


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
    wave = {name: _wave(each) for name, each in applications(environment).items()}
    projects = {each["metadata"]["name"]: _wave(each) for each in objects(environment, "AppProject")}
    for name, each in applications(environment).items():
        # The root's own comes with it, by hand.
        assert name == "root" or projects[each["spec"]["project"]] < wave[name], name
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
        assert wave[first] < wave[then], (first, then)


def test_topics_are_applied_at_each_sync(environment: str):
    """The job of the topics is a hook of the phase Sync, after the contracts, and replaced before each run."""
    contracts, job = (
        next(each for each in rendered(environment)["topics"] if each["kind"] == kind) for kind in ("ConfigMap", "Job")
    )
    notes = job["metadata"]["annotations"]
    assert notes["argocd.argoproj.io/hook"] == "Sync"
    assert notes["argocd.argoproj.io/hook-delete-policy"] == "BeforeHookCreation"
    wave = "argocd.argoproj.io/sync-wave"
    assert int(contracts["metadata"]["annotations"][wave]) < int(notes[wave])
    assert not {each["kind"] for each in objects(environment)} & {"KafkaTopic", "KafkaUser"}


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


def test_pods_are_made_by_drivers_and_the_scheduler_only(environment: str):
    """Whoever makes pods in a namespace may be each of its accounts: that is a driver among its own, and Airflow's
    scheduler, for tasks. Airflow's chart would give it to every task, and the way into running pods with it. Nobody
    goes into one.
    """
    assert values("airflow")["allowPodLaunching"] is False
    roles = {(each["metadata"]["namespace"], each["metadata"]["name"]): each for each in objects(environment, "Role")}
    makers: dict[str, set[str]] = {}
    for binding in objects(environment, "RoleBinding"):
        namespace = binding["metadata"]["namespace"]
        for rule in roles[namespace, binding["roleRef"]["name"]]["rules"]:
            assert not {"pods/exec", "pods/attach", "pods/portforward"} & set(rule["resources"])
            if "pods" in rule["resources"] and "create" in rule["verbs"]:
                makers.setdefault(namespace, set()).update(each["name"] for each in binding["subjects"])
    assert makers == {
        "airflow": {"airflow-scheduler"},
        "tillstream": {"airflow-scheduler", "spark-batch", "spark-ingest"},
    }


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


def _role_arns(environment: str) -> dict[tuple[str, str], str]:
    """Each service account with a role's ARN, whether Git declares it or a chart makes it."""
    key = "eks.amazonaws.com/role-arn"
    found = {
        (each["metadata"]["namespace"], each["metadata"]["name"]): each["metadata"]["annotations"][key]
        for each in objects(environment, "ServiceAccount")
        if key in each["metadata"].get("annotations", {})
    }
    for name, application in applications(environment).items():
        for source in application["spec"].get("sources", []):
            given = source.get("helm", {}).get("valuesObject", {})
            for path, account in _accounts(given):
                named: Any = values(name)
                for part in path:
                    named = named[part]
                found[application["spec"]["destination"]["namespace"], named["name"]] = account["annotations"][key]
    return found


def _accounts(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Manifest]]:
    if isinstance(given, dict):
        for key, value in given.items():
            if key == "serviceAccount":
                yield (*path, key), value
            else:
                yield from _accounts(value, (*path, key))


def airflow_of(environment: str) -> Manifest:
    """What the Application adds to the values file of Airflow's chart."""
    found: Manifest = applications(environment)["airflow"]["spec"]["sources"][0]["helm"]["valuesObject"]
    return found


def _ports_out(policy: Manifest) -> set[int]:
    return {port["port"] for rule in policy.get("egress", []) for port in rule.get("ports", [])}


def _objects_of(environment: str, application: str) -> list[Manifest]:
    """What an Application of our own manifests applies."""
    return {**rendered(environment), "root": []}.get(application, [])


def _wave(each: Manifest) -> int:
    return int(each["metadata"].get("annotations", {}).get("argocd.argoproj.io/sync-wave", "0"))


def _mebibytes(size: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(\w+)", size).groups()  # type: ignore[union-attr]
    return int(number) * {"m": 1, "Mi": 1, "g": 1024, "Gi": 1024}[unit]
