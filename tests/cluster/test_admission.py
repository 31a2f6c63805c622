"""A real API server judges every object and every right."""

import json
from typing import Any

import jwt
import pytest
import yaml

from tests.support.cluster import ISSUER, Cluster
from tests.support.manifests import ENVIRONMENTS, ROOT, build, overlays, reference
from tests.support.platform import Cloud

APPLICATIONS = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/tillstream/sparkapplications"

# Who may do what in the cluster's API: an allow beside a deny.
#   account of namespace, verb, resource (group), namespace -> may
MATRIX = [
    ("airflow/airflow", "patch", "sparkapplications.sparkoperator.k8s.io", "tillstream", True),
    ("airflow/airflow", "create", "sparkapplications.sparkoperator.k8s.io", "tillstream", True),
    ("airflow/airflow", "patch", "sparkapplications.sparkoperator.k8s.io/status", "tillstream", False),
    ("airflow/airflow", "patch", "sparkapplications.sparkoperator.k8s.io", "airflow", False),
    ("airflow/airflow", "create", "pods", "tillstream", True),
    ("airflow/airflow", "create", "pods", "monitoring", False),
    ("airflow/airflow", "create", "pods/exec", "tillstream", False),
    ("airflow/airflow", "get", "pods/log", "tillstream", True),
    ("airflow/airflow", "get", "secrets", "tillstream", False),
    ("airflow/airflow", "create", "serviceaccounts/token", "tillstream", False),
    ("tillstream/spark-ingest", "create", "pods", "tillstream", True),
    ("tillstream/spark-ingest", "deletecollection", "pods", "tillstream", True),
    ("tillstream/spark-ingest", "create", "pods", "airflow", False),
    ("tillstream/spark-ingest", "create", "configmaps", "tillstream", True),
    ("tillstream/spark-ingest", "get", "secrets", "tillstream", False),
    ("tillstream/spark-ingest", "patch", "sparkapplications.sparkoperator.k8s.io", "tillstream", False),
    ("tillstream/spark-batch", "create", "services", "tillstream", True),
    ("tillstream/spark-batch", "create", "rolebindings.rbac.authorization.k8s.io", "tillstream", False),
    *(
        (f"tillstream/{account}", verb, resource, "tillstream", False)
        for account in ("lake-exporter", "quality", "reference-data", "topics")
        for verb, resource in (("get", "pods"), ("create", "pods"), ("get", "secrets"), ("get", "configmaps"))
    ),
]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_object_is_accepted(declared: Cluster, environment: str):
    """The API server takes every object of an environment in a dry run: its fields, types, references and quotas."""
    made = [each for folder in overlays(environment) for each in build(folder)]
    made += [*build(ROOT / "alerts"), *build(ROOT / "dashboards")]
    answer = declared.apply(yaml.safe_dump_all(made), "--dry-run=server", "--validate=strict")
    assert answer.count("serverside-applied (server dry run)") == len(made)


def test_a_wrong_object_is_refused(declared: Cluster):
    """What is not what its kind says is refused: the dry run above can fail."""
    [wrong] = [each for each in build(ROOT / "argocd/overlays/dev/streams") if each["metadata"]["name"] == "ingest"]
    wrong["spec"]["driver"]["cores"] = "one"
    arguments = ("apply", "--server-side", "--dry-run=server", "--filename=-")
    answer = declared.kubectl(*arguments, manifests=json.dumps(wrong), check=False)
    assert "spec.driver.cores" in answer


def test_a_pod_that_is_not_restricted_is_refused(declared: Cluster):
    """Pod Security turns away a pod that would run as root, and takes the very pods that are declared."""
    job = next(each for each in build(ROOT / "argocd/overlays/dev/topics") if each["kind"] == "Job")
    spec = job["spec"]["template"]["spec"]
    pod: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "tillstream"}}
    arguments = ("apply", "--server-side", "--dry-run=server", "--filename=-")
    assert "dry run" in declared.kubectl(*arguments, manifests=json.dumps(pod | {"spec": spec}))
    for wrong in ({"securityContext": {"runAsUser": 0}}, {"hostNetwork": True}):
        answer = declared.kubectl(*arguments, manifests=json.dumps(pod | {"spec": {**spec, **wrong}}), check=False)
        assert 'violates PodSecurity "restricted' in answer


def test_the_pods_of_streams_are_taken(declared: Cluster):
    """The pods that the operator makes of the SparkApplications pass Pod Security and fit the quota."""
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
            pod = {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": f"{application['metadata']['name']}-{role}", "namespace": "tillstream"},
                "spec": {
                    "containers": [container],
                    "volumes": application["spec"]["volumes"],
                    "securityContext": part["podSecurityContext"],
                    "serviceAccountName": part["serviceAccount"],
                    "priorityClassName": part["priorityClassName"],
                },
            }
            answer = declared.kubectl(
                "apply", "--server-side", "--dry-run=server", "--filename=-", manifests=json.dumps(pod)
            )
            assert "dry run" in answer, reference(application)


@pytest.mark.parametrize(("account", "verb", "resource", "namespace", "may"), MATRIX)
def test_rights_in_the_cluster(declared: Cluster, account: str, verb: str, resource: str, namespace: str, may: bool):  # noqa: FBT001 - a column of the table
    """Each service account may do what its work needs, and not what is beside it: asked with its own real token."""
    token = declared.account_token(*account.split("/"))
    name, _, subresource = resource.partition("/")
    plural, _, group = name.partition(".")
    asked = {"verb": verb, "resource": plural, "group": group, "subresource": subresource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    with declared.client(token) as client:
        answer = client.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", json=review).raise_for_status()
    assert answer.json()["status"]["allowed"] is may


def test_rights_are_tried_for_real(declared: Cluster):
    """Airflow's own token starts a stream and cannot touch its status; a driver's can do neither."""
    declared.apply(yaml.safe_dump_all(build(ROOT / "argocd/overlays/dev/streams")))
    path = f"{APPLICATIONS}/ingest"
    merge = {"Content-Type": "application/merge-patch+json"}
    for account, code in ((("airflow", "airflow"), 200), (("tillstream", "spark-ingest"), 403)):
        with declared.client(declared.account_token(*account)) as client:
            assert client.patch(path, json={"spec": {"suspend": False}}, headers=merge).status_code == code
            assert client.patch(f"{path}/status", json={"status": {}}, headers=merge).status_code == 403
    assert declared.get(path)["spec"]["suspend"] is False
    with declared.client() as client:
        client.patch(path, json={"spec": {"suspend": True}}, headers=merge).raise_for_status()


@pytest.mark.parametrize("account", ["spark-ingest", "spark-batch", "quality", "topics", "reference-data"])
def test_tokens_fit_what_terraform_trusts(declared: Cluster, cloud: Cloud, account: str):
    """A pod's projected token has the subject and the audience that the role's trust policy asks for, exactly."""
    token = declared.account_token("tillstream", account, audience="sts.amazonaws.com")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["iss"] == ISSUER
    role = cloud.made.role_arns[account].rpartition("/")[2]
    policy = cloud.administrator("iam").get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    [statement] = policy["Statement"]
    conditions = {key.rpartition(":")[2]: value for key, value in statement["Condition"]["StringEquals"].items()}
    assert claims["sub"] == conditions["sub"] == f"system:serviceaccount:tillstream:{account}"
    assert claims["aud"] == [conditions["aud"]]


def test_another_audience_is_not_the_default(declared: Cluster):
    """A token for the API server itself is none for AWS."""
    claims = jwt.decode(declared.account_token("tillstream", "topics"), options={"verify_signature": False})
    assert "sts.amazonaws.com" not in claims["aud"]
