"""Certificates to log in to Kafka with, signed by the key of an authority that lies in a directory.

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
from cryptography.x509.oid import ExtendedKeyUsageOID

from contracts.errors import TillstreamError
from stores.files import write_private

LIFETIME = dt.timedelta(days=90)
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
        """Open the authority of this directory: `ca.pem` and `ca.key`, an EC key."""
        self.directory = directory
        self.certificate_file = directory / "ca.pem"
        try:
            self._certificate = x509.load_pem_x509_certificate(self.certificate_file.read_bytes())
            key = serialization.load_pem_private_key((directory / "ca.key").read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise AuthorityError(
                f"The certificate authority in {directory} cannot be read ({error}). "
                "Nothing was changed; give the directory that holds ca.pem and ca.key."
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise AuthorityError(
                f"{directory}/ca.key holds no EC key. Nothing was changed; give an authority with one."
            )
        self._key = key

    def issue_client(
        self,
        name: str,
        unit: str = "platform",
        *,
        directory: Path | None = None,
        starts: dt.datetime | None = None,
        lifetime: dt.timedelta = LIFETIME,
    ) -> Identity:
        """A certificate to log in with, `CN=<name>,OU=<unit>,O=Tillstream`, with a new key; it replaces an older one.

        By default it stands beside the authority, and begins now.
        """
        return self._issue(
            f"CN={name},OU={unit},O=Tillstream",
            (directory or self.directory / unit) / name,
            usages=(ExtendedKeyUsageOID.CLIENT_AUTH,),
            starts=starts,
            lifetime=lifetime,
        )

    def issue_store(
        self,
        store_id: str,
        generation: int,
        *,
        directory: Path | None = None,
        starts: dt.datetime | None = None,
        lifetime: dt.timedelta = LIFETIME,
    ) -> Identity:
        """The certificate of a store; a new generation is how a lost or stolen one is replaced."""
        name = f"store-{store_id}.g{generation}"
        return self.issue_client(name, "stores", directory=directory, starts=starts, lifetime=lifetime)

    def _issue(
        self,
        subject: str,
        stem: Path,
        *,
        usages: Iterable[x509.ObjectIdentifier],
        hosts: Iterable[str] = (),
        starts: dt.datetime | None = None,
        lifetime: dt.timedelta = LIFETIME,
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name.from_rfc4514_string(subject)
        draft = (
            builder(name, self._certificate.subject, key.public_key(), starts=starts, lifetime=lifetime)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(list(usages)), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names := [_general_name(host) for host in hosts]:
            draft = draft.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = draft.sign(self._key, hashes.SHA256())
        # `with_name`, not `with_suffix`: the name of a store already has a dot in it.
        return Identity(
            subject,
            write_private(stem.with_name(f"{stem.name}.pem"), certificate.public_bytes(serialization.Encoding.PEM)),
            write_private(stem.with_name(f"{stem.name}.key"), pem_key(key)),
        )


def builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    *,
    starts: dt.datetime | None = None,
    lifetime: dt.timedelta,
) -> x509.CertificateBuilder:
    """What every certificate begins with; `starts` is now by default."""
    now = starts or dt.datetime.now(dt.UTC)
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


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
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


def pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def not_after(certificate_file: Path) -> dt.datetime:
    """When this certificate ends. Raise AuthorityError where there is none."""
    try:
        return x509.load_pem_x509_certificate(certificate_file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:
        raise AuthorityError(
            f"{certificate_file} holds no certificate ({error}). Nothing was changed; issue one: "
            "tillstream stores certificates issue"
        ) from error
