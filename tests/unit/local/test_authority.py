"""The local certificate authority."""

import datetime as dt
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from local.authority import Authority, AuthorityError, root_certificate
from stores.authority import LIFETIME


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca")


def test_store_names(authority: Authority):
    """A store's certificate carries the name that Kafka's ACLs spell."""
    identity = authority.issue_store("330", generation=2)
    assert identity.principal == "User:CN=store-330.g2,OU=stores,O=Tillstream"
    certificate = x509.load_pem_x509_certificate(identity.certificate_file.read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=store-330.g2,OU=stores,O=Tillstream"


def test_generations_stand_side_by_side(authority: Authority):
    """A new generation does not overwrite the files of the one it replaces."""
    first, second = (authority.issue_store("330", generation) for generation in (1, 2))
    assert first.certificate_file.exists()
    assert first.key_file.read_text() != second.key_file.read_text()


def test_only_the_owner_reads(authority: Authority):
    """No file of the authority can be read by anybody else."""
    authority.issue_store("330", generation=1)
    authority.issue_server("broker")
    files = [path for path in authority.directory.rglob("*") if path.is_file()]
    assert len(files) == 6
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_key_fits_certificate(authority: Authority):
    """Key and certificate are a pair that a TLS client can load, signed by the authority."""
    identity = authority.issue_store("330", generation=1)
    ssl.create_default_context().load_cert_chain(identity.certificate_file, identity.key_file)
    ca = x509.load_pem_x509_certificate(authority.certificate_file.read_bytes())
    x509.load_pem_x509_certificate(identity.certificate_file.read_bytes()).verify_directly_issued_by(ca)


def test_server_is_known_by_address_and_name(authority: Authority):
    """A server's certificate is for loopback, by address and by name."""
    identity = authority.issue_server("broker")
    certificate = x509.load_pem_x509_certificate(identity.certificate_file.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name) for name in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]


def test_authority_outlives_a_restart(authority: Authority):
    """Opened again, the authority is the same, so that what it issued stays valid."""
    before = authority.certificate_file.read_bytes()
    assert Authority.create(authority.directory).certificate_file.read_bytes() == before


def test_an_old_authority_is_certified_anew(authority: Authority):
    """After a long pause the authority has time left for what it issues now, and what it issued stays valid."""
    issued = authority.issue_store("330", generation=1)
    now = dt.datetime.now(dt.UTC)
    authority.certificate_file.write_bytes(root_certificate(authority._key, starts=now - dt.timedelta(days=400)))

    again = Authority.create(authority.directory)

    certificate = x509.load_pem_x509_certificate(again.certificate_file.read_bytes())
    assert certificate.not_valid_after_utc > now + LIFETIME
    x509.load_pem_x509_certificate(issued.certificate_file.read_bytes()).verify_directly_issued_by(certificate)


def test_broken_authority(authority: Authority):
    """A damaged key is refused with the directory's name, not replaced by a new authority."""
    (authority.directory / "ca.key").write_text("damaged")
    with pytest.raises(AuthorityError, match=str(authority.directory)):
        Authority.create(authority.directory)
