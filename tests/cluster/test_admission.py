"""A real API server judges every object and every right."""

import json
from typing import Any

import pytest
import yaml
from botocore.exceptions import ClientError

from tests.support.cluster import MERGE, Cluster
from tests.support.manifests import ENVIRONMENTS, ROOT, Manifest, build, overlays, reference
from tests.support.platform import Cloud, assume

pytestmark = pytest.mark.timeout(3600)

APPLICATIONS = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/tillstream/sparkapplications"
DRY_RUN = ("apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "--filename=-")
# Whom Terraform gives a role, and who has a service account here. The others' accounts come with EKS's addons or with
# charts that are stood in for.
WORKLOADS = (
    "airflow",
    "airflow-triggerer",
    "cloudwatch-exporter",
    "external-secrets",
    "lake-exporter",
    "quality",
    "reference-data",
    "spark-batch",
    "spark-ingest",
    "topics",
    "upkeep",
)

# Who may do what in the cluster's API: an allow beside a deny.
#   account of namespace, verb, resource (group), namespace -> may
MATRIX = [
    ("airflow/airflow", "patch", "sparkapplications.sparkoperator.k8s.io", "tillstream", True),
    ("airflow/airflow", "create", "sparkapplications.sparkoperator.k8s.io", "tillstream", True),
    ("airflow/airflow", "delete", "sparkapplications.sparkoperator.k8s.io", "tillstream", True),
    ("airflow/airflow", "deletecollection", "sparkapplications.sparkoperator.k8s.io", "tillstream", False),
    ("airflow/airflow", "get", "sparkapplications.sparkoperator.k8s.io/status", "tillstream", True),
    ("airflow/airflow", "patch", "sparkapplications.sparkoperator.k8s.io/status", "tillstream", False),
    ("airflow/airflow", "patch", "sparkapplications.sparkoperator.k8s.io", "airflow", False),
    ("airflow/airflow", "create", "pods", "tillstream", False),
    ("airflow/airflow", "create", "pods", "airflow", False),
    ("airflow/airflow", "list", "pods", "tillstream", True),
    ("airflow/airflow", "create", "pods/exec", "tillstream", False),
    ("airflow/airflow", "get", "pods/log", "tillstream", True),
    ("airflow/airflow", "get", "secrets", "tillstream", False),
    ("airflow/airflow", "get", "secrets", "airflow", False),
    ("airflow/airflow", "create", "serviceaccounts/token", "tillstream", False),
    ("airflow/airflow", "patch", "applications.argoproj.io", "argocd", False),
    # It makes the pods of tasks, and touches nothing that they work on.
    ("airflow/airflow-scheduler", "create", "pods", "airflow", True),
    ("airflow/airflow-scheduler", "create", "pods", "tillstream", True),
    ("airflow/airflow-scheduler", "create", "pods", "monitoring", False),
    ("airflow/airflow-scheduler", "create", "pods/exec", "airflow", False),
    ("airflow/airflow-scheduler", "deletecollection", "pods", "tillstream", False),
    ("airflow/airflow-scheduler", "patch", "sparkapplications.sparkoperator.k8s.io", "tillstream", False),
    ("airflow/airflow-scheduler", "get", "secrets", "tillstream", False),
    ("airflow/airflow-triggerer", "get", "sparkapplications.sparkoperator.k8s.io", "tillstream", True),
    ("airflow/airflow-triggerer", "patch", "sparkapplications.sparkoperator.k8s.io", "tillstream", True),
    ("airflow/airflow-triggerer", "create", "sparkapplications.sparkoperator.k8s.io", "tillstream", False),
    ("airflow/airflow-triggerer", "delete", "sparkapplications.sparkoperator.k8s.io", "tillstream", False),
    ("airflow/airflow-triggerer", "patch", "sparkapplications.sparkoperator.k8s.io/status", "tillstream", False),
    ("airflow/airflow-triggerer", "create", "pods", "tillstream", False),
    ("airflow/airflow-triggerer", "get", "secrets", "airflow", False),
    ("airflow/airflow-triggerer", "get", "secrets", "tillstream", False),
    ("tillstream/spark-ingest", "create", "pods", "tillstream", True),
    ("tillstream/spark-ingest", "deletecollection", "pods", "tillstream", True),
    ("tillstream/spark-ingest", "create", "pods", "airflow", False),
    ("tillstream/spark-ingest", "create", "configmaps", "tillstream", True),
    ("tillstream/spark-ingest", "patch", "configmaps", "tillstream", False),
    ("tillstream/spark-ingest", "get", "secrets", "tillstream", False),
    ("tillstream/spark-ingest", "patch", "sparkapplications.sparkoperator.k8s.io", "tillstream", False),
    ("tillstream/spark-batch", "create", "services", "tillstream", True),
    ("tillstream/spark-batch", "create", "rolebindings.rbac.authorization.k8s.io", "tillstream", False),
    # The operator, by its own chart: the pipeline's namespace alone.
    ("spark-operator/spark-operator-controller", "create", "pods", "tillstream", True),
    ("spark-operator/spark-operator-controller", "create", "pods", "airflow", False),
    ("spark-operator/spark-operator-controller", "get", "secrets", "tillstream", False),
    *(
        (f"{namespace}/{account}", verb, resource, namespace, False)
        for namespace, account in (
            ("tillstream", "lake-exporter"),
            ("tillstream", "quality"),
            ("tillstream", "reference-data"),
            ("tillstream", "topics"),
            ("tillstream", "upkeep"),
            ("monitoring", "cloudwatch-exporter"),
            ("airflow", "airflow-dag-processor"),
            # Whoever forgets to name an account.
            ("tillstream", "default"),
            ("airflow", "default"),
        )
        for verb, resource in (("get", "pods"), ("create", "pods"), ("get", "secrets"), ("get", "configmaps"))
    ),
]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_is_accepted(cluster: Cluster, environment: str):
    """The API server takes every object of an environment in a dry run: its fields, types, references and quotas."""
    made = [each for folder in overlays(environment) for each in build(folder)]
    made += [*build(ROOT / "alerts"), *build(ROOT / "dashboards")]
    # In no Go module, so not in this cluster either.
    made = [each for each in made if not each["apiVersion"].startswith("kafka.strimzi.io/")]
    for job in (each for each in made if each["kind"] == "Job"):
        # No job can be changed into another; Argo CD removes the one before, and a dry run cannot.
        job["metadata"]["name"] += "-next"
    answer = cluster.kubectl(*DRY_RUN, manifests=yaml.safe_dump_all(made))
    assert answer.count("serverside-applied (server dry run)") == len(made)


def test_a_wrong_object_is_refused(cluster: Cluster):
    """What is not what its kind says is refused: the dry run above can fail."""
    [wrong] = [each for each in build(ROOT / "argocd/overlays/dev/streams") if each["metadata"]["name"] == "ingest"]
    wrong["spec"]["driver"]["cores"] = "one"
    answer = cluster.kubectl(*DRY_RUN, manifests=json.dumps(wrong), check=False)
    assert "spec.driver.cores" in answer


def test_a_pod_that_is_not_restricted_is_refused(cluster: Cluster):
    """Pod Security turns away a pod that would run as root or in the host's network, and takes the one declared."""
    job = next(each for each in build(ROOT / "argocd/overlays/dev/topics") if each["kind"] == "Job")
    spec = job["spec"]["template"]["spec"]
    assert "dry run" in _try_pod(cluster, "tillstream", spec)
    for wrong in ({"securityContext": {"runAsUser": 0}}, {"hostNetwork": True}):
        assert 'violates PodSecurity "restricted' in _try_pod(cluster, "tillstream", {**spec, **wrong}, check=False)


def test_a_pod_beyond_the_quota_is_refused(cluster: Cluster):
    """A pod that asks for more than its namespace may have is turned away."""
    job = next(each for each in build(ROOT / "argocd/overlays/dev/topics") if each["kind"] == "Job")
    spec = job["spec"]["template"]["spec"]
    spec["containers"][0]["resources"]["requests"]["cpu"] = "1000"
    assert "exceeded quota: pods" in _try_pod(cluster, "tillstream", spec, check=False)


def test_the_pods_of_streams_are_taken(cluster: Cluster):
    """The pods that the operator makes of the SparkApplications pass Pod Security, quota and limits."""
    for application in build(ROOT / "argocd/overlays/prod/streams"):
        if application["kind"] != "SparkApplication":
            continue
        for role in ("driver", "executor"):
            part = application["spec"][role]
            container = {
                "name": role,
                "image": application["spec"]["image"],
                "resources": {"requests": {"cpu": str(part["cores"])}, "limits": {"memory": "1Gi"}},
                "securityContext": part["securityContext"],
                "volumeMounts": part["volumeMounts"],
            }
            spec = {
                "containers": [container],
                "volumes": application["spec"]["volumes"],
                "securityContext": part["podSecurityContext"],
                "serviceAccountName": part["serviceAccount"],
                "priorityClassName": part["priorityClassName"],
            }
            assert "dry run" in _try_pod(cluster, "tillstream", spec), reference(application)


def test_the_pods_of_deployments_are_taken(cluster: Cluster):
    """What the charts, Argo CD's own manifest and we keep running passes the Pod Security of its namespace."""
    tried = set()
    for kind in ("deployments", "statefulsets"):
        for each in cluster.get(f"/apis/apps/v1/{kind}")["items"]:
            namespace = each["metadata"]["namespace"]
            assert "dry run" in _try_pod(cluster, namespace, each["spec"]["template"]["spec"]), reference(each)
            tried.add(namespace)
    assert tried == {"argocd", "cert-manager", "external-secrets", "spark-operator", "tillstream"}


def test_the_pods_of_charts_are_limited(cluster: Cluster):
    """Our values give every container of a chart a limit of memory."""
    for namespace in ("cert-manager", "external-secrets", "spark-operator"):
        for each in cluster.get(f"/apis/apps/v1/namespaces/{namespace}/deployments")["items"]:
            for container in each["spec"]["template"]["spec"]["containers"]:
                assert container["resources"]["limits"]["memory"], reference(each)


@pytest.mark.parametrize(("account", "verb", "resource", "namespace", "may"), MATRIX)
def test_rights_in_the_cluster(cluster: Cluster, account: str, verb: str, resource: str, namespace: str, may: bool):  # noqa: FBT001 - a column of the table
    """Each service account may do what its work needs, and not what is beside it: asked with its own real token."""
    token = cluster.account_token(*account.split("/"))
    name, _, subresource = resource.partition("/")
    plural, _, group = name.partition(".")
    asked = {"verb": verb, "resource": plural, "group": group, "subresource": subresource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    with cluster.client(token) as client:
        answer = client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review).raise_for_status()
    assert answer.json()["status"]["allowed"] is may


def test_rights_are_tried_for_real(cluster: Cluster):
    """Airflow's own token starts a stream and cannot touch its status; a driver's can do neither."""
    path = f"{APPLICATIONS}/rollup"
    for account, code in ((("airflow", "airflow"), 200), (("tillstream", "spark-ingest"), 403)):
        with cluster.client(cluster.account_token(*account)) as client:
            assert client.patch(path, json={"spec": {"suspend": False}}, headers=MERGE).status_code == code
            assert client.patch(f"{path}/status", json={"status": {}}, headers=MERGE).status_code == 403
    assert cluster.get(path)["spec"]["suspend"] is False
    cluster.patch(path, {"spec": {"suspend": True}})


@pytest.mark.parametrize("workload", WORKLOADS)
def test_tokens_open_the_roles_that_terraform_made(cluster: Cluster, trusting: Cloud, workload: str):
    """A pod's projected token, checked against the keys that the cluster publishes, opens its workload's role: by the
    exact subject and audience of Terraform's trust policy. It opens no other role, nor does one for the API server.
    """
    namespace, account = trusting.made.subjects[workload].split(":")
    arn = trusting.made.role_arns[workload]
    token = cluster.account_token(namespace, account, audience="sts.amazonaws.com")
    assert assume(trusting.account, arn, token)["SessionToken"]
    other = trusting.made.role_arns["topics" if workload != "topics" else "quality"]
    for wrong_arn, wrong_token in ((other, token), (arn, cluster.account_token(namespace, account))):
        with pytest.raises(ClientError) as refused:
            assume(trusting.account, wrong_arn, wrong_token)
        assert refused.value.response["Error"]["Code"] in {"AccessDenied", "InvalidIdentityToken"}


def test_accounts_bear_the_roles_that_trust_them(cluster: Cluster, trusting: Cloud):
    """The role that a service account's annotation names, written there by Git or by a chart, is that workload's."""
    for workload in WORKLOADS:
        namespace, account = trusting.made.subjects[workload].split(":")
        found = cluster.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}")
        arn = found["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
        # The same module names them, under the environment's own prefix.
        suffix = trusting.made.role_arns[workload].rpartition("/tillstream-local-")[2]
        assert arn.endswith(f":role/tillstream-dev-{suffix}"), workload


def _try_pod(cluster: Cluster, namespace: str, spec: Manifest, *, check: bool = True) -> str:
    """What the API server says to a pod that nobody makes."""
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried", "namespace": namespace},
        "spec": spec,
    }
    return cluster.kubectl(*DRY_RUN, manifests=json.dumps(pod), check=check)
