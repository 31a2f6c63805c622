"""One settings type for every Kafka client of the project, Python's (librdkafka) and Java's (Spark).

The platform sets `TILLSTREAM_KAFKA_*`, by the same names on AWS and on one machine. Secrets stand in files and are
read when a client is made, so a secret that was replaced counts from the next client on. To add a way to log in, add
a class beside `Mtls` and `Scram` with the same three methods, and name it in `LOGINS`.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from topics.errors import SettingsError

PREFIX = "TILLSTREAM_KAFKA_"
BOOTSTRAP = re.compile(r"[A-Za-z0-9.-]+:\d{1,5}(,[A-Za-z0-9.-]+:\d{1,5})*")


class Login(Protocol):
    """How a client says who it is: what librdkafka and what Java's client must be told."""

    def librdkafka(self) -> dict[str, str]: ...

    def java(self) -> dict[str, str]: ...

    @classmethod
    def from_variables(cls, read: Callable[[str], str]) -> Self:
        """Build it from the variables it needs, each read by its name without the prefix."""
        ...


@dataclass(frozen=True)
class Mtls:
    """By a certificate: the principal is its whole subject, `User:CN=store-330.g1,OU=stores,O=Tillstream`."""

    certificate_file: Path
    key_file: Path

    def librdkafka(self) -> dict[str, str]:
        return {
            "security.protocol": "SSL",
            "ssl.certificate.location": str(self.certificate_file),
            "ssl.key.location": str(self.key_file),
        }

    def java(self) -> dict[str, str]:
        # Java reads key and certificate from one file only; given as text they may stay in two.
        return {
            "security.protocol": "SSL",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.certificate.chain": _read(self.certificate_file, "certificate"),
            "ssl.keystore.key": _read(self.key_file, "private key"),
        }

    @classmethod
    def from_variables(cls, read: Callable[[str], str]) -> Self:
        return cls(Path(read("CERT_FILE")), Path(read("KEY_FILE")))


@dataclass(frozen=True)
class Scram:
    """By user name and password, SCRAM-SHA-512 over TLS: the principal is `User:<username>`."""

    username: str
    password_file: Path

    def librdkafka(self) -> dict[str, str]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.username,
            "sasl.password": self._password(),
        }

    def java(self) -> dict[str, str]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f"username={jaas_quoted(self.username)} password={jaas_quoted(self._password())};",
        }

    def _password(self) -> str:
        # Editors and `kubectl create secret` leave a newline at the end; no password ends in one.
        password = _read(self.password_file, "password").rstrip("\r\n")
        if not password:
            raise SettingsError(f"The password file {self.password_file} is empty. No client was made; fill the file.")
        return password

    @classmethod
    def from_variables(cls, read: Callable[[str], str]) -> Self:
        return cls(read("USERNAME"), Path(read("PASSWORD_FILE")))


LOGINS: dict[str, type[Login]] = {"mtls": Mtls, "scram": Scram}


@dataclass(frozen=True)
class KafkaSettings:
    """Where Kafka is, whom to trust and how to log in. Holds no secret itself, so it may be printed."""

    bootstrap: str
    login: Login
    # None: the authorities that the machine trusts anyway.
    ca_file: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read `TILLSTREAM_KAFKA_*`. Raise SettingsError that names every missing or wrong variable at once."""
        findings: list[str] = []

        def read(name: str) -> str:
            value = environ.get(PREFIX + name, "").strip()
            if not value:
                findings.append(f"{PREFIX}{name} is not set")
            elif name.endswith("_FILE") and not os.access(value, os.R_OK):
                findings.append(f"{PREFIX}{name} names {value}, which is no readable file")
            return value

        bootstrap = read("BOOTSTRAP")
        if bootstrap and not BOOTSTRAP.fullmatch(bootstrap):
            findings.append(f"{PREFIX}BOOTSTRAP is {bootstrap!r}, not host:port[,host:port]")
        ca_file = Path(read("CA_FILE")) if environ.get(PREFIX + "CA_FILE") else None
        name = read("LOGIN")
        login_type = LOGINS.get(name)
        if name and login_type is None:
            findings.append(f"{PREFIX}LOGIN is {name!r}, not one of {', '.join(LOGINS)}")
        login = login_type.from_variables(read) if login_type else None
        if findings or login is None:
            raise SettingsError(
                "Kafka's settings are not usable: " + "; ".join(findings) + ". Nothing was connected; set them."
            )
        return cls(bootstrap, login, ca_file)

    def librdkafka(self) -> dict[str, str]:
        """The configuration for confluent-kafka's clients. Contains secrets: do not print it."""
        trust = {"ssl.ca.location": str(self.ca_file)} if self.ca_file else {}
        return {"bootstrap.servers": self.bootstrap, **trust, **self.login.librdkafka()}

    def spark(self) -> dict[str, str]:
        """The `kafka.*` options of Spark's source. Contains secrets: do not print it."""
        trust = {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(self.ca_file)} if self.ca_file else {}
        options = {"bootstrap.servers": self.bootstrap, **trust, **self.login.java()}
        return {f"kafka.{name}": value for name, value in options.items()}


def jaas_quoted(value: str) -> str:
    """Quote a value for a JAAS line, so that no password can end its string and add options of its own."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise SettingsError("A user name or password contains a control character, which JAAS cannot hold. Change it.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read(path: Path, what: str) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise SettingsError(f"The {what} cannot be read from {path}: {error.strerror}. No client was made.") from error
