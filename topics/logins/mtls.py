from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from topics.logins.base import Variables, read_text


@dataclass(frozen=True)
class Mtls:
    """By a certificate: the principal is its whole subject, `User:CN=store-330.g1,OU=stores,O=Tillstream`."""

    certificate_file: Path
    key_file: Path

    def librdkafka(self) -> dict[str, Any]:
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
            "ssl.keystore.certificate.chain": read_text(self.certificate_file, "certificate"),
            "ssl.keystore.key": read_text(self.key_file, "private key"),
        }

    def files(self) -> tuple[Path, ...]:
        return self.certificate_file, self.key_file

    @classmethod
    def from_variables(cls, variables: Variables) -> Self:
        return cls(variables.file("CERT_FILE"), variables.file("KEY_FILE"))
