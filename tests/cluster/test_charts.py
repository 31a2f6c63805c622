"""The charts that can be had, rendered by helm with our values: what they make is accepted and allowed.

The others (Airflow, cluster-autoscaler, kube-prometheus-stack, CloudWatch exporter, Strimzi) are in no package.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.cluster.conftest import ENVIRONMENT
from tests.support.cluster import BIN, Cluster
from tests.support.manifests import ROOT, Manifest, applications, objects, reference

# By Application: the Go module that its chart comes with, and where in it.
CHARTS = {
    "cert-manager": ("github.com/cert-manager/cert-manager", "deploy/charts/cert-manager"),
    "external-secrets": ("github.com/external-secrets/external-secrets", "deploy/charts/external-secrets"),
    "spark-operator": ("github.com/kubeflow/spark-operator/v2", "charts/spark-operator-chart"),
}


@pytest.fixture(params=sorted(CHARTS))
def rendered(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Manifest, list[Manifest]]:
    """An Application and what its chart makes of our values, at the version it names."""
    application = applications(ENVIRONMENT)[request.param]
    source = application["spec"]["sources"][0]
    module, folder = CHARTS[request.param]
    version = source["targetRevision"] if source["targetRevision"].startswith("v") else f"v{source['targetRevision']}"
    command = ["go", "mod", "download", "-json", f"{module}@{version}"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    chart = tmp_path / "chart"
    shutil.copytree(Path(found["Dir"]) / folder, chart, copy_function=shutil.copyfile)
    description = yaml.safe_load((chart / "Chart.yaml").read_text())
    # Switched off by our values, and not in the module.
    description.pop("dependencies", None)
    description["version"] = version.removeprefix("v")
    (chart / "Chart.yaml").write_text(yaml.safe_dump(description))
    given = tmp_path / "given.yaml"
    given.write_text(yaml.safe_dump(source["helm"].get("valuesObject", {})))
    values = ROOT / source["helm"]["valueFiles"][0].removeprefix("$repository/")
    run = subprocess.run(
        [
            *(
                BIN / "helm",
                "template",
                source["helm"]["releaseName"],
                chart,
                f"--values={values}",
                f"--values={given}",
            ),
            *("--namespace", application["spec"]["destination"]["namespace"], "--include-crds"),
            *("--kube-version", "1.35.4", "--api-versions", "monitoring.coreos.com/v1"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return application, [each for each in yaml.safe_load_all(run.stdout) if each]


def test_what_a_chart_makes_is_accepted(declared: Cluster, rendered: tuple[Manifest, list[Manifest]]):
    """The API server takes every object that the chart makes of our values, strictly."""
    application, made = rendered
    namespace = application["spec"]["destination"]["namespace"]
    options = ("--dry-run=server", "--validate=strict", f"--namespace={namespace}")
    answer = declared.apply(yaml.safe_dump_all(made), *options)
    assert answer.count("(server dry run)") == len(made)


def test_what_a_chart_makes_is_allowed(rendered: tuple[Manifest, list[Manifest]]):
    """Its project admits each of the kinds, in the namespaces they go to."""
    application, made = rendered
    spec = application["spec"]
    [project] = [
        each["spec"] for each in objects(ENVIRONMENT, "AppProject") if each["metadata"]["name"] == spec["project"]
    ]
    cluster_wide = {(each["group"], each["kind"]) for each in project["clusterResourceWhitelist"]}
    within = {(each["group"], each["kind"]) for each in project["namespaceResourceWhitelist"]}
    destinations = {each["namespace"] for each in project["destinations"]}
    for each in made:
        group = each["apiVersion"].partition("/")[0] if "/" in each["apiVersion"] else ""
        assert (group, each["kind"]) in cluster_wide | within, reference(each)
        assert each["metadata"].get("namespace", spec["destination"]["namespace"]) in destinations, reference(each)


def test_pods_of_a_chart_are_limited_and_restricted(rendered: tuple[Manifest, list[Manifest]]):
    """Every pod that the chart makes runs as an ordinary user, cannot become another, and has a limit of memory."""
    for each in (each for each in rendered[1] if each["kind"] in {"Deployment", "StatefulSet", "DaemonSet", "Job"}):
        spec = each["spec"]["template"]["spec"]
        for container in spec["containers"]:
            security = {**spec.get("securityContext", {}), **container.get("securityContext", {})}
            assert security["runAsNonRoot"] is True, reference(each)
            assert security["allowPrivilegeEscalation"] is False, reference(each)
            assert container["resources"]["limits"]["memory"], reference(each)


def test_the_role_reaches_the_account(rendered: tuple[Manifest, list[Manifest]]):
    """Where an Application is given a role, the chart puts it on the account that the role trusts."""
    application, made = rendered
    given = application["spec"]["sources"][0]["helm"].get("valuesObject", {}).get("serviceAccount")
    if given:
        accounts = {each["metadata"]["name"]: each["metadata"] for each in made if each["kind"] == "ServiceAccount"}
        assert given["annotations"].items() <= accounts["external-secrets"]["annotations"].items()
