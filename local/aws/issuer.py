"""The issuer of workload tokens: what an EKS cluster's OIDC provider and its kubelets are to the cloud."""

import base64
import json
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from stores.files import write_private

# Nobody serves this address, and nobody needs to: STS is given the keys as a file.
LOCAL_ISSUER = "https://oidc.tillstream.invalid/id/local"
AUDIENCE = "sts.amazonaws.com"
NAMESPACE = "tillstream"
# What EKS projects, and how early a kubelet replaces it.
LIFETIME_SECONDS = 86_400
REFRESH_AT = 0.8


class Issuer:
    """Signs tokens with a key of its own, kept in `directory` beside the public half for those who verify."""

    def __init__(self, directory: Path, url: str = LOCAL_ISSUER) -> None:
        """Take up the issuer of this directory, or make a new one."""
        self.url = url
        self.jwks_file = directory / "jwks.json"
        key_file = directory / "issuer.key"
        if not key_file.exists():
            self._create(key_file)
        self._key = key_file.read_bytes()
        self._key_id: str = json.loads(self.jwks_file.read_text())["keys"][0]["kid"]

    def mint(
        self,
        service_account: str,
        *,
        namespace: str = NAMESPACE,
        audience: str = AUDIENCE,
        lifetime_seconds: int = LIFETIME_SECONDS,
    ) -> str:
        """A token as a pod of this service account finds it in its file. A negative lifetime: one that has expired."""
        now = int(time.time())
        claims = {
            "aud": [audience],
            "exp": now + lifetime_seconds,
            "iat": now,
            "iss": self.url,
            "jti": str(uuid.uuid4()),
            "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": service_account}},
            "nbf": now,
            "sub": f"system:serviceaccount:{namespace}:{service_account}",
        }
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def _create(self, key_file: Path) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = key.public_key().public_numbers()
        public = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": uuid.uuid4().hex,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
        }
        write_private(self.jwks_file, json.dumps({"keys": [public]}))
        # The key last: its presence says that the issuer is whole.
        write_private(
            key_file,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )


class TokenFiles:
    """Keeps one token file per service account fresh, as a kubelet does for the pods of its node."""

    def __init__(
        self,
        issuer: Issuer,
        directory: Path,
        service_accounts: Mapping[str, str],
        lifetime_seconds: int = LIFETIME_SECONDS,
    ) -> None:
        """`service_accounts`: the namespace of each, by its name."""
        self._issuer = issuer
        self._directory = directory
        self._service_accounts = dict(service_accounts)
        self._lifetime_seconds = lifetime_seconds
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="token-files", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def path(self, service_account: str) -> Path:
        return self._directory / service_account / "token"

    def start(self) -> None:
        """Write every file once, then keep replacing them in the background."""
        self._write()
        self._thread.start()

    def stop(self) -> None:
        """Stop replacing. The files stay, with tokens that expire."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self._lifetime_seconds * REFRESH_AT):
            self._write()

    def _write(self) -> None:
        for name, namespace in self._service_accounts.items():
            token = self._issuer.mint(name, namespace=namespace, lifetime_seconds=self._lifetime_seconds)
            write_private(self.path(name), token)


def _base64url(number: int) -> str:
    """As a JSON Web Key spells a number: big-endian, no padding."""
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
