"""Argo CD beside a cluster, and what its Applications come to."""

import json
import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Self

import httpx

from local import processes
from local.ports import free_ports
from tests.support.cluster import BIN, READY_SECONDS, Cluster
from tests.support.manifests import Manifest
from tests.support.waiting import wait_for

APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
# In sync with Git, all of it healthy, and the last sync with all of its hooks ended well.
SETTLED = ("Synced", "Healthy", "Succeeded")
# What is asked for is large, and whoever answers has other work.
POLL_SECONDS = 1.0


class ArgoCD:
    """Its controller, its repository server and their cache. Use it as a context manager."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._running = ExitStack()
        self._directory = cluster.directory / "argocd"

    def __enter__(self) -> Self:
        cache, server, *metrics = free_ports(4)
        cache_address = f"127.0.0.1:{cache}"
        commands = {
            "redis": [cache_address],
            "argocd-repo-server": [
                f"--port={server}",
                "--address=127.0.0.1",
                "--metrics-address=127.0.0.1",
                f"--metrics-port={metrics[0]}",
                f"--redis={cache_address}",
            ],
            "argocd-application-controller": [
                "--namespace=argocd",
                f"--redis={cache_address}",
                f"--repo-server=127.0.0.1:{server}",
                f"--metrics-port={metrics[1]}",
            ],
        }
        environment = self._environment()
        with ExitStack() as parts:
            for name, arguments in commands.items():
                process = processes.spawn(
                    [str(BIN / name), *arguments],
                    self._cluster.directory / "logs" / f"{name}.log",
                    environment=environment,
                )
                parts.callback(processes.end, process)
            self._running = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _environment(self) -> dict[str, str]:
        folders = {name: self._directory / name for name in ("tls", "ssh", "gpg", "plugins", "tmp", "home")}
        for folder in folders.values():
            folder.mkdir(parents=True)
        return {
            **os.environ,
            **self._cluster.environment,
            **self._settings(),
            "HOME": str(folders["home"]),
            "TMPDIR": str(folders["tmp"]),
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_TLS_DATA_PATH": str(folders["tls"]),
            "ARGOCD_SSH_DATA_PATH": str(folders["ssh"]),
            "ARGOCD_GNUPGHOME": str(folders["gpg"]),
            "ARGOCD_GPG_DATA_PATH": str(folders["gpg"]),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_PLUGINSOCKFILEPATH": str(folders["plugins"]),
            # How often Git is asked: a minute in argocd/bootstrap/settings.yaml, which a test need not wait for.
            "ARGOCD_RECONCILIATION_TIMEOUT": "10s",
            "ARGOCD_RECONCILIATION_JITTER": "0s",
            # How long it waits at most before it heals again what was changed past it: five minutes.
            "ARGOCD_APPLICATION_CONTROLLER_SELF_HEAL_BACKOFF_CAP_SECONDS": "2",
            # So that an Application says which of its objects are not healthy.
            "ARGOCD_APPLICATION_CONTROLLER_PERSIST_RESOURCE_HEALTH": "true",
        }

    def _settings(self) -> dict[str, str]:
        """The variables that its pods would have: what argocd/bootstrap says, by the names that upstream gives it."""
        maps = {
            each["metadata"]["name"]: each.get("data", {})
            for each in self._cluster.get("/api/v1/namespaces/argocd/configmaps")["items"]
        }
        found = {}
        for path in ("statefulsets/argocd-application-controller", "deployments/argocd-repo-server"):
            pod = self._cluster.get(f"/apis/apps/v1/namespaces/argocd/{path}")["spec"]["template"]["spec"]
            for variable in pod["containers"][0]["env"]:
                key = variable.get("valueFrom", {}).get("configMapKeyRef", {})
                if key.get("key") in maps.get(key.get("name"), {}):
                    found[variable["name"]] = maps[key["name"]][key["key"]]
        return found


class Watch:
    """Every event of the Applications since `begin`, in the order in which the API server has them."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._events: list[tuple[str, Manifest]] = []
        self._version = ""

    def begin(self) -> None:
        wait_for(self._begin, READY_SECONDS, "a watch over the Applications", POLL_SECONDS)

    def follow(self, stop: threading.Event) -> None:
        """Take down what happens. Raise where something was missed: a history with a gap proves nothing."""
        with self._cluster.client() as client:
            while not stop.is_set():
                # An answer that breaks off is asked for again from where it did.
                with suppress(httpx.TransportError), client.stream("GET", APPLICATIONS, params=self._query()) as answer:
                    answer.raise_for_status()
                    self._take(answer)

    def events(self) -> Sequence[tuple[str, Manifest]]:
        return tuple(self._events)

    def _begin(self) -> bool:
        """Find the version to begin with, as without one what is there already comes first, in any order. The kind is
        new: whoever asks for it at once is told to come back, or that a version is too old to be watched from.
        """
        with self._cluster.client() as client:
            listed = client.get(APPLICATIONS)
            if listed.status_code != httpx.codes.OK:
                return False
            self._version = listed.json()["metadata"]["resourceVersion"]
            watched = client.get(APPLICATIONS, params=self._query())
        return watched.status_code == httpx.codes.OK and not watched.text

    def _query(self) -> dict[str, str]:
        return {"watch": "true", "resourceVersion": self._version, "timeoutSeconds": "1"}

    def _take(self, answer: httpx.Response) -> None:
        """Add the events of one answer, and remember where the next one begins."""
        for line in answer.iter_lines():
            event = json.loads(line)
            assert event["type"] != "ERROR", event
            self._version = event["object"]["metadata"]["resourceVersion"]
            self._events.append((event["type"], event["object"]))


def applications(cluster: Cluster) -> dict[str, Manifest]:
    return {each["metadata"]["name"]: each for each in cluster.get(APPLICATIONS)["items"]}


def state(application: Manifest) -> tuple[str, str, str]:
    """Whether it is in sync, its health, and how its last sync goes or went."""
    status = application.get("status", {})
    return (
        status.get("sync", {}).get("status", ""),
        status.get("health", {}).get("status", ""),
        status.get("operationState", {}).get("phase", ""),
    )


def all_settled(cluster: Cluster) -> bool:
    found = applications(cluster)
    return "streams" in found and {state(each) for each in found.values()} == {SETTLED}


def await_settled(cluster: Cluster, timeout_seconds: float) -> None:
    """Return when every Application is settled; otherwise fail, and say which is not, and why."""
    try:
        wait_for(lambda: all_settled(cluster), timeout_seconds, "every Application settled", POLL_SECONDS)
    except TimeoutError as error:
        raise AssertionError(f"{error}\n{unsettled(cluster)}") from error


def unsettled(cluster: Cluster) -> str:
    """Why not, Application by Application, for people."""
    return json.dumps(
        {
            name: {
                "state": state(each),
                "conditions": each.get("status", {}).get("conditions"),
                "operation": each.get("status", {}).get("operationState", {}).get("message"),
                "not applied": _not_applied(each),
                "not healthy": [
                    (one["kind"], one["name"], one["health"])
                    for one in each.get("status", {}).get("resources", [])
                    if one.get("health", {}).get("status", "Healthy") != "Healthy"
                ],
                "not in sync": [
                    (one["kind"], one["name"])
                    for one in each.get("status", {}).get("resources", [])
                    if one.get("status") != "Synced"
                ],
            }
            for name, each in applications(cluster).items()
            if state(each) != SETTLED
        },
        indent=1,
    )


def _not_applied(application: Manifest) -> list[tuple[str, str, str]]:
    results = application.get("status", {}).get("operationState", {}).get("syncResult", {}).get("resources", [])
    return [
        (each["kind"], each["name"], each.get("message", ""))
        for each in results
        if each.get("status") not in {"Synced", "Pruned"}
    ]
