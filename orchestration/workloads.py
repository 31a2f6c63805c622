"""Whose work a task does: the role, log-in to Kafka and secrets that its process gets."""

import json
import os
from pathlib import Path
from typing import Any

from orchestration.runtime import KUBERNETES, NAMESPACE, PIPELINE, RUNTIME

# A file with the variables of each workload's processes; not on EKS, where the pod has them.
WORKLOADS_FILE = "TILLSTREAM_WORKLOADS_FILE"
# All that a process inherits where its workload's variables come from the file.
INHERITED = ("PATH", "HOME", "USER", "LANG", "TMPDIR")

# On EKS, by workload: the Secret that its pods have, and where.
SECRETS = {"spark-ingest": ("store-master-key", "/var/run/secrets/tillstream")}


def environment(workload: str) -> dict[str, str]:
    """What a process of this workload is started with."""
    if WORKLOADS_FILE not in os.environ:
        return dict(os.environ)
    known: dict[str, dict[str, str]] = json.loads(Path(os.environ[WORKLOADS_FILE]).read_text())
    return {key: os.environ[key] for key in INHERITED if key in os.environ} | known[workload]


def pod_of(workload: str) -> dict[str, Any]:
    """What KubernetesExecutor is told: the task's pod stands in the pipeline's namespace, where the workload is, may go
    to Kafka, and knows where the platform is. Elsewhere nobody reads it, and the import alone takes a second.
    """
    if os.environ.get(RUNTIME, KUBERNETES) != KUBERNETES:
        return {}
    from kubernetes import client  # noqa: PLC0415 - see above

    platform = client.V1EnvFromSource(config_map_ref=client.V1ConfigMapEnvSource(name="platform"))
    container = client.V1Container(name="base", env_from=[platform])
    volumes = []
    if workload in SECRETS:
        name, place = SECRETS[workload]
        volumes = [client.V1Volume(name=name, secret=client.V1SecretVolumeSource(secret_name=name, default_mode=0o440))]
        container.volume_mounts = [client.V1VolumeMount(name=name, mount_path=place, read_only=True)]
        container.env = [client.V1EnvVar("TILLSTREAM_STORE_MASTER_KEY_FILE", f"{place}/store-master.key")]
    metadata = client.V1ObjectMeta(
        namespace=os.environ.get(NAMESPACE, PIPELINE), labels={"tillstream.io/kafka": "true"}
    )
    spec = client.V1PodSpec(service_account_name=workload, containers=[container], volumes=volumes or None)
    return {"pod_override": client.V1Pod(metadata=metadata, spec=spec)}
