from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from topics.logins.base import Secret, Variables, jaas_quoted


@dataclass(frozen=True)
class Scram:
    """By user name and password, SCRAM-SHA-512 over TLS: the principal is `User:<username>`."""

    username: str
    password: Secret

    def librdkafka(self) -> dict[str, Any]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.username,
            "sasl.password": self.password.read("password"),
        }

    def java(self) -> dict[str, str]:
        password = self.password.read("password")
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
            f"username={jaas_quoted(self.username)} password={jaas_quoted(password)};",
        }

    def files(self) -> tuple[Path, ...]:
        return (self.password.file,) if self.password.file else ()

    @classmethod
    def from_variables(cls, variables: Variables) -> Self:
        return cls(variables.text("USERNAME"), variables.secret("PASSWORD"))
