"""The lake exporter on one machine: a process of its own, under its own role."""

import sys
from collections.abc import Mapping
from pathlib import Path

from local import processes
from local.monitoring.pace import Pace
from local.ports import free_ports
from local.submission import inherited

WORKLOAD = "lake-exporter"


class LakeExporter:
    """`tillstream exporter`. It keeps its address, so that it can be ended and started again."""

    def __init__(self, log_file: Path, environment: Mapping[str, str], pace: Pace) -> None:
        """`environment`: the variables of the workload `lake-exporter`."""
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.log_file = log_file
        self._environment = inherited() | dict(environment)
        self._pace = pace
        self._process: processes.Popen | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """It answers when its imports are done, a few seconds later: whoever scrapes it knows."""
        command = [
            *(sys.executable, "-m", "tillstream.cli", "exporter"),
            *(f"--listen={self.address}", f"--times-as-often={self._pace.look_factor}"),
            # What is not scraped was looked at in vain.
            f"--least-pause={self._pace.scrape_seconds}",
        ]
        self._process = processes.spawn(command, self.log_file, environment=self._environment)

    def stop(self) -> None:
        if self._process:
            processes.end(self._process)
            self._process = None

    def kill(self) -> None:
        """`kill -9`, as a power cut would."""
        if self._process:
            processes.kill(self._process)
            self._process = None
