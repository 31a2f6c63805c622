"""A second broker of the cluster, for faults that one broker alone cannot have."""

from pathlib import Path
from typing import Self

from drill.waiting import DrillError
from local import processes
from local.kafka import Broker
from local.kafka.broker import JARS, OWN_JAR
from local.ports import free_ports
from stores.files import write_private

NODE_ID = 2
END_SECONDS = 60
JAVA = ("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*:{OWN_JAR}")


class SecondBroker:
    """Joins the first one, which stays the controller, on the stores' listener only: workloads do not meet it, and
    Prometheus does not know it. Use it as a context manager.
    """

    def __init__(self, first: Broker, directory: Path) -> None:
        self._first = first
        self._directory = directory
        self._process: processes.Popen

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        file = write_private(self._directory / "server.properties", self._properties())
        log = self._directory / "broker.log"
        if not (self._directory / "data").exists():
            self._format(file)
        first_log = self._first.directory / "log4j2.properties"
        command = [JAVA[0], f"-Dlog4j2.configurationFile={first_log}", *JAVA[1:], "kafka.Kafka", str(file)]
        self._process = processes.spawn(command, log)
        return self

    def __exit__(self, *_: object) -> None:
        # In good order, or the cluster takes it for alive when the next one of its name begins.
        processes.end(self._process, END_SECONDS)

    def _properties(self) -> str:
        """The first one's, but for what tells the two apart."""
        lines = (self._first.directory / "server.properties").read_text(encoding="utf-8").splitlines()
        values = dict(line.split("=", 1) for line in lines)
        address = f"STORES://127.0.0.1:{free_ports(1)[0]}"
        values |= {
            "node.id": str(NODE_ID),
            "process.roles": "broker",
            "listeners": address,
            "advertised.listeners": address,
            "log.dirs": str(self._directory / "data"),
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _format(self, configuration: Path) -> None:
        meta = (self._first.directory / "data" / "meta.properties").read_text(encoding="utf-8").splitlines()
        cluster_id = dict(line.split("=", 1) for line in meta if "=" in line)["cluster.id"]
        command = [
            *JAVA,
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster_id}",
            f"--config={configuration}",
        ]
        log = self._directory / "format.log"
        code, printed = processes.outcome(command, log)
        if code:
            raise DrillError(
                f"A second broker's storage could not be formatted: {printed}\n{processes.end_of_log(log)}"
            )
