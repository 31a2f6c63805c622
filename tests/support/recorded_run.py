"""Runs the whole pipeline once, small, and notes what each workload asks S3 for.

python -m tests.support.recorded_run    writes tests/support/recorded_requests.txt
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local.aws.account import RECORD as RECORD_VARIABLE
from local.environment import ROOT
from tests.support.permissions import RECORD, record_of

RECEIPTS = 3_000


def run(directory: Path) -> str:
    """The record of a demo that ran below `directory`, as lines to commit. Raise CalledProcessError where it failed."""
    requests = directory / "requests.jsonl"
    # Short paths: sockets are named by them. What the demo says goes where the caller's output goes.
    environment = {**os.environ, "TILLSTREAM_LOCAL_DIR": str(directory / "local"), RECORD_VARIABLE: str(requests)}
    command = [sys.executable, "-m", "tillstream.cli", "demo", f"--receipts={RECEIPTS}"]
    subprocess.run([*command, f"--report={directory / 'report.html'}"], cwd=ROOT, env=environment, check=True)
    return record_of(requests)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        RECORD.write_text(run(Path(place)))
