"""Airflow's adapter keeps its promises on a real API server too, with no more rights than Airflow has."""

import pytest
import yaml

from orchestration.runtime import NAMESPACE
from tests.support.airflow_program import run_as_airflow
from tests.support.cluster import Cluster
from tests.support.hands import UNTOUCHED

pytestmark = pytest.mark.timeout(3600)

ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/tillstream"
# As tests/airflow/real_cluster.py reads it.
ADMINISTRATOR = "TILLSTREAM_TEST_ADMINISTRATOR"


def test_what_airflow_relies_on_holds_on_a_real_api_server(cluster: Cluster):
    """Start, state, stop, restart, two writers at once, an object deleted under it: tests/airflow/test_runtimes.py."""
    rights = [cluster.get(f"{ROLES}/{kind}/airflow-streams") for kind in ("roles", "rolebindings")]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": UNTOUCHED}}
    cluster.apply(yaml.safe_dump_all([namespace, *map(_elsewhere, rights)]))
    printed = run_as_airflow(
        cluster,
        *("-m", "pytest", "--confcutdir=tests/airflow", "-p", "no:cacheprovider"),
        *("-k", "cluster", "tests/airflow/test_runtimes.py"),
        variables={ADMINISTRATOR: str(cluster.kubeconfig), NAMESPACE: UNTOUCHED},
    )
    assert " passed" in printed


def _elsewhere(found: dict[str, object]) -> dict[str, object]:
    """The same right in the namespace in which nobody but the test touches anything."""
    kept = {key: value for key, value in found.items() if key != "metadata"}
    return {**kept, "metadata": {"name": "airflow-streams", "namespace": UNTOUCHED}}
