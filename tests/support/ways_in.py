"""One broker with every way to log in, each with what it takes to log in and to fail."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from local.authority import Authority
from local.aws.issuer import Issuer
from local.kafka.configuration import Listener
from local.ports import free_ports
from stores.files import write_private
from tests.support.broker import Kafka, start_broker
from tests.support.kdc import Kdc
from topics.apply import apply_plan
from topics.logins import Iam, Login, Mtls, OAuthBearer, Scram, Secret
from topics.model import Acl, Topic
from topics.plan import Plan
from topics.settings import KafkaSettings

TOPIC = "ways-in.v1"
AUDIENCE = "kafka"
REGION = "eu-central-1"
ACCESS_KEY, SECRET_KEY = "AKIATILLSTREAMTEST00", "of/this+test/alone"
MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;"
SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class WaysIn:
    """A running broker. Its one topic may be written and read by whoever each log-in logs in by default."""

    kafka: Kafka
    directory: Path
    issuer: Issuer
    ports: dict[str, int]
    kdc: Kdc | None = None

    @property
    def authority(self) -> Authority:
        return self.kafka.broker.authority

    def settings(self, way: str, login: Login | None = None) -> KafkaSettings:
        """The settings of a client that takes this way in, with the log-in that is right there or another one."""
        port = {"mtls": self.kafka.broker.ports.stores, "scram": self.kafka.broker.ports.workloads, **self.ports}[way]
        return KafkaSettings(f"127.0.0.1:{port}", login or self._logins()[way], self.authority.certificate_file)

    def token_file(self, name: str, **how: int | str) -> Path:
        """A file with a token of the issuer for the workload `spark-ingest`, made as it is told."""
        token = self.issuer.mint("spark-ingest", **{"audience": AUDIENCE, **how})  # type: ignore[arg-type] # as named
        return write_private(self.directory / "tokens" / name, token)

    def environment(self, way: str) -> dict[str, str]:
        """The variables of a process that takes this way in with the right log-in."""
        settings = self.settings(way)
        login = settings.login
        variables = {"BOOTSTRAP": settings.bootstrap, "LOGIN": way, "CA_FILE": str(settings.ca_file)}
        if isinstance(login, Mtls):
            variables |= {"CERT_FILE": str(login.certificate_file), "KEY_FILE": str(login.key_file)}
        elif isinstance(login, Scram):
            variables |= {"USERNAME": login.username, "PASSWORD_FILE": str(login.password.file)}
        elif isinstance(login, OAuthBearer):
            variables |= {"TOKEN_FILE": str(login.token_file)}
        return {f"TILLSTREAM_KAFKA_{name}": value for name, value in variables.items()}

    def _logins(self) -> dict[str, Login]:
        store = self.kafka.identities["330"]
        scram = Scram("spark-ingest", Secret(self.kafka.broker.password_file("spark-ingest")))
        return {
            "mtls": Mtls(store.certificate_file, store.key_file),
            "scram": scram,
            "oauthbearer": OAuthBearer(self.token_file("good", lifetime_seconds=1800)),
            "iam": Iam(REGION),
            # Brokers that are not who they say they are, with a right log-in.
            "elsewhere": scram,
            "outdated": scram,
        }


def start_ways_in(directory: Path, kdc: Kdc | None = None) -> WaysIn:
    """Start the broker; stop it by `ways_in.kafka.broker.stop()`."""
    authority = Authority.create(directory / "ca")
    issuer = Issuer(directory / "issuer")
    keys = write_private(directory / "iam.keys", f"{ACCESS_KEY}={SECRET_KEY}, spark-ingest\n")
    names = ["oauthbearer", "iam", "elsewhere", "outdated", *(["kerberos"] if kdc else [])]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    jwks = issuer.jwks_file.as_uri()
    package = "org.apache.kafka.common.security.oauthbearer"
    listeners = [
        Listener(
            "OAUTHBEARER",
            ports["oauthbearer"],
            "OAUTHBEARER",
            {
                "oauthbearer.sasl.jaas.config": MODULE,
                "oauthbearer.sasl.server.callback.handler.class": f"{package}.OAuthBearerValidatorCallbackHandler",
                "oauthbearer.sasl.oauthbearer.jwks.endpoint.url": jwks,
                "oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
                "oauthbearer.sasl.oauthbearer.expected.issuer": issuer.url,
            },
            {"org.apache.kafka.sasl.oauthbearer.allowed.urls": jwks},
        ),
        Listener(
            "IAM",
            ports["iam"],
            "OAUTHBEARER",
            {
                "oauthbearer.sasl.jaas.config": MODULE,
                "oauthbearer.sasl.server.callback.handler.class": "tillstream.IamTokenVerifier",
            },
            {"tillstream.iam.keys": str(keys)},
        ),
        _wrong_server(authority, "ELSEWHERE", ports["elsewhere"], host="kafka.example.com", ended=False),
        _wrong_server(authority, "OUTDATED", ports["outdated"], host="127.0.0.1", ended=True),
    ]
    if kdc:
        name, keytab = kdc.principal("kafka/127.0.0.1")
        module = "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true"
        listeners.append(
            Listener(
                "KERBEROS",
                ports["kerberos"],
                "GSSAPI",
                {
                    "gssapi.sasl.jaas.config": f'{module} keyTab="{keytab}" principal="{name}";',
                    "sasl.kerberos.service.name": "kafka",
                },
                {"java.security.krb5.conf": str(kdc.configuration)},
            )
        )
    kafka = start_broker(directory, ("330",), listeners)
    principals = [kafka.identities["330"].principal, "User:store-330.g1", "User:spark-ingest"]
    principals.append("User:system:serviceaccount:tillstream:spark-ingest")
    rights = [Acl(each, operation, "topic", TOPIC) for each in principals for operation in ("read", "write")]
    apply_plan(kafka.admin(), Plan(create_topics=(Topic(TOPIC, 1, 1, {}),), add_acls=tuple(rights)))
    return WaysIn(kafka, directory, issuer, ports, kdc)


def _wrong_server(authority: Authority, name: str, port: int, *, host: str, ended: bool) -> Listener:
    """A way in whose certificate is of another host, or has ended."""
    starts = dt.datetime.now(dt.UTC) - 2 * DAY if ended else None
    own = authority.issue_server(name.lower(), [host], starts=starts, lifetime=DAY)
    pem = own.key_file.read_text() + own.certificate_file.read_text() + authority.certificate_file.read_text()
    keystore = write_private(authority.directory / "servers" / f"{name.lower()}.keystore.pem", pem)
    settings = {
        "scram-sha-512.sasl.jaas.config": SCRAM_MODULE,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
    }
    return Listener(name, port, "SCRAM-SHA-512", settings)


@pytest.fixture(scope="session")
def ways_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WaysIn]:
    directory = tmp_path_factory.mktemp("ways-in")
    with pytest.MonkeyPatch.context() as environment:
        # What AWS's chain of credentials finds first.
        environment.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        environment.setenv("AWS_REGION", REGION)
        environment.delenv("AWS_SESSION_TOKEN", raising=False)
        kdc = Kdc(directory / "kdc") if Kdc.missing() is None else None
        running = start_ways_in(directory, kdc)
        yield running
        running.kafka.broker.stop()
        if kdc:
            kdc.stop()
