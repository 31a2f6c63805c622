"""Whose work a task does: the role, log-in to Kafka and secrets that its process gets."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.runtime import KUBERNETES, NAMESPACE, PIPELINE, RUNTIME

# A file with the variables of each workload's processes; not on EKS, where the pod has them.
WORKLOADS_FILE = "TILLSTREAM_WORKLOADS_FILE"
# All that a process inherits where its workload's variables come from the file.
INHERITED = ("PATH", "HOME", "USER", "LANG", "TMPDIR")

# Of the workloads that tasks work as: those that go to Kafka.
KAFKA_USERS = frozenset({"quality", "spark-ingest"})
# Where Kafka is in the cluster, this ConfigMap says where in a pod a log-in is. MSK knows a pod by its role.
KAFKA_LOGIN = "kafka-login"


@dataclass(frozen=True)
class Mounted:
    """A Secret in a pod on EKS; without it, an optional one is an empty folder."""

    secret: str
    place: str
    optional: bool = False


STORE_MASTER_KEY = Mounted("store-master-key", "/var/run/secrets/tillstream")


def environment(workload: str) -> dict[str, str]:
    """What a process of this workload is started with."""
    if WORKLOADS_FILE not in os.environ:
        return dict(os.environ)
    known: dict[str, dict[str, str]] = json.loads(Path(os.environ[WORKLOADS_FILE]).read_text())
    return {key: os.environ[key] for key in INHERITED if key in os.environ} | known[workload]


def secrets_of(workload: str) -> tuple[Mounted, ...]:
    """What a pod of this workload has on EKS."""
    secrets = [STORE_MASTER_KEY] if workload == "spark-ingest" else []
    if workload in KAFKA_USERS:
        secrets.append(Mounted(f"{KAFKA_LOGIN}-{workload}", "/var/run/secrets/kafka", optional=True))
    return tuple(secrets)


def variables_of(workload: str) -> dict[str, str]:
    """What it is told, beside what the ConfigMaps say."""
    variables = {}
    if STORE_MASTER_KEY in secrets_of(workload):
        variables["TILLSTREAM_STORE_MASTER_KEY_FILE"] = f"{STORE_MASTER_KEY.place}/store-master.key"
    if workload in KAFKA_USERS:
        variables["TILLSTREAM_KAFKA_USERNAME"] = workload
    return variables


def pod_of(workload: str) -> dict[str, Any]:
    """What KubernetesExecutor is told: the task's pod stands in the pipeline's namespace, where the workload is, knows
    where the platform is, and goes to Kafka if its work does. Elsewhere nobody reads it, and the import alone takes a
    second.
    """
    if os.environ.get(RUNTIME, KUBERNETES) != KUBERNETES:
        return {}
    from kubernetes import client  # noqa: PLC0415 - see above

    secrets, to_kafka = secrets_of(workload), workload in KAFKA_USERS
    config_maps = [client.V1ConfigMapEnvSource(name="platform")]
    if to_kafka:
        config_maps.append(client.V1ConfigMapEnvSource(name=KAFKA_LOGIN, optional=True))
    container = client.V1Container(
        name="base",
        env=[client.V1EnvVar(name, value) for name, value in variables_of(workload).items()],
        env_from=[client.V1EnvFromSource(config_map_ref=each) for each in config_maps],
        volume_mounts=[
            client.V1VolumeMount(name=each.secret, mount_path=each.place, read_only=True) for each in secrets
        ],
    )
    sources = [
        client.V1SecretVolumeSource(secret_name=each.secret, default_mode=0o440, optional=each.optional)
        for each in secrets
    ]
    metadata = client.V1ObjectMeta(
        namespace=os.environ.get(NAMESPACE, PIPELINE), labels={"tillstream.io/kafka": "true"} if to_kafka else {}
    )
    spec = client.V1PodSpec(
        service_account_name=workload,
        containers=[container],
        volumes=[client.V1Volume(name=each.secret_name, secret=each) for each in sources],
    )
    return {"pod_override": client.V1Pod(metadata=metadata, spec=spec)}
