"""Everything Argo CD applies is rendered from Git and from what Terraform made, and from nothing else."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, build, objects, overlays, reference, rendered

# Which objects use each of Terraform's outputs (overlays/<env>/values/platform.yaml).
USES = {
    "AWS_REGION": {"Application/argocd/airflow", "ConfigMap/tillstream/platform"},
    "TILLSTREAM_LAKE_URI": {"Application/argocd/airflow", "ConfigMap/tillstream/platform"},
    "TILLSTREAM_CHECKPOINTS_URI": {"Application/argocd/airflow", "ConfigMap/tillstream/platform"},
    "TILLSTREAM_KAFKA_BOOTSTRAP": {
        "Application/argocd/airflow",
        "ConfigMap/tillstream/platform",
        "ScrapeConfig/monitoring/kafka",
        "ScrapeConfig/monitoring/kafka-node",
    },
    "TILLSTREAM_KAFKA_LOGIN": {"Application/argocd/airflow", "ConfigMap/tillstream/platform"},
    "region": {"ClusterSecretStore/aws", "Application/argocd/cluster-autoscaler"},
    "cluster_name": {"Application/argocd/cluster-autoscaler"},
    "vpc_cidr": {
        "NetworkPolicy/airflow/database",
        "NetworkPolicy/airflow/kafka",
        "NetworkPolicy/tillstream/kafka",
    },
    "artifacts_bucket": {
        "Application/argocd/airflow",
        "ConfigMap/tillstream/platform",
        "SparkApplication/tillstream/export",
        "SparkApplication/tillstream/ingest",
        "SparkApplication/tillstream/rollup",
        "SparkApplication/tillstream/rollup-backfill",
    },
    "image_airflow": {"Application/argocd/airflow"},
    "image_spark": {
        "Deployment/tillstream/lake-exporter",
        "Job/kafka/kafka-users",
        "Job/tillstream/topics-apply",
        "SparkApplication/tillstream/export",
        "SparkApplication/tillstream/ingest",
        "SparkApplication/tillstream/rollup",
        "SparkApplication/tillstream/rollup-backfill",
    },
    "database_host": {"ExternalSecret/airflow/airflow-database"},
    "database_name": {"ExternalSecret/airflow/airflow-database"},
    "database_secret_arn": {"ExternalSecret/airflow/airflow-database"},
    "secrets_prefix": {
        "ExternalSecret/airflow/airflow-keys",
        "ExternalSecret/airflow/kafka-login-airflow-triggerer",
        "ExternalSecret/argocd/argocd-notifications",
        "ExternalSecret/kafka/kafka-clients-ca",
        "ExternalSecret/kafka/kafka-clients-ca-cert",
        "ExternalSecret/kafka/kafka-clients-issuer",
        "ExternalSecret/kafka/kafka-users",
        "ExternalSecret/monitoring/grafana-admin",
        "ExternalSecret/monitoring/paging",
        "ExternalSecret/tillstream/kafka-login-quality",
        "ExternalSecret/tillstream/kafka-login-spark-ingest",
        "ExternalSecret/tillstream/kafka-login-topics",
        "ExternalSecret/tillstream/store-master-key",
    },
    # Of Grafana, which pages; Alertmanager is told nothing then.
    "oncall_topic_arn": {"Application/argocd/kube-prometheus-stack"},
    "watchdog_topic_arn": {"Application/argocd/kube-prometheus-stack"},
    "role_arn_airflow": {"ServiceAccount/airflow/airflow"},
    "role_arn_airflow-triggerer": {"ServiceAccount/airflow/airflow-triggerer"},
    "role_arn_alertmanager": {"Application/argocd/kube-prometheus-stack"},
    "role_arn_cloudwatch-exporter": {"ServiceAccount/monitoring/cloudwatch-exporter"},
    "role_arn_cluster-autoscaler": {"Application/argocd/cluster-autoscaler"},
    "role_arn_external-secrets": {"Application/argocd/external-secrets"},
    "role_arn_grafana": {"Application/argocd/kube-prometheus-stack"},
    **{
        f"role_arn_{name}": {f"ServiceAccount/tillstream/{name}"}
        for name in ("lake-exporter", "quality", "reference-data", "spark-batch", "spark-ingest", "topics", "upkeep")
    },
}
# These are in nearly every Application, and are followed by name there.
EVERYWHERE = {"environment", "repository_url", "revision"}
# For people, for the workflows, and for what is rendered outside the cluster.
NOT_APPLIED = {
    "account_id",
    "database_port",
    "image_store",
    "kafka_cluster_arn",
    "kafka_cluster_name",
    "kafka_mode",
}
# All in which dev may differ from prod beside Terraform's values: sizes.
SIZES = re.compile(r"spec/executor/instances|.*/replicas|.*/(alertmanagerSpec|apiServer)")


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Manifest]]:
    """By environment and reference, the objects rendered with a word of its own for every value of an environment."""
    root = tmp_path_factory.mktemp("marked")
    for folder in ("argocd", "contracts"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (root / "argocd" / "overlays").glob("*/values/[pi]*.yaml"):
        source = yaml.safe_load(file.read_text())
        source["data"] = {key: f"marked-{key}-end" for key in source["data"]}
        if bootstrap := source["data"].get("TILLSTREAM_KAFKA_BOOTSTRAP"):
            source["data"]["TILLSTREAM_KAFKA_BOOTSTRAP"] = ",".join([bootstrap] * 3)
        file.write_text(yaml.safe_dump(source))
    return {
        environment: {reference(each): each for folder in overlays(environment, root) for each in build(folder)}
        for environment in ENVIRONMENTS
    }


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_terraform_tells_all_that_is_asked(environment: str):
    """The file that Terraform's apply writes has the keys that are followed here, no more and no fewer."""
    file = ROOT / "argocd" / "overlays" / environment / "values" / "platform.yaml"
    assert set(yaml.safe_load(file.read_text())["data"]) == set(USES) | EVERYWHERE | NOT_APPLIED


@pytest.mark.parametrize("key", sorted(USES))
def test_a_value_reaches_the_objects_that_need_it(marked: dict[str, dict[str, Manifest]], key: str):
    """Each output of Terraform ends in exactly the objects that use it."""
    for made in marked.values():
        assert {name for name, each in made.items() if f"marked-{key}-end" in json.dumps(each)} == USES[key]


def test_every_application_follows_this_repository(marked: dict[str, dict[str, Manifest]]):
    """Repository, revision and environment are Terraform's in every Application and project."""
    for name, printed in ((name, json.dumps(each)) for made in marked.values() for name, each in made.items()):
        if name.startswith("Application/"):
            assert "marked-repository_url-end" in printed
            assert "marked-revision-end" in printed
            assert "overlays/" not in printed or "argocd/overlays/marked-environment-end/" in printed
        elif name.startswith("AppProject/") and not name.endswith("/default"):
            assert "marked-repository_url-end" in printed


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_placeholder_is_left(environment: str):
    """What a base leaves to its overlay is set there, and the sources of values are not applied."""
    for each in objects(environment):
        printed = json.dumps(each)
        for word in ("set-by-overlay", "@unset", "this-re", "overlays/environment", "0.0.0.0/32"):
            assert word not in printed, reference(each)
        assert reference(each) not in {"ConfigMap/terraform", "ConfigMap/images"}


def test_environments_differ_in_values_and_sizes_only(marked: dict[str, dict[str, Manifest]]):
    """Dev and prod are the same objects; beside Terraform's values and the images' digests only sizes differ."""
    dev, prod = (marked[environment] for environment in ENVIRONMENTS)
    assert dev.keys() == prod.keys()
    for name, one in dev.items():
        different = [path for path in _differences(one, prod[name]) if not SIZES.fullmatch(path)]
        assert not different, f"{name}: {different}"


def test_every_contract_is_given_to_the_topics_job():
    """The ConfigMap of contracts holds every contract; its name changes with its content, so a change is applied."""
    made = next(each for each in rendered("dev")["topics"] if each["kind"] == "ConfigMap")
    assert set(made["data"]) == {each.name for each in (ROOT / "contracts").glob("*.odcs.yaml")}
    assert re.fullmatch(r"contracts-[a-z0-9]{10}", made["metadata"]["name"])
    job = next(each for each in rendered("dev")["topics"] if each["kind"] == "Job")
    assert made["metadata"]["name"] in json.dumps(job["spec"]["template"]["spec"]["volumes"])


def test_one_machine_runs_the_very_same_base():
    """The local overlay patches hosts and sizes, and leaves everything else of an application as prod has it."""
    mine = {each["metadata"]["name"]: each for each in build(ROOT / "argocd" / "overlays" / "local")}
    for name, prod in ((each["metadata"]["name"], each) for each in objects("prod", "SparkApplication")):
        allowed = re.compile(
            r"spec/(image|driver/memory|executor/(instances|cores))"
            r"|spec/sparkConf/spark\.(hadoop\.fs\.s3a\.(endpoint|path\.style\.access)"
            r"|eventLog\.(enabled|dir)|driver\.extraJavaOptions)"
        )
        assert not [path for path in _differences(mine[name], prod) if not allowed.fullmatch(path)]


def test_every_application_finds_its_folder():
    """Every folder that an Application names is in this repository."""
    for environment in ENVIRONMENTS:
        for application in objects(environment, "Application"):
            if "source" in application["spec"]:
                assert (ROOT / Path(application["spec"]["source"]["path"]) / "kustomization.yaml").exists()
            else:
                for file in application["spec"]["sources"][0]["helm"]["valueFiles"]:
                    assert (ROOT / file.removeprefix("$repository/")).exists()


def _differences(one: object, other: object, path: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() | other.keys()
        return [
            found
            for key in sorted(keys)
            for found in (
                _differences(one[key], other[key], f"{path}/{key}".lstrip("/"))
                if key in one and key in other
                else [f"{path}/{key}".lstrip("/")]
            )
        ]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            found for i, pair in enumerate(zip(one, other, strict=True)) for found in _differences(*pair, f"{path}/{i}")
        ]
    return [] if one == other else [path]
