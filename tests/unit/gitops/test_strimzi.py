"""An environment whose Kafka runs in the cluster: what docs/gitops.md says to list makes it whole."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import contracts
from orchestration.runtime import PIPELINE
from orchestration.workloads import KAFKA_LOGIN, KAFKA_USERS, secrets_of, variables_of
from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, build, overlays
from topics.users import users_of

# The one line that each of an environment's folders then has more, before all other components.
COMPONENTS = {
    "apps": "../../../apps/kafka",
    "streams": "../../../apps/kafka/login",
    "topics": "../../../apps/kafka/login",
}


# And the folder that lists another one.
WATCHING = {"../../../apps/watching/msk": "../../../apps/watching/strimzi"}
# What Terraform says of such an environment.
PLATFORM = {
    "kafka_mode": "strimzi",
    "kafka_cluster_name": "",
    "kafka_cluster_arn": "",
    "TILLSTREAM_KAFKA_BOOTSTRAP": "kafka-kafka-bootstrap.kafka.svc:9093",
    "TILLSTREAM_KAFKA_LOGIN": "scram",
}
ALERTS = "alerts/kafka.yaml"
PROMTOOL = ROOT / ".tools" / "bin" / "promtool"


@pytest.fixture(scope="module", params=ENVIRONMENTS)
def environment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def made(environment: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Manifest]]:
    """The objects of such an environment, by folder."""
    root = tmp_path_factory.mktemp("strimzi")
    for folder in ("argocd", "contracts"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    overlay = root / "argocd" / "overlays" / environment
    for name in (*COMPONENTS, "watching"):
        file = overlay / name / "kustomization.yaml"
        kustomization = yaml.safe_load(file.read_text())
        listed = [WATCHING.get(each, each) for each in kustomization["components"]]
        kustomization["components"] = [*([COMPONENTS[name]] if name in COMPONENTS else []), *listed]
        file.write_text(yaml.safe_dump(kustomization))
    file = overlay / "values" / "platform.yaml"
    source = yaml.safe_load(file.read_text())
    source["data"] |= PLATFORM
    file.write_text(yaml.safe_dump(source))
    return {each.name: build(each) for each in overlays(environment, root)}


def named(made: dict[str, list[Manifest]], folder: str, kind: str, name: str) -> Manifest:
    return next(each for each in made[folder] if (each["kind"], each["metadata"]["name"]) == (kind, name))


def test_kafka_comes_after_its_operator_and_before_its_topics(made: dict[str, list[Manifest]]):
    """Operators and secrets, then Kafka with its users, then topics: each in a later wave."""
    wave = [
        int(named(made, "apps", "Application", name)["metadata"]["annotations"]["argocd.argoproj.io/sync-wave"])
        for name in ("cert-manager", "secrets", "strimzi", "kafka", "topics")
    ]
    assert wave == sorted(set(wave))


def test_its_project_admits_all_of_it(made: dict[str, list[Manifest]], environment: str):
    """Every kind is in the project's lists, and the folder is one of this environment."""
    application = named(made, "apps", "Application", "kafka")["spec"]
    assert application["source"]["path"] == f"argocd/overlays/{environment}/kafka"
    project = named(made, "apps", "AppProject", application["project"])["spec"]
    admitted, cluster_wide = (
        {(each["group"], each["kind"]) for each in project[f"{scope}ResourceWhitelist"]}
        for scope in ("namespace", "cluster")
    )
    destinations = {each["namespace"] for each in project["destinations"]}
    for each in made["kafka"]:
        group = each["apiVersion"].partition("/")[0] if "/" in each["apiVersion"] else ""
        if namespace := each["metadata"].get("namespace"):
            assert (group, each["kind"]) in admitted
            assert namespace in destinations
        else:
            assert (group, each["kind"]) in cluster_wide


def test_every_workload_that_logs_in_gets_a_user(made: dict[str, list[Manifest]]):
    """The passwords that the job takes are those of exactly the users that it asks for, by the contracts."""
    passwords = named(made, "kafka", "ExternalSecret", "kafka-users")["spec"]["data"]
    users = users_of(contracts.load().values())
    assert {each["secretKey"] for each in passwords} == users
    assert all(each["secretKey"] == each["remoteRef"]["property"] for each in passwords)
    logins = {each["metadata"]["name"] for each in made["kafka"] if each["kind"] == "ExternalSecret"}
    assert {f"kafka-login-{user}" for user in users} <= logins


def test_workloads_log_in_by_their_own_password(made: dict[str, list[Manifest]]):
    """Driver, executors, the topics' job and Airflow's triggerer name their user, and mount its secret where the
    variables say.
    """
    stream = named(made, "streams", "SparkApplication", "ingest")["spec"]
    job = named(made, "topics", "Job", "topics-apply")["spec"]["template"]["spec"]
    airflow = named(made, "apps", "Application", "airflow")["spec"]
    triggerer = airflow["sources"][0]["helm"]["valuesObject"]["triggerer"]
    for user, namespace, volumes, env, mounts in (
        *(
            ("spark-ingest", "tillstream", stream["volumes"], part["env"], part["volumeMounts"])
            for part in (stream["driver"], stream["executor"])
        ),
        ("topics", "tillstream", job["volumes"], job["containers"][0]["env"], job["containers"][0]["volumeMounts"]),
        (
            "airflow-triggerer",
            airflow["destination"]["namespace"],
            triggerer["extraVolumes"],
            triggerer["env"],
            triggerer["extraVolumeMounts"],
        ),
    ):
        variables = {each["name"]: each["value"] for each in env}
        assert variables["TILLSTREAM_KAFKA_USERNAME"] == user
        [volume] = [each for each in volumes if each.get("secret", {}).get("secretName") == f"kafka-login-{user}"]
        [place] = [each["mountPath"] for each in mounts if each["name"] == volume["name"]]
        assert files(variables) <= mounted(made, user, namespace, place)


@pytest.mark.parametrize("workload", sorted(KAFKA_USERS))
def test_tasks_log_in_by_their_workloads_password(made: dict[str, list[Manifest]], workload: str):
    """The pod of a task takes the workload's secret, which is then in the namespace of the pods, and finds it by the
    variables of the ConfigMap that it takes, too.
    """
    told = named(made, "kafka", "ConfigMap", KAFKA_LOGIN)
    variables = told["data"] | variables_of(workload)
    assert variables["TILLSTREAM_KAFKA_USERNAME"] == workload
    [place] = [each.place for each in secrets_of(workload) if each.secret == f"kafka-login-{workload}"]
    assert files(variables) <= mounted(made, workload, PIPELINE, place)
    assert told["metadata"]["namespace"] == PIPELINE


def test_the_brokers_authority_reaches_every_log_in(made: dict[str, list[Manifest]]):
    """The store that hands out the brokers' authority serves the namespaces of all log-ins, asks by an account that may
    read that one secret, and has what it needs in Kafka's own namespace.
    """
    store = named(made, "kafka", "ClusterSecretStore", "kafka-brokers")["spec"]
    served = {namespace for each in store["conditions"] for namespace in each["namespaces"]}
    asking = [
        each
        for each in made["kafka"]
        if each["kind"] == "ExternalSecret" and "kafka-brokers" in json.dumps(each["spec"])
    ]
    assert {each["metadata"]["namespace"] for each in asking} == served
    kubernetes = store["provider"]["kubernetes"]
    account = kubernetes["auth"]["serviceAccount"]
    binding = named(made, "kafka", "RoleBinding", "brokers-authority")
    assert binding["subjects"] == [{"kind": "ServiceAccount"} | account]
    assert binding["metadata"]["namespace"] == kubernetes["remoteNamespace"] == account["namespace"]
    [rule] = named(made, "kafka", "Role", binding["roleRef"]["name"])["rules"]
    wanted = {
        each["remoteRef"]["key"] for one in asking for each in one["spec"]["data"] if "kafka-brokers" in str(each)
    }
    assert (set(rule["resourceNames"]), rule["verbs"]) == (wanted, ["get"])


def test_the_administrator_is_the_brokers_superuser(made: dict[str, list[Manifest]]):
    """The certificate's subject, as Kafka spells it, is the superuser, and only the job of the users has its key."""
    certificate = named(made, "kafka", "Certificate", "kafka-administrator")
    spec = certificate["spec"]
    [unit], [organization] = spec["subject"]["organizationalUnits"], spec["subject"]["organizations"]
    subject = f"CN={spec['commonName']},OU={unit},O={organization}"
    kafka = named(made, "kafka", "Kafka", "kafka")["spec"]["kafka"]
    assert kafka["authorization"]["superUsers"] == [subject]
    assert certificate["metadata"]["namespace"] == "kafka"
    assert _users_of_secret(made, spec["secretName"]) == {"kafka/kafka-users"}


def test_stores_come_by_internal_load_balancers_only(made: dict[str, list[Manifest]]):
    """EKS makes a load balancer for the listener of the stores and one for each broker: by the names that it and the
    AWS Load Balancer Controller go by, all of them are internal network load balancers.
    """
    spec = named(made, "kafka", "Kafka", "kafka")["spec"]["kafka"]
    assert [each["name"] for each in spec["listeners"] if each["type"] != "internal"] == ["stores"]
    for service in ("externalBootstrapService", "perPodService"):
        told = spec["template"][service]["metadata"]["annotations"]
        assert told == {
            "service.beta.kubernetes.io/aws-load-balancer-type": "nlb",
            "service.beta.kubernetes.io/aws-load-balancer-internal": "true",
            "service.beta.kubernetes.io/aws-load-balancer-scheme": "internal",
        }


def test_workloads_reach_the_brokers(made: dict[str, list[Manifest]]):
    """Who logs in is let through to Kafka's namespace: its first address is outside the VPC's range."""
    port = int(PLATFORM["TILLSTREAM_KAFKA_BOOTSTRAP"].rpartition(":")[2])
    ways = [each for each in made["foundation"] if each["metadata"]["name"] == "kafka" and each["kind"] != "Namespace"]
    assert {each["metadata"]["namespace"] for each in ways} == {"airflow", "tillstream"}
    for each in ways:
        [to_kafka] = [rule for rule in each["spec"]["egress"] if "namespaceSelector" in rule["to"][0]]
        assert to_kafka["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kafka"}}}]
        assert [each["port"] for each in to_kafka["ports"]] == [port]


def test_the_brokers_are_watched_as_msk_is(made: dict[str, list[Manifest]]):
    """Strimzi's pods are found and bear the job's name that the rules ask for; nothing looks for MSK's brokers."""
    kafka = named(made, "kafka", "Kafka", "kafka")
    monitor = named(made, "kafka", "PodMonitor", "kafka")["spec"]
    assert monitor["selector"]["matchLabels"]["strimzi.io/cluster"] == kafka["metadata"]["name"]
    [endpoint] = monitor["podMetricsEndpoints"]
    assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "kafka"}]
    metrics = kafka["spec"]["kafka"]["metricsConfig"]["valueFrom"]["configMapKeyRef"]
    assert metrics["key"] in named(made, "kafka", "ConfigMap", metrics["name"])["data"]
    assert not [each for each in made["watching"] if each["kind"] == "ScrapeConfig"]


def test_rules_see_brokers_and_disks_as_those_of_msk(made: dict[str, list[Manifest]], tmp_path: Path):
    """KafkaDiskFilling sees the volumes of the brokers, which only the kubelet tells of, and no other volume;
    KafkaBrokerDown a broker whose pod waits for a node, which is no target of Prometheus's.
    """
    rules = [named(made, "watching", "PrometheusRule", "kafka-brokers"), yaml.safe_load((ROOT / ALERTS).read_text())]
    for name, rule in zip(("brokers", "kafka"), rules, strict=True):
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(rule["spec"]))
    # Bytes that are free; how much of 999,900 goes in a minute.
    volumes = {"data-kafka-brokers-0": "390000-110x460", "data-kafka-brokers-1": "390000x460", "else": "390000-110x460"}
    running = {"kafka-brokers-0": "1x460", "kafka-brokers-2": "0x460", "kafka-users-abcde": "0x460"}
    given = {
        f'{metric}{{namespace="kafka", persistentvolumeclaim="{claim}", instance="node:10250"}}': values
        for claim, available in volumes.items()
        for metric, values in (
            ("kubelet_volume_stats_available_bytes", available),
            ("kubelet_volume_stats_capacity_bytes", "999900x460"),
        )
    } | {
        f'kube_pod_status_phase{{namespace="kafka", pod="{pod}", phase="Running"}}': values
        for pod, values in running.items()
    }
    expected = {
        "KafkaDiskFilling": 'instance="kafka-brokers-0", job="kafka-node", mountpoint="/kafka"',
        "KafkaBrokerDown": 'instance="kafka-brokers-2", job="kafka"',
    }
    test = {
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in given.items()],
        "promql_expr_test": [
            {
                "eval_time": "450m",
                "expr": f'ALERTS{{alertname="{alert}", alertstate="firing"}}',
                "exp_samples": [
                    {
                        "labels": f'ALERTS{{alertname="{alert}", alertstate="firing", severity="page", {labels}}}',
                        "value": 1,
                    }
                ],
            }
            for alert, labels in expected.items()
        ],
    }
    file = tmp_path / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["brokers.yaml", "kafka.yaml"], "tests": [test]}))
    run = subprocess.run([PROMTOOL, "test", "rules", file], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def files(variables: Mapping[str, str]) -> set[str]:
    """The files that somebody logs in by."""
    return {variables["TILLSTREAM_KAFKA_PASSWORD_FILE"], variables["TILLSTREAM_KAFKA_CA_FILE"]}


def mounted(made: dict[str, list[Manifest]], user: str, namespace: str, place: str) -> set[str]:
    """The files of a user's log-in where it is mounted; its secret must be in the pod's namespace."""
    secret = named(made, "kafka", "ExternalSecret", f"kafka-login-{user}")
    assert secret["metadata"]["namespace"] == namespace
    return {f"{place}/{each['secretKey']}" for each in secret["spec"]["data"]}


def _users_of_secret(made: dict[str, list[Manifest]], secret: str) -> set[str]:
    found = set()
    for each in (one for folder in made.values() for one in folder):
        spec: dict[str, Any] = each.get("spec", {})
        volumes = spec.get("volumes") or spec.get("template", {}).get("spec", {}).get("volumes", [])
        if any(volume.get("secret", {}).get("secretName") == secret for volume in volumes):
            found.add(f"{each['metadata']['namespace']}/{each['metadata']['name']}")
    return found
