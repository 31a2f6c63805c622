"""The local broker as a process: what survives a kill, and what other users of the machine can see."""

import datetime as dt
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.authority import Authority
from local.kafka import Broker, BrokerError
from stores.files import write_private
from tests.support.broker import Kafka, start_kafka
from tests.support.clients import deliver, read
from topics.apply import read_state

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    running = start_kafka(tmp_path_factory.mktemp("own"), stores=("330",))
    yield running
    running.broker.stop()


def test_broker_outlives_a_kill(own: Kafka):
    """After `kill -9` the broker comes back on the same ports with messages, ACLs and users as they were."""
    settings, reader = own.store_settings("330"), own.workload_settings("quality")
    assert deliver(settings, "pos.receipts.v1") is None
    before = read_state(own.admin())

    own.broker.kill()
    assert own.broker.pid is None
    own.broker.start()

    assert read_state(own.admin()) == before
    assert read(reader, "pos.receipts.v1", group="quality") is None
    assert deliver(settings, "pos.receipts.v1") is None


def test_broker_comes_back_after_its_certificates_ended(own: Kafka):
    """A broker that stood still for so long that its certificates ended starts, and answers its administrator."""
    own.broker.kill()
    authority, past = own.broker.authority, dt.datetime.now(dt.UTC) - dt.timedelta(days=400)
    server = authority.issue_server("broker", starts=past)
    authority.issue_client("admin", starts=past)
    texts = [file.read_text() for file in (server.key_file, server.certificate_file, authority.certificate_file)]
    write_private(own.broker.directory / "keystore.pem", "".join(texts))

    own.broker.start()

    assert "pos.receipts.v1" in read_state(own.admin()).topics


def test_broker_is_found_again(own: Kafka):
    """Another process that opens the same directory finds the same broker, ports and rights."""
    again = Broker(own.broker.directory, Authority(own.broker.authority.directory))
    assert again.ports == own.broker.ports
    assert read_state(again.admin()) == read_state(own.admin())


def test_every_port_is_on_loopback(own: Kafka):
    """The broker listens on its three ports on loopback and nowhere else."""
    ports = own.broker.ports
    listening = {
        (connection.laddr.ip.removeprefix("::ffff:"), connection.laddr.port)
        for connection in psutil.Process(own.broker.pid).net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {("127.0.0.1", port) for port in (ports.stores, ports.workloads, ports.controller)}


def test_no_secret_on_the_command_line(own: Kafka):
    """No password stands where `ps` shows it, nor in a file that others may read."""
    passwords = [own.broker.password_file(user).read_text() for user in ("spark-ingest", "topics")]
    arguments = " ".join(psutil.Process(own.broker.pid).cmdline())
    configuration = (own.broker.directory / "server.properties").read_text()
    secret = [*own.broker.directory.rglob("*.password"), own.broker.directory / "keystore.pem"]
    assert len(secret) >= len(passwords)
    assert not [password for password in passwords if password in arguments + configuration]
    assert {stat.S_IMODE(file.stat().st_mode) for file in secret} == {0o600}


def test_broker_that_cannot_start_says_why(tmp_path: Path):
    """A broker that ends while starting is reported with the end of its log."""
    broker = Broker(tmp_path / "kafka", Authority.create(tmp_path / "ca"))
    configuration = tmp_path / "kafka" / "server.properties"
    configuration.write_text(configuration.read_text() + "process.roles=nonsense\n")
    with pytest.raises(BrokerError, match="nonsense"):
        broker.start()
    assert broker.pid is None


def test_java_truststore(tmp_path: Path):
    """Java's own tool finds the authority in the truststore made for JVMs."""
    path = Authority.create(tmp_path / "ca").java_truststore(tmp_path / "trust.p12", "changeit")
    command = ["keytool", "-list", "-keystore", str(path), "-storepass", "changeit"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "trustedCertEntry" in listed
