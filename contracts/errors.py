"""What can go wrong with contracts, and the root of every error this project raises on purpose."""

from dataclasses import dataclass
from pathlib import Path


class TillstreamError(Exception):
    """Something a person must know: what failed, what state is left, what to type next."""


@dataclass(frozen=True)
class Finding:
    """One fault of one contract: where it stands and why it is one."""

    file: Path
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.reason}"


class ContractError(TillstreamError):
    """The contracts cannot be used. Carries every finding of every file, not only the first."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        listed = "\n".join(f"  {finding}" for finding in findings)
        super().__init__(
            f"{len(findings)} finding(s) in the contracts; nothing was loaded:\n{listed}\n"
            "Correct the file(s), then: tillstream contracts check"
        )
