"""A real Kubernetes API server with etcd and its controllers, as processes on loopback.

There are no nodes, so nothing runs in it. What is real is what judges this project's objects: validation, admission,
RBAC, quotas, garbage collection, and the issuer of service accounts' tokens.
"""

import os
import ssl
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local import processes
from local.authority import Authority
from local.ports import free_ports
from local.probe import answers
from stores.files import write_private
from tests.support.manifests import KUSTOMIZE, ROOT, Manifest
from tests.support.waiting import wait_for

BIN = ROOT / ".tools" / "cluster"
ADMINISTRATOR = "administrator"
# As EKS issues them, for a cluster that does not exist.
ISSUER = "https://oidc.eks.eu-central-1.amazonaws.com/id/0000000000000000000000000000TEST"
# What the declared objects need: garbage, namespaces, quotas, accounts, disruption budgets. Nothing that would make
# pods of them.
CONTROLLERS = (
    "namespace-controller,serviceaccount-controller,garbage-collector-controller,resourcequota-controller,"
    "disruption-controller"
)
# Charts bring webhooks, and no pod is there to answer them.
WITHOUT = "MutatingAdmissionWebhook,ValidatingAdmissionWebhook"
READY_SECONDS = 300
# How a change is written that leaves every other field alone.
MERGE = {"Content-Type": "application/merge-patch+json"}


class Cluster:
    """Use it as a context manager. Its administrator may do everything; any other token may do what RBAC allows."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        etcd, peer, self._port, controllers = free_ports(4)
        self.address = f"https://127.0.0.1:{self._port}"
        self._running = ExitStack()
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
        if not (BIN / "argocd").exists():
            raise FileNotFoundError(f"{BIN} has no cluster. Nothing was started; `make cluster` builds it, with Go.")
        with ExitStack() as parts:
            self._start(parts)
            self._running = parts.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def _start(self, parts: ExitStack) -> None:
        keys = self._write_keys()
        server = self._authority.issue_server("kube-apiserver", ("127.0.0.1", "localhost", "kubernetes.default.svc"))
        self._spawn(parts, "etcd", self._etcd_command)
        # An API server gives up on an etcd that does not answer for a while.
        wait_for(lambda: answers(f"{self._etcd}/health"), READY_SECONDS, f"etcd: {self.directory / 'logs'}")
        self._spawn(
            parts,
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
                # As EKS has it: what may be privileged is for Pod Security to say.
                "--allow-privileged=true",
                f"--disable-admission-plugins={WITHOUT}",
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
            parts,
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
        self._administrator = parts.enter_context(self.client())

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to reach the cluster as its administrator."""
        return {"PATH": f"{BIN}:{KUSTOMIZE.parent}:{os.environ['PATH']}", "KUBECONFIG": str(self.kubeconfig)}

    def client(self, token: str = ADMINISTRATOR) -> httpx.Client:
        """HTTP to the API server, as the bearer of a token."""
        headers = {"Authorization": f"Bearer {token}"}
        context = ssl.create_default_context(cafile=str(self._authority.certificate_file))
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

    def account_kubeconfig(self, namespace: str, account: str) -> Path:
        """A kubeconfig by which a program is this service account."""
        file = self.directory / f"kubeconfig-{namespace}-{account}"
        self._write_kubeconfig(file, self.account_token(namespace, account))
        return file

    def get(self, path: str) -> Manifest:
        """One object, or a list, by its path below the API server. Raises httpx's error where it is not there."""
        return dict(self._administrator.get(path).raise_for_status().json())

    def patch(self, path: str, change: Mapping[str, object]) -> None:
        """Change an object as somebody with every right does by hand."""
        self._administrator.patch(path, json=change, headers=MERGE).raise_for_status()

    def _spawn(self, parts: ExitStack, name: str, command: list[str]) -> None:
        process = processes.spawn(command, self.directory / "logs" / f"{name}.log", environment=os.environ)
        parts.callback(processes.end, process)

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
        self._write_kubeconfig(self.kubeconfig, ADMINISTRATOR)
        return keys

    def _write_kubeconfig(self, file: Path, token: str) -> None:
        cluster = {"server": self.address, "certificate-authority": str(self._authority.certificate_file)}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test", "namespace": "argocd"}}],
            "current-context": "test",
        }
        write_private(file, yaml.safe_dump(config))
