import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from topics.errors import SettingsError
from topics.logins.base import Variables

# What Kerberos calls primary, instance and realm. Nothing in it needs quoting in a shell.
PRINCIPAL = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)?@[A-Za-z0-9.-]+")
SERVICE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Kerberos:
    """By a ticket, for self-managed Kafka: the principal `store-330.g1@REALM` is Kafka's `User:store-330.g1`.

    librdkafka must be built with GSSAPI (the wheel from PyPI is not), and needs `kinit`, which finds the realm by
    KRB5_CONFIG. Spark does not log in this way.
    """

    principal: str
    keytab_file: Path
    service: str = "kafka"

    def librdkafka(self) -> dict[str, Any]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "GSSAPI",
            "sasl.kerberos.service.name": self.service,
            "sasl.kerberos.principal": self.principal,
            "sasl.kerberos.keytab": str(self.keytab_file),
            # Renewed by the keytab, which is read anew each time; never by an old ticket.
            "sasl.kerberos.kinit.cmd": f"kinit -k -t {shlex.quote(str(self.keytab_file))} {self.principal}",
        }

    def java(self) -> dict[str, str]:
        raise SettingsError(
            "Kerberos is a log-in for stores; Spark has none of it here. No client was made; let "
            "TILLSTREAM_KAFKA_LOGIN be mtls, scram, oauthbearer or iam."
        )

    def files(self) -> tuple[Path, ...]:
        return ()

    @classmethod
    def from_variables(cls, variables: Variables) -> Self:
        principal = variables.text("KERBEROS_PRINCIPAL")
        if principal and not PRINCIPAL.fullmatch(principal):
            variables.findings.append(
                f"TILLSTREAM_KAFKA_KERBEROS_PRINCIPAL is {principal!r}, not a name like store-330.g1@EXAMPLE.COM"
            )
        service = variables.text("KERBEROS_SERVICE", "kafka")
        if not SERVICE.fullmatch(service):
            variables.findings.append(f"TILLSTREAM_KAFKA_KERBEROS_SERVICE is {service!r}, not a name like kafka")
        return cls(principal, variables.file("KEYTAB_FILE"), service)
