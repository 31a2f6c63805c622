"""Start, stop, kill and restart one Kafka broker, and make its SCRAM users."""

import base64
import json
import secrets
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from contracts.errors import TillstreamError
from local import processes
from local.authority import Authority, Identity
from local.kafka.configuration import Listener, Ports, log4j_properties, server_properties
from local.ports import free_ports
from stores.files import write_private
from topics.errors import TopicsError
from topics.logins import Secret
from topics.users import set_users

JARS = Path(__file__).resolve().parents[2] / ".tools" / "jars" / "kafka"
OWN_JAR = JARS.parent / "own" / "kafka.jar"
WORKLOADS = ("spark-ingest", "spark-batch", "quality", "airflow-triggerer", "topics")

# Who they are in their certificates.
OWN = "CN=broker,O=Tillstream"
ADMINISTRATOR = "CN=admin,OU=platform,O=Tillstream"


class BrokerError(TillstreamError):
    """The broker does not run."""


class Broker:
    """One node with its data, log and secrets below `directory`.

    Ports and data are made once and kept, so a broker that was stopped or killed comes back as it was. Certificates are
    made anew with each start: however long it stood still, none has ended.
    """

    def __init__(
        self,
        directory: Path,
        authority: Authority,
        more: Sequence[Listener] = (),
        metrics_port: int | None = None,
        *,
        optimised: bool = False,
    ) -> None:
        """Take up the broker of this directory, or prepare a new one (a few seconds: its storage is formatted).

        `more`: ways in beside those of stores and workloads. `metrics_port`: serve its metrics there, as MSK does.
        `optimised`: with Java's optimising compiler, which a broker that lives for minutes does not earn back; under
        full load it takes a tenth of the time, as TLS is what it does most.
        """
        self.directory = directory
        self.authority = authority
        self.log_file = directory / "broker.log"
        self._more = more
        self._metrics_port = metrics_port
        self._optimised = optimised
        self._process: processes.Popen | None = None
        self._ports_file = directory / "ports.json"
        if not self._ports_file.exists():
            self._prepare()
        self.ports = Ports(**json.loads(self._ports_file.read_text()))

    @property
    def stores_bootstrap(self) -> str:
        """Where stores log in, by certificate."""
        return f"127.0.0.1:{self.ports.stores}"

    @property
    def workloads_bootstrap(self) -> str:
        """Where workloads log in, by SCRAM over TLS."""
        return f"127.0.0.1:{self.ports.workloads}"

    @property
    def metrics_address(self) -> str:
        """Where Prometheus reads what the broker counts, if it was asked to serve that."""
        return f"127.0.0.1:{self._metrics_port}" if self._metrics_port else ""

    @property
    def pid(self) -> int | None:
        """The process id while the broker runs, if this object started it."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout_seconds: float = 180) -> None:
        """Start the broker and return when a client has been answered. Raise BrokerError if that takes too long."""
        if self.pid:
            return
        self._issue()
        command = [
            "java",
            "-Xmx512m",
            "-XX:+UseSerialGC",
            *(() if self._optimised else ("-XX:TieredStopAtLevel=1",)),
            f"-Dlog4j2.configurationFile={self.directory / 'log4j2.properties'}",
            *(f"-D{name}={value}" for each in self._more for name, value in each.jvm.items()),
            *self._metrics_agent(),
            "-cp",
            f"{JARS}/*:{OWN_JAR}",
            "kafka.Kafka",
            str(self.directory / "server.properties"),
        ]
        self._process = processes.spawn(command, self.log_file)
        self._await_answer(timeout_seconds)

    def stop(self, timeout_seconds: float = 30) -> None:
        """Stop the broker in good order, or kill it after the time-out. Its data stays. Close clients first."""
        if self._process is not None:
            processes.end(self._process, timeout_seconds)
            self._process = None

    def kill(self) -> None:
        """`kill -9`, as a power cut would."""
        if self._process is not None:
            processes.kill(self._process)
            self._process = None

    def create_users(self, names: Iterable[str] = WORKLOADS) -> None:
        """Make the SCRAM users with the passwords in their files, and let `topics` do the rest. May be repeated."""
        try:
            set_users(self.admin(), {name: Secret(file=self.password_file(name)) for name in names})
        except TopicsError as error:
            raise BrokerError(f"{error} The broker runs; `make up` tries again.") from error

    def admin(self) -> AdminClient:
        """A client with every right, for set-up only."""
        return AdminClient(
            {
                "bootstrap.servers": self.stores_bootstrap,
                "security.protocol": "SSL",
                "ssl.ca.location": str(self.authority.certificate_file),
                "ssl.certificate.location": str(self._administrator.certificate_file),
                "ssl.key.location": str(self._administrator.key_file),
                "log_level": 0,
            }
        )

    def password_file(self, user: str) -> Path:
        """Where the random password of a user stands, made at first use."""
        path = self.directory / "users" / f"{user}.password"
        return path if path.exists() else write_private(path, secrets.token_urlsafe(32))

    def workload_environment(self, user: str) -> dict[str, str]:
        """The `TILLSTREAM_KAFKA_*` variables of a workload."""
        return {
            "TILLSTREAM_KAFKA_BOOTSTRAP": self.workloads_bootstrap,
            "TILLSTREAM_KAFKA_LOGIN": "scram",
            "TILLSTREAM_KAFKA_CA_FILE": str(self.authority.certificate_file),
            "TILLSTREAM_KAFKA_USERNAME": user,
            "TILLSTREAM_KAFKA_PASSWORD_FILE": str(self.password_file(user)),
            "TILLSTREAM_KAFKA_REPLICATION": "1",
        }

    def store_environment(self, identity: Identity) -> dict[str, str]:
        """The `TILLSTREAM_KAFKA_*` variables of a store with this certificate."""
        return {
            "TILLSTREAM_KAFKA_BOOTSTRAP": self.stores_bootstrap,
            "TILLSTREAM_KAFKA_LOGIN": "mtls",
            "TILLSTREAM_KAFKA_CA_FILE": str(self.authority.certificate_file),
            "TILLSTREAM_KAFKA_CERT_FILE": str(identity.certificate_file),
            "TILLSTREAM_KAFKA_KEY_FILE": str(identity.key_file),
        }

    def _metrics_agent(self) -> list[str]:
        if self._metrics_port is None:
            return []
        [agent] = JARS.glob("jmx_prometheus_javaagent-*.jar")
        return [f"-javaagent:{agent}=127.0.0.1:{self._metrics_port}:{Path(__file__).parent / 'jmx.yaml'}"]

    @property
    def _administrator(self) -> Identity:
        folder = self.authority.directory / "platform"
        return Identity(ADMINISTRATOR, folder / "admin.pem", folder / "admin.key")

    @property
    def _keystore(self) -> Path:
        return self.directory / "keystore.pem"

    def _issue(self) -> None:
        """The certificates of the broker and of its administrator."""
        own = self.authority.issue_server("broker")
        self.authority.issue_client("admin")
        write_private(
            self._keystore,
            own.key_file.read_text() + own.certificate_file.read_text() + self.authority.certificate_file.read_text(),
        )

    def _prepare(self) -> None:
        if not any(JARS.glob("kafka_2.13-*.jar")):
            raise BrokerError(f"No Kafka jars in {JARS}. Nothing was started; `make env` fetches them.")
        ports = Ports(*free_ports(3))
        configuration = self.directory / "server.properties"
        write_private(
            configuration,
            server_properties(
                ports,
                data=self.directory / "data",
                keystore=self._keystore,
                truststore=self.authority.certificate_file,
                superusers=[OWN, ADMINISTRATOR],
                more=self._more,
            ),
        )
        write_private(self.directory / "log4j2.properties", log4j_properties())
        self._format(configuration)
        # The ports last: their presence says that the broker is whole.
        write_private(self._ports_file, json.dumps(asdict(ports)))

    def _format(self, configuration: Path) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word, as a random id may begin with a dash.
        command = [
            *("java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*:{OWN_JAR}"),
            *(f"-D{name}={value}" for each in self._more for name, value in each.jvm.items()),
            *("kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", f"--config={configuration}"),
            "--ignore-formatted",
        ]
        log = self.directory / "format.log"
        code, printed = processes.outcome(command, log)
        if code:
            raise BrokerError(
                f"Kafka's storage in {self.directory} could not be formatted:\n{printed}\n{processes.end_of_log(log)}"
                "\nNothing runs; remove that directory and try again."
            )

    def _await_answer(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        admin = self.admin()
        while True:
            try:
                admin.list_topics(timeout=1)
            except KafkaException as error:
                if self._process is None or self._process.poll() is not None:
                    raise BrokerError(
                        f"The broker ended while starting. {processes.end_of_log(self.log_file)}"
                    ) from error
                if time.monotonic() > deadline:
                    self.kill()
                    raise BrokerError(
                        f"The broker did not answer within {timeout_seconds:.0f} s and was stopped: {error}. "
                        f"{processes.end_of_log(self.log_file)}"
                    ) from error
            else:
                return
