"""What every log-in is made of: the variables it is read from, and secrets that are read as late as possible."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from topics.errors import SettingsError

PREFIX = "TILLSTREAM_KAFKA_"


class Login(Protocol):
    """How a client says who it is: what librdkafka and what Java's client must be told."""

    def librdkafka(self) -> dict[str, Any]: ...

    def java(self) -> dict[str, str]: ...

    def files(self) -> tuple[Path, ...]:
        """What a client reads once, when it is made: when one of these is replaced, a new client is needed."""
        ...

    @classmethod
    def from_variables(cls, variables: "Variables") -> Self:
        """Build it from the variables it needs. Where one is missing or wrong, `variables` takes note of it."""
        ...


@dataclass(frozen=True)
class Secret:
    """Where a secret is: in a file, or in a value that came by the environment. It may be printed."""

    file: Path | None = None
    value: str = field(default="", repr=False)

    def read(self, what: str) -> str:
        """The secret as it is now. Raise SettingsError where there is none."""
        # Editors and `kubectl create secret` leave a newline at the end; no secret ends in one.
        secret = (read_text(self.file, what) if self.file else self.value).rstrip("\r\n")
        if not secret:
            raise SettingsError(f"The {what} file {self.file} is empty. No client was made; fill the file.")
        return secret


class Variables:
    """Reads `TILLSTREAM_KAFKA_*` and collects everything that is wrong with them in `findings`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.findings: list[str] = []
        self._environ = environ

    def text(self, name: str, default: str = "", *, prefix: str = PREFIX) -> str:
        value = self._environ.get(prefix + name, "").strip() or default
        if not value:
            self.findings.append(f"{prefix}{name} is not set")
        return value

    def file(self, name: str) -> Path:
        value = self.text(name)
        if value and not (Path(value).is_file() and os.access(value, os.R_OK)):
            self.findings.append(f"{PREFIX}{name} names {value}, which is no readable file")
        return Path(value)

    def optional_file(self, name: str) -> Path | None:
        return self.file(name) if self._environ.get(PREFIX + name) else None

    def secret(self, name: str) -> Secret:
        """A secret from the file that `<name>_FILE` names, or from the variable `<name>` itself."""
        # As it is: a password may begin or end with a space.
        value = self._environ.get(PREFIX + name, "")
        if not value:
            return Secret(self.file(f"{name}_FILE"))
        if self._environ.get(PREFIX + name + "_FILE"):
            self.findings.append(f"both {PREFIX}{name} and {PREFIX}{name}_FILE are set; keep one")
        return Secret(value=value)


def jaas_quoted(value: str) -> str:
    """Quote a value for a JAAS line, so that no password can end its string and add options of its own."""
    if any(ord(character) < 32 or ord(character) == 127 for character in value):
        raise SettingsError("A user name or password contains a control character, which JAAS cannot hold. Change it.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def read_text(path: Path, what: str) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise SettingsError(f"The {what} cannot be read from {path}: {error.strerror}. No client was made.") from error
