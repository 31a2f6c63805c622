"""Programs in Airflow's own environment, which reach a cluster as Airflow does."""

import os
import subprocess
from collections.abc import Mapping

from tests.support.cluster import Cluster
from tests.support.manifests import ROOT

PYTHON = ROOT / ".tools" / "airflow" / "bin" / "python"


def run_as_airflow(cluster: Cluster, *arguments: str, variables: Mapping[str, str] | None = None) -> str:
    """Run Python with these arguments as the service account `airflow`; return what it printed."""
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(cluster.directory),
        "KUBECONFIG": str(cluster.account_kubeconfig("airflow", "airflow")),
        "PYTHONPATH": str(ROOT),
    }
    run = subprocess.run(
        [PYTHON, *arguments], env=own | dict(variables or {}), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
