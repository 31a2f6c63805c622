"""The contracts of another revision, for a plan without a broker: what a pull request would change in Kafka."""

import subprocess
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path

import contracts
from contracts import Contract
from contracts.errors import ContractError
from topics.errors import TopicsError

FOLDER = "contracts"


def contracts_at(revision: str, repository: Path) -> dict[str, Contract]:
    """The contracts as they were at a revision of the repository. Raise TopicsError where they cannot be read."""
    # Not as an option, whatever it is called.
    command = ["git", "-C", str(repository), "archive", "--format=tar", "--end-of-options", revision, FOLDER]
    archive = subprocess.run(command, capture_output=True, check=False)
    if archive.returncode:
        said = archive.stderr.decode(errors="replace").strip()
        raise TopicsError(f"The contracts of {revision} cannot be read: {said}. Nothing was compared; fetch it first.")
    with tempfile.TemporaryDirectory() as scratch, tarfile.open(fileobj=BytesIO(archive.stdout)) as opened:
        opened.extractall(scratch, filter="data")
        try:
            return contracts.load(Path(scratch) / FOLDER)
        except ContractError as error:
            raise TopicsError(
                f"The contracts of {revision} are none to this code: {error}. Nothing was compared."
            ) from error
