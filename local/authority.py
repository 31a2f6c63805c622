"""A certificate authority for one machine: what AWS Private CA or cert-manager is to the cloud.

Names are built so that Java prints them as the ACLs spell them: `CN=store-330.g1,OU=stores,O=Tillstream`.
"""

import datetime as dt
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID

from contracts.errors import TillstreamError
from local.files import write_private

CA_SUBJECT = "CN=Tillstream local authority,O=Tillstream"
# A machine's clock may be set back a little between the making of a certificate and its use.
BACKDATED = dt.timedelta(hours=1)


class AuthorityError(TillstreamError):
    """The authority's files are missing or not its own."""


@dataclass(frozen=True)
class Identity:
    """A certificate and its private key, as PEM files, and the name Kafka knows their owner by."""

    subject: str
    certificate_file: Path
    key_file: Path

    @property
    def principal(self) -> str:
        return f"User:{self.subject}"


class Authority:
    """Issues certificates under one root. Keys are EC P-256; every file is readable by its owner alone."""

    def __init__(self, directory: Path) -> None:
        """Open the authority that `Authority.create` made in this directory."""
        self.directory = directory
        self.certificate_file = directory / "ca.pem"
        try:
            self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise AuthorityError(
                f"The certificate authority in {directory} cannot be read ({error}). "
                "Nothing was changed; `make down` and `make up` make a new one."
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityError(f"{directory}/ca.key holds no EC key: it was not made by this project. Remove it.")
        self._key = key

    @classmethod
    def create(cls, directory: Path) -> "Authority":
        """Make a new authority, or open the one that stands there: its certificates must outlive a restart."""
        if (directory / "ca.pem").exists():
            return cls(directory)
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name.from_rfc4514_string(CA_SUBJECT)
        certificate = (
            _builder(name, name, key.public_key(), lifetime=dt.timedelta(days=365))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_private(directory / "ca.key", _pem_key(key))
        # The certificate last: its presence says that the authority is whole.
        write_private(directory / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))
        return cls(directory)

    def issue_server(self, name: str, hosts: Iterable[str] = ("127.0.0.1", "localhost")) -> Identity:
        """A certificate for a server at these host names and addresses; it may log in to its peers, too."""
        return self._issue(
            f"CN={name},O=Tillstream",
            self.directory / "servers" / name,
            usages=(ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH),
            hosts=hosts,
        )

    def issue_client(self, name: str, unit: str = "platform") -> Identity:
        """A certificate to log in with, `CN=<name>,OU=<unit>,O=Tillstream`."""
        return self._issue(
            f"CN={name},OU={unit},O=Tillstream",
            self.directory / unit / name,
            usages=(ExtendedKeyUsageOID.CLIENT_AUTH,),
        )

    def issue_store(self, store_id: str, generation: int) -> Identity:
        """The certificate of a store; a new generation is how a lost or stolen one is replaced."""
        return self.issue_client(f"store-{store_id}.g{generation}", unit="stores")

    def java_truststore(self, path: Path, password: str) -> Path:
        """Write the authority's certificate as PKCS12, for JVMs that cannot be given PEM."""
        trusted = [pkcs12.PKCS12Certificate(self._certificate, b"tillstream")]
        encryption = serialization.BestAvailableEncryption(password.encode())
        return write_private(path, pkcs12.serialize_java_truststore(trusted, encryption))

    def _issue(
        self, subject: str, stem: Path, *, usages: Iterable[x509.ObjectIdentifier], hosts: Iterable[str] = ()
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name.from_rfc4514_string(subject)
        builder = (
            _builder(name, self._certificate.subject, key.public_key(), lifetime=dt.timedelta(days=90))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names := [_general_name(host) for host in hosts]:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        # `with_name`, not `with_suffix`: the name of a store already has a dot in it.
        return Identity(
            subject,
            write_private(stem.with_name(f"{stem.name}.pem"), certificate.public_bytes(serialization.Encoding.PEM)),
            write_private(stem.with_name(f"{stem.name}.key"), _pem_key(key)),
        )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + lifetime)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
