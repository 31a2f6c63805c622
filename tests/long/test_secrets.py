"""A small demo leaves none of the secrets it made in anything that it wrote, printed or started."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.beside import meanwhile
from tests.support.leaks import Secrets, leaks

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """The directory of a demo that has ended, and a file with the command lines of every program it had started."""
    lines: set[str] = set()
    output = tmp_path / "output.log"
    command = [sys.executable, "-m", "tillstream.cli", "demo", "--keep", "--receipts", "2000", "--replay-seconds", "1"]
    with output.open("wb") as log:
        process = subprocess.Popen(
            [*command, "--report", str(tmp_path / "report.html")],
            env=os.environ | {"TILLSTREAM_LOCAL_DIR": str(tmp_path / "local")},
            stdout=log,
            stderr=log,
        )

    def watch(ended: threading.Event) -> None:
        while not ended.wait(1):
            for each in psutil.Process().children(recursive=True):
                try:
                    lines.add("\0".join(each.cmdline()))
                except psutil.Error:
                    # It is over; who lives longer than a second is seen.
                    continue

    with meanwhile(watch):
        code = process.wait()
    assert code == 0, output.read_text()
    (tmp_path / "command-lines").write_text("\n".join(lines))
    yield tmp_path / "local" / "demo", tmp_path / "command-lines"
    shutil.rmtree(tmp_path / "local")


def test_demo_tells_no_secret(demo: tuple[Path, Path]):
    """Logs, tables, outboxes, broker data, report, output and command lines: no secret but in its own file."""
    directory, command_lines = demo
    stores = json.loads((directory / "reference" / "stores.json").read_text())
    secrets = Secrets.of(directory, [(store["store_id"], store["key_generation"]) for store in stores])
    # The fleet's 457 keys, the platform's, the passwords, the tokens, the master key and what comes of it.
    assert len(secrets.needles) > 457 + 3 * 457
    written = [path for path in directory.parents[1].rglob("*") if path.is_file()]
    assert {command_lines, directory.parents[1] / "report.html", directory / "kafka" / "broker.log"} <= {*written}
    assert "kafka.Kafka" in command_lines.read_text()
    assert leaks(written, secrets) == []
