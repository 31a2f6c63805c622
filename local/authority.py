"""A certificate authority for one machine: what AWS Private CA or cert-manager is to the cloud."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from stores.authority import LIFETIME, AuthorityError, Identity, builder, key_usage, pem_key
from stores.authority import Authority as Issuer
from stores.files import write_private

__all__ = ["Authority", "AuthorityError", "Identity"]

CA_SUBJECT = "CN=Tillstream local authority,O=Tillstream"


class Authority(Issuer):
    """Issues certificates under one root. Keys are EC P-256; every file is readable by its owner alone."""

    @classmethod
    def create(cls, directory: Path) -> "Authority":
        """Make a new authority, or open the one that stands there: its certificates must outlive a restart.

        One that would end before what it issues now is certified anew, with its old key.
        """
        if (directory / "ca.pem").exists():
            opened = cls(directory)
            if opened._certificate.not_valid_after_utc > dt.datetime.now(dt.UTC) + LIFETIME:
                return opened
            key = opened._key
        else:
            key = ec.generate_private_key(ec.SECP256R1())
            write_private(directory / "ca.key", pem_key(key))
        # The certificate last: its presence says that the authority is whole.
        write_private(directory / "ca.pem", root_certificate(key))
        return cls(directory)

    def issue_server(
        self,
        name: str,
        hosts: Iterable[str] = ("127.0.0.1", "localhost"),
        *,
        starts: dt.datetime | None = None,
        lifetime: dt.timedelta = LIFETIME,
    ) -> Identity:
        """A certificate for a server at these host names and addresses; it may log in to its peers, too."""
        return self._issue(
            f"CN={name},O=Tillstream",
            self.directory / "servers" / name,
            usages=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
            hosts=hosts,
            starts=starts,
            lifetime=lifetime,
        )

    def java_truststore(self, path: Path, password: str) -> Path:
        """Write the authority's certificate as PKCS12, for JVMs that cannot be given PEM."""
        trusted = [pkcs12.PKCS12Certificate(self._certificate, b"tillstream")]
        encryption = serialization.BestAvailableEncryption(password.encode())
        return write_private(path, pkcs12.serialize_java_truststore(trusted, encryption))


def root_certificate(key: ec.EllipticCurvePrivateKey, starts: dt.datetime | None = None) -> bytes:
    """The certificate of an authority with this key, as PEM, for a year from `starts` on (by default now)."""
    name = x509.Name.from_rfc4514_string(CA_SUBJECT)
    certificate = (
        builder(name, name, key.public_key(), starts=starts, lifetime=dt.timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
