"""Reports, for what no node and no operator is there to do, that it was done."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx

from tests.support.cluster import MERGE, Cluster
from tests.support.manifests import Manifest

POLL_SECONDS = 0.5
# Whose streams are what a test says they are.
UNTOUCHED = "runtimes"
Status = dict[str, Any]


def report(cluster: Cluster, stop: threading.Event) -> None:
    """Pods are up, jobs complete, secrets and certificates come, streams do what their `suspend` says.

    Nothing else is touched: whether an object may exist, and what it says, is not decided here.
    """
    with cluster.client() as client:
        while not stop.wait(POLL_SECONDS):
            # Where the API server was too busy to answer, the next look tells: nobody else does this work.
            with suppress(httpx.TransportError):
                for path, status in STATUS.items():
                    _report_of(client, path, status)


def _report_of(client: httpx.Client, path: str, status: Callable[[Manifest], Status]) -> None:
    answer = client.get(path)
    # A kind that is not there yet is nobody's error.
    for found in answer.json().get("items", []) if answer.status_code == 200 else []:
        if found["metadata"].get("namespace") == UNTOUCHED:
            continue
        if not status(found).items() <= found.get("status", {}).items():
            _write(client, path, found["metadata"], status(found))


def _write(client: httpx.Client, path: str, metadata: Manifest, status: Status) -> None:
    group, _, plural = path.rpartition("/")
    inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    # It may be gone by now, or changed: the next look tells.
    client.patch(f"{group}{inside}/{plural}/{metadata['name']}/status", json={"status": status}, headers=MERGE)


def _deployment(found: Manifest) -> Status:
    replicas = found["spec"].get("replicas", 1)
    counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), replicas)
    return {"observedGeneration": found["metadata"]["generation"], **counts}


def _stateful_set(found: Manifest) -> Status:
    revisions = {"currentRevision": "1", "updateRevision": "1"}
    return _deployment(found) | {"currentReplicas": found["spec"].get("replicas", 1), **revisions}


def _job(found: Manifest) -> Status:
    now = found["metadata"]["creationTimestamp"]
    conditions = [
        {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    return {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": conditions}


def _ready(_: Manifest) -> Status:
    return {"conditions": [{"type": "Ready", "status": "True", "reason": "Hands", "message": "reported by a test"}]}


def _stream(found: Manifest) -> Status:
    state = "SUSPENDED" if found["spec"].get("suspend") else "RUNNING"
    return {"applicationState": {"state": state}, "driverInfo": {}}


STATUS: Mapping[str, Callable[[Manifest], Status]] = {
    "/apis/apps/v1/deployments": _deployment,
    "/apis/apps/v1/statefulsets": _stateful_set,
    "/apis/batch/v1/jobs": _job,
    "/apis/cert-manager.io/v1/certificates": _ready,
    "/apis/cert-manager.io/v1/issuers": _ready,
    "/apis/external-secrets.io/v1/clustersecretstores": _ready,
    "/apis/external-secrets.io/v1/externalsecrets": _ready,
    "/apis/sparkoperator.k8s.io/v1beta2/sparkapplications": _stream,
}
