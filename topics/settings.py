"""One settings type for every Kafka client of the project, Python's (librdkafka) and Java's (Spark).

The platform sets `TILLSTREAM_KAFKA_*`, by the same names on AWS and on one machine; `topics.logins` holds the ways to
log in. Secrets stand in files and are read when a client is made, so a secret that was replaced counts from the next
client on.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from topics.errors import SettingsError
from topics.logins import LOGINS, Login, Variables
from topics.logins.base import PREFIX

BOOTSTRAP = re.compile(r"[A-Za-z0-9.-]+:\d{1,5}(,[A-Za-z0-9.-]+:\d{1,5})*")


@dataclass(frozen=True)
class KafkaSettings:
    """Where Kafka is, whom to trust and how to log in. Shows no secret, so it may be printed."""

    bootstrap: str
    login: Login
    # None: the authorities that the machine trusts anyway.
    ca_file: Path | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read `TILLSTREAM_KAFKA_*`. Raise SettingsError that names every missing or wrong variable at once."""
        variables = Variables(environ)
        bootstrap = variables.text("BOOTSTRAP")
        if bootstrap and not BOOTSTRAP.fullmatch(bootstrap):
            variables.findings.append(f"{PREFIX}BOOTSTRAP is {bootstrap!r}, not host:port[,host:port]")
        ca_file = variables.optional_file("CA_FILE")
        name = variables.text("LOGIN")
        login_type = LOGINS.get(name)
        if name and login_type is None:
            variables.findings.append(f"{PREFIX}LOGIN is {name!r}, not one of {', '.join(LOGINS)}")
        login = login_type.from_variables(variables) if login_type else None
        if variables.findings or login is None:
            raise SettingsError(
                "Kafka's settings are not usable: "
                + "; ".join(variables.findings)
                + ". Nothing was connected; set them (docs/kafka-logins.md)."
            )
        return cls(bootstrap, login, ca_file)

    def librdkafka(self) -> dict[str, Any]:
        """The configuration for confluent-kafka's clients. Contains secrets: do not print it."""
        trust = {"ssl.ca.location": str(self.ca_file)} if self.ca_file else {}
        return {"bootstrap.servers": self.bootstrap, **trust, **self.login.librdkafka()}

    def spark(self) -> dict[str, str]:
        """The `kafka.*` options of Spark's source. Contains secrets: do not print it."""
        trust = {"ssl.truststore.type": "PEM", "ssl.truststore.location": str(self.ca_file)} if self.ca_file else {}
        options = {"bootstrap.servers": self.bootstrap, **trust, **self.login.java()}
        return {f"kafka.{name}": value for name, value in options.items()}

    def files(self) -> tuple[Path, ...]:
        """What a client reads once, when it is made: when one of these is replaced, a new client is needed."""
        return (*self.login.files(), *((self.ca_file,) if self.ca_file else ()))
