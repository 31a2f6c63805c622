"""A real Kubernetes API server with etcd, its controllers and Argo CD, as processes on loopback.

There are no nodes, so nothing runs in it: `Hands` report in the place of whoever would make pods and secrets. What is
real is what this project declares and what judges it: validation, admission, RBAC, garbage collection, and Argo CD.
"""

import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local import processes
from local.authority import Authority
from local.files import free_ports, write_private
from tests.support.manifests import KUSTOMIZE, ROOT, Manifest
from tests.support.waiting import wait_for

BIN = ROOT / ".tools" / "cluster"
ADMINISTRATOR = "administrator"
# As EKS issues them, for a cluster that does not exist.
ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/0000000000000000000000000000TEST"
# What the declared objects need: garbage, namespaces, quotas, accounts. Nothing that would make pods of them.
CONTROLLERS = "namespace-controller,serviceaccount-controller,garbage-collector-controller,resourcequota-controller"
READY_SECONDS = 120


class Cluster:
    """Use it as a context manager. `client` may do everything; `as_account` only what RBAC allows."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        etcd, peer, self._port, controllers = free_ports(4)
        self.address = f"https://127.0.0.1:{self._port}"
        self._parts = ExitStack()
        self._authority = Authority.create(directory / "authority")
        self._etcd_command = [
            str(BIN / "etcd"),
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls=http://127.0.0.1:{etcd}",
            f"--advertise-client-urls=http://127.0.0.1:{etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--log-level=warn",
            # It is gone after the tests: nothing has to survive a power cut.
            "--unsafe-no-fsync",
        ]
        self._etcd = f"http://127.0.0.1:{etcd}"
        self._controllers_port = controllers
        self.kubeconfig = directory / "kubeconfig"

    def __enter__(self) -> Self:
        if not (BIN / "kubectl").exists():
            raise FileNotFoundError(f"{BIN} has no cluster: `make cluster` builds it (Go is needed).")
        keys = self._write_keys()
        server = self._authority.issue_server("kube-apiserver", ("127.0.0.1", "localhost", "kubernetes.default.svc"))
        self._spawn("etcd", self._etcd_command)
        self._spawn(
            "kube-apiserver",
            [
                str(BIN / "kube-apiserver"),
                f"--etcd-servers={self._etcd}",
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                f"--secure-port={self._port}",
                f"--tls-cert-file={server.certificate_file}",
                f"--tls-private-key-file={server.key_file}",
                f"--token-auth-file={self._tokens}",
                "--authorization-mode=RBAC",
                f"--service-account-issuer={ISSUER}",
                f"--service-account-signing-key-file={keys / 'accounts.key'}",
                f"--service-account-key-file={keys / 'accounts.pub'}",
                "--service-cluster-ip-range=10.96.0.0/16",
                "--endpoint-reconciler-type=none",
                f"--cert-dir={self.directory / 'scratch'}",
            ],
        )
        wait_for(self._ready, READY_SECONDS, f"an API server that is ready: {self.directory / 'logs'}")
        self._spawn(
            "kube-controller-manager",
            [
                str(BIN / "kube-controller-manager"),
                f"--kubeconfig={self.kubeconfig}",
                f"--controllers={CONTROLLERS}",
                "--bind-address=127.0.0.1",
                f"--secure-port={self._controllers_port}",
                f"--cert-dir={self.directory / 'scratch'}",
                "--leader-elect=false",
            ],
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to reach the cluster as its administrator."""
        return {"PATH": f"{BIN}:{KUSTOMIZE.parent}:{os.environ['PATH']}", "KUBECONFIG": str(self.kubeconfig)}

    def client(self, token: str = ADMINISTRATOR) -> httpx.Client:
        """HTTP to the API server, as the bearer of a token."""
        headers = {"Authorization": f"Bearer {token}"}
        context = httpx.create_ssl_context(verify=str(self._authority.certificate_file))
        return httpx.Client(base_url=self.address, headers=headers, verify=context, timeout=60)

    def kubectl(self, *arguments: str, manifests: str | None = None, check: bool = True) -> str:
        """Run kubectl as the administrator; return what it printed."""
        run = subprocess.run(
            [BIN / "kubectl", *arguments],
            input=manifests,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not check or run.returncode == 0, f"kubectl {' '.join(arguments)}: {run.stderr}"
        return run.stdout + ("" if check else run.stderr)

    def apply(self, manifests: str, *options: str) -> str:
        arguments = ("apply", "--server-side", "--force-conflicts", "--filename=-", *options)
        return self.kubectl(*arguments, manifests=manifests)

    def account_token(self, namespace: str, account: str, audience: str | None = None) -> str:
        """A token as a pod of this service account would have it projected."""
        wanted = [f"--audience={audience}"] if audience else []
        return self.kubectl("create", "token", account, f"--namespace={namespace}", *wanted).strip()

    def get(self, path: str) -> Manifest:
        """One object, or a list, by its path below the API server. Raises httpx's error where it is not there."""
        with self.client() as client:
            return dict(client.get(path).raise_for_status().json())

    def _spawn(self, name: str, command: list[str], environment: Mapping[str, str] | None = None) -> None:
        process = processes.spawn(
            command, self.directory / "logs" / f"{name}.log", environment={**os.environ, **(environment or {})}
        )
        self._parts.callback(processes.end, process)

    def _ready(self) -> bool:
        try:
            with self.client() as client:
                return client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def _write_keys(self) -> Path:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        keys = self.directory / "keys"
        keys.mkdir()
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        write_private(keys / "accounts.key", private)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        write_private(keys / "accounts.pub", public)
        self._tokens = write_private(keys / "tokens.csv", f"{ADMINISTRATOR},administrator,1,system:masters\n")
        cluster = {"server": self.address, "certificate-authority": str(self._authority.certificate_file)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "administrator", "user": {"token": ADMINISTRATOR}}],
            "contexts": [
                {"name": "test", "context": {"cluster": "test", "user": "administrator", "namespace": "argocd"}}
            ],
            "current-context": "test",
        }
        write_private(self.kubeconfig, yaml.safe_dump(config))
        return keys


# What Argo CD reads.
FOLDERS = ("alerts", "argocd", "contracts", "dashboards")


class Repository:
    """This very repository as Git would give it to Argo CD, with what a test must stand in for.

    Charts that are in no package are replaced by a folder with the kinds they would bring and a ConfigMap with their
    values: `stand_ins` names them. Argo CD's own manifest, which is fetched from its release, comes out of its module.
    """

    def __init__(self, directory: Path, environment: str) -> None:
        self.directory = directory
        self.environment = environment
        self.url = f"file://{directory}"
        self.stand_ins: list[str] = []
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for file in (each for each in listed if (ROOT / each).is_file()):
            (directory / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / file, directory / file)
        self.git("init", "--quiet", "--initial-branch=main")
        self._write_upstream()
        self._write_values()
        self._replace_charts()
        self.commit("as it is, with stand-ins")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=self.directory, check=True)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)

    def change(self, path: str, old: str, new: str) -> None:
        """Replace text in a file, which must be there, and commit."""
        file = self.directory / path
        text = file.read_text()
        assert old in text, f"{path} does not say {old!r}"
        file.write_text(text.replace(old, new))
        self.commit(f"change {path}")

    def render(self, folder: str) -> str:
        run = subprocess.run([KUSTOMIZE, "build", self.directory / folder], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def _write_upstream(self) -> None:
        file = self.directory / "argocd" / "bootstrap" / "kustomization.yaml"
        text = file.read_text()
        [(address, version)] = re.findall(r"(https://\S+/(v\d+\.\d+\.\d+)/manifests/install\.yaml)", text)
        module = f"github.com/argoproj/argo-cd/v3@{version}"
        found = subprocess.run(["go", "mod", "download", "-json", module], capture_output=True, text=True, check=True)
        manifest = Path(json.loads(found.stdout)["Dir"]) / "manifests" / "install.yaml"
        (file.parent / "upstream.yaml").write_bytes(manifest.read_bytes())
        file.write_text(text.replace(address, "upstream.yaml"))

    def _write_values(self) -> None:
        file = self.directory / "argocd" / "overlays" / self.environment / "values" / "platform.yaml"
        platform = yaml.safe_load(file.read_text())
        platform["data"] |= {"repository_url": self.url, "revision": "main"}
        file.write_text(yaml.safe_dump(platform))

    def _replace_charts(self) -> None:
        apps = f"argocd/overlays/{self.environment}/apps"
        applications = [each for each in yaml.safe_load_all(self.render(apps)) if each["kind"] == "Application"]
        file = self.directory / apps / "kustomization.yaml"
        kustomization = yaml.safe_load(file.read_text())
        for name in (each["metadata"]["name"] for each in applications if "sources" in each["spec"]):
            self.stand_ins.append(name)
            folder = self.directory / "stand-ins" / name
            folder.mkdir(parents=True)
            kinds = sorted((ROOT / ".tools" / "crds").glob("*.yaml")) if name in KINDS else []
            resources = [each for each in kinds if re.match(KINDS[name], each.name)]
            for each in resources:
                shutil.copy(each, folder)
            shutil.copy(self.directory / "argocd" / "apps" / name / "values.yaml", folder / "values.txt")
            content = {
                "resources": [each.name for each in resources],
                "configMapGenerator": [{"name": f"stand-in-{name}", "files": ["values.txt"]}],
            }
            (folder / "kustomization.yaml").write_text(yaml.safe_dump(content))
            source = {"repoURL": self.url, "targetRevision": "main", "path": f"stand-ins/{name}"}
            patch = [{"op": "remove", "path": "/spec/sources"}, {"op": "add", "path": "/spec/source", "value": source}]
            kustomization.setdefault("patches", []).append(
                {"target": {"kind": "Application", "name": name}, "patch": json.dumps(patch)}
            )
        file.write_text(yaml.safe_dump(kustomization))


# Which kinds the charts would bring.
KINDS = {
    "cert-manager": r"(acme\.)?cert-manager",
    "external-secrets": r"external-secrets",
    "kube-prometheus-stack": r"monitoring\.coreos",
    "spark-operator": r"sparkoperator",
}


class ArgoCD:
    """Argo CD's controller, repository server and cache beside the cluster. Use it as a context manager."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._parts = ExitStack()
        self.directory = cluster.directory / "argocd"

    def __enter__(self) -> Self:
        redis, server, *metrics = free_ports(4)
        folders = {name: self.directory / name for name in ("tls", "ssh", "gpg", "plugins", "tmp", "home")}
        for folder in folders.values():
            folder.mkdir(parents=True)
        environment = {
            **os.environ,
            **self._cluster.environment,
            "HOME": str(folders["home"]),
            "TMPDIR": str(folders["tmp"]),
            "ARGOCD_FAKE_IN_CLUSTER": "true",
            "ARGOCD_TLS_DATA_PATH": str(folders["tls"]),
            "ARGOCD_SSH_DATA_PATH": str(folders["ssh"]),
            "ARGOCD_GNUPGHOME": str(folders["gpg"]),
            "ARGOCD_GPG_DATA_PATH": str(folders["gpg"]),
            "ARGOCD_GPG_ENABLED": "false",
            "ARGOCD_PLUGINSOCKFILEPATH": str(folders["plugins"]),
            # How often Git is asked: a minute in the settings, which a test need not wait for.
            "ARGOCD_RECONCILIATION_TIMEOUT": "3s",
            "ARGOCD_RECONCILIATION_JITTER": "0s",
        }
        redis_address = f"127.0.0.1:{redis}"
        commands = {
            "redis": ["redis", redis_address],
            "argocd-repo-server": [
                "argocd-repo-server",
                f"--port={server}",
                "--address=127.0.0.1",
                "--metrics-address=127.0.0.1",
                f"--metrics-port={metrics[0]}",
                f"--redis={redis_address}",
            ],
            "argocd-application-controller": [
                "argocd-application-controller",
                "--namespace=argocd",
                f"--redis={redis_address}",
                f"--repo-server=127.0.0.1:{server}",
                f"--metrics-port={metrics[1]}",
                "--app-resync=3",
                "--app-resync-jitter=0",
                "--self-heal-timeout-seconds=1",
                "--status-processors=4",
                "--operation-processors=4",
            ],
        }
        for name, command in commands.items():
            process = processes.spawn(
                [str(BIN / command[0]), *command[1:]],
                self._cluster.directory / "logs" / f"{name}.log",
                environment=environment,
            )
            self._parts.callback(processes.end, process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._parts.close()


class Hands:
    """Reports, for what no node and no operator is there to do, that it was done. Use it as a context manager.

    Deployments and stateful sets are up, jobs complete, secrets arrive. Nothing else is touched.
    """

    READY: ClassVar = {
        "conditions": [{"type": "Ready", "status": "True", "reason": "Hands", "message": "reported by a test"}]
    }
    PATHS = (
        "/apis/apps/v1/deployments",
        "/apis/apps/v1/statefulsets",
        "/apis/batch/v1/jobs",
        "/apis/external-secrets.io/v1/clustersecretstores",
        "/apis/external-secrets.io/v1/externalsecrets",
    )

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._report, name="hands", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _report(self) -> None:
        with self._cluster.client() as client:
            while not self._ended.wait(0.3):
                for path in self.PATHS:
                    answer = client.get(path)
                    # A kind that is not there yet is nobody's error.
                    for each in answer.json().get("items", []) if answer.status_code == 200 else []:
                        self._done(client, path, each)

    def _done(self, client: httpx.Client, path: str, found: Manifest) -> None:
        status = self._status(path, found)
        if status.items() <= found.get("status", {}).items():
            return
        group, _, plural = path.rpartition("/")
        metadata = found["metadata"]
        inside = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
        client.patch(
            f"{group}{inside}/{plural}/{metadata['name']}/status",
            json={"status": status},
            headers={"Content-Type": "application/merge-patch+json"},
        )

    def _status(self, path: str, found: Manifest) -> dict[str, Any]:
        if path.startswith("/apis/external-secrets.io"):
            return self.READY
        if path.endswith("jobs"):
            now = found["metadata"]["creationTimestamp"]
            conditions = [
                {"type": kind, "status": "True", "lastProbeTime": now, "lastTransitionTime": now}
                for kind in ("SuccessCriteriaMet", "Complete")
            ]
            return {"startTime": now, "completionTime": now, "succeeded": 1, "conditions": conditions}
        replicas = found["spec"].get("replicas", 1)
        counts = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), replicas)
        generation = found["metadata"]["generation"]
        if path.endswith("statefulsets"):
            counts |= {"currentReplicas": replicas, "currentRevision": "1", "updateRevision": "1"}
        return {"observedGeneration": generation, **counts}


class Watch:
    """Every event of the Applications in the order in which the API server has them. Use it as a context manager."""

    PATH = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._events: list[tuple[str, Manifest]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def events(self) -> Iterator[tuple[str, Manifest]]:
        yield from list(self._events)

    def _follow(self) -> None:
        with self._cluster.client() as client:
            version = "0"
            while not self._ended.is_set():
                query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "1"}
                with client.stream("GET", self.PATH, params=query) as answer:
                    if answer.status_code != 200:
                        time.sleep(0.1)
                        continue
                    for line in answer.iter_lines():
                        event = json.loads(line)
                        if event["type"] == "ERROR":
                            version = "0"
                            break
                        version = event["object"]["metadata"]["resourceVersion"]
                        self._events.append((event["type"], event["object"]))
