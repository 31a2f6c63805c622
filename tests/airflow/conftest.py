"""Tests that run in Airflow's own environment: `make test-airflow`."""

import os
import tempfile
from pathlib import Path

# Goes with the session.
_home = tempfile.TemporaryDirectory(prefix="airflow-")
# Before the first import of airflow: it reads them once.
os.environ.update(
    AIRFLOW_HOME=_home.name,
    AIRFLOW__CORE__LOAD_EXAMPLES="False",
    AIRFLOW__CORE__DAGS_FOLDER=str(Path(__file__).resolve().parent / "dags"),
    AIRFLOW__CORE__UNIT_TEST_MODE="True",
    TILLSTREAM_RUNTIME="local.airflow.runtime:LocalRuntime",
)
