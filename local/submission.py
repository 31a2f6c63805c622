"""From a SparkApplication to the `spark-submit` that runs it on this machine: what the operator and EKS do there.

Pods become environment variables: `envFrom` is resolved from the given ConfigMaps, and the service account's identity
is added as EKS's webhook adds it. The driver and its executors are one process, `local[executor cores]`.
"""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyspark
import yaml

from contracts.errors import TillstreamError
from local.applications import Submission
from local.ports import free_ports

ROOT = Path(__file__).resolve().parents[1]
# Where the image keeps this repository.
IMAGE_ROOT = "local:///opt/tillstream"
# All that a workload inherits: nothing of the user's own AWS, Kafka or Spark.
INHERITED = ("PATH", "HOME", "USER", "LANG", "JAVA_HOME", "TMPDIR")
KUBERNETES_GRACE_SECONDS = 30
# Where a driver serves what it counts.
METRICS = "TILLSTREAM_METRICS_LISTEN"


class ManifestError(TillstreamError):
    """A manifest asks for something that this machine cannot run."""


@dataclass(frozen=True)
class Machine:
    """What this machine gives to applications.

    `config_maps`: by name; the key `platform` is what Terraform's apply writes for EKS.
    `identities`: by service account, the variables by which its processes log in to S3 and Kafka.
    """

    directory: Path
    config_maps: Mapping[str, Mapping[str, str]]
    identities: Mapping[str, Mapping[str, str]]


def spark_jars() -> list[Path]:
    """What the image has beside pyspark's own jars."""
    jars = ROOT / ".tools" / "jars"
    return [*sorted((jars / "spark").glob("*.jar")), jars / "own" / "spark.jar"]


def render(overlay: Path) -> list[dict[str, Any]]:
    """The SparkApplications of a kustomize overlay."""
    kustomize = ROOT / ".tools" / "bin" / "kustomize"
    try:
        built = subprocess.run([kustomize, "build", overlay], capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise ManifestError(f"{kustomize} is missing. `make bin` builds it.") from error
    except subprocess.CalledProcessError as error:
        raise ManifestError(f"{overlay} cannot be rendered: {error.stderr.strip()}") from error
    return [each for each in yaml.safe_load_all(built.stdout) if each["kind"] == "SparkApplication"]


def submission(manifest: Mapping[str, Any], machine: Machine) -> Submission:
    """The command line and environment of one run. No secret stands in the command line, as anyone may read it."""
    name, spec = manifest["metadata"]["name"], manifest["spec"]
    main_file = str(spec["mainApplicationFile"])
    if not main_file.startswith(IMAGE_ROOT):
        raise ManifestError(f"SparkApplication {name}: mainApplicationFile must begin with {IMAGE_ROOT}: {main_file}")
    ui_port = free_ports(1)[0]
    conf = {
        **spec.get("sparkConf", {}),
        "spark.app.name": name,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.port": str(ui_port),
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.warehouse.dir": str(machine.directory / name / "warehouse"),
    }
    executor = spec["executor"]
    command = [
        str(Path(pyspark.__file__).parent / "bin" / "spark-submit"),
        f"--master=local[{executor['instances'] * executor['cores']}]",
        f"--driver-memory={spec['driver']['memory']}",
        f"--jars={','.join(map(str, spark_jars()))}",
        *(f"--conf={key}={value}" for key, value in sorted(conf.items())),
        str(ROOT / PurePosixPath(main_file).relative_to(IMAGE_ROOT)),
        *map(str, spec.get("arguments", [])),
    ]
    environment = _environment(name, spec["driver"], machine)
    return Submission(
        command=tuple(command),
        environment=environment,
        ui_port=ui_port,
        grace_seconds=spec["driver"].get("terminationGracePeriodSeconds", KUBERNETES_GRACE_SECONDS),
        metrics_address=environment.get(METRICS, ""),
    )


def inherited() -> dict[str, str]:
    """What every program of a workload takes over from this one's environment."""
    return {key: os.environ[key] for key in INHERITED if key in os.environ}


def _environment(name: str, driver: Mapping[str, Any], machine: Machine) -> dict[str, str]:
    environment = inherited() | {
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_CONF_DIR": str(ROOT / "images" / "spark" / "conf"),
        # The address of the web UI, which would otherwise listen everywhere.
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(machine.directory / name / "scratch"),
        "PYSPARK_PYTHON": str(ROOT / ".venv" / "bin" / "python"),
        "PYSPARK_DRIVER_PYTHON": str(ROOT / ".venv" / "bin" / "python"),
        "PYTHONUNBUFFERED": "1",
    }
    for source in driver.get("envFrom", []):
        reference = source["configMapRef"]["name"]
        if reference not in machine.config_maps:
            raise ManifestError(f"SparkApplication {name}: there is no ConfigMap {reference}.")
        environment |= machine.config_maps[reference]
    environment |= {each["name"]: each["value"] for each in driver.get("env", [])}
    if METRICS in environment:
        # In a pod the port is the driver's alone; here several share one address.
        environment[METRICS] = f"127.0.0.1:{free_ports(1)[0]}"
    account = driver["serviceAccount"]
    if account not in machine.identities:
        raise ManifestError(f"SparkApplication {name}: there is no service account {account}.")
    return environment | dict(machine.identities[account])
