"""A store's certificates at work: renewed without a restart, revoked at once, and their end told to Prometheus."""

import json
import logging
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from confluent_kafka import TopicPartition
from prometheus_client import CollectorRegistry

from contracts.signing import store_key
from stores.authority import not_after
from stores.cli import stores
from stores.errors import SenderError
from stores.metrics import StoreMetrics
from stores.outbox import Draft, Outbox
from stores.sealing import StoreSeal
from stores.sender import Sender
from tests.support.broker import Kafka
from tests.support.waiting import wait_for
from topics.cli import topics
from topics.logins import Mtls
from topics.settings import KafkaSettings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

GAUGE = "tillstream_store_certificate_not_after_seconds"


def run(group: click.Group, *arguments: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(group, [*arguments, "--json"])


def done(group: click.Group, *arguments: str, **environment: str) -> dict[str, object]:
    result = run(group, *arguments, **environment)
    assert result.exit_code == 0, result.exception
    found: dict[str, object] = json.loads(result.stdout)
    return found


def certificate(verb: str, kafka: Kafka, directory: Path, *, generation: int = 1, days: int = 90) -> Mtls:
    """Issue or renew by the command that an operator types."""
    store = ["--store-id", "330", "--generation", str(generation)]
    places = ["--authority", str(kafka.broker.authority.directory), "--stores-dir", str(directory)]
    made = done(stores, "certificates", verb, *store, *places, "--days", str(days))
    return Mtls(Path(str(made["certificate_file"])), Path(str(made["key_file"])))


def sender_of(outbox: Outbox, kafka: Kafka, login: Mtls, topic: str, metrics: StoreMetrics) -> Sender:
    seal = StoreSeal("330", store_key(b"m" * 32, "330", 1), 1, {"pos.receipts": topic})
    settings = KafkaSettings(kafka.broker.stores_bootstrap, login, kafka.broker.authority.certificate_file)
    return Sender(outbox, settings, seal, metrics)


def drafts(count: int) -> list[Draft]:
    return [Draft("pos.receipts", "1", b'{"number":%d}' % number) for number in range(count)]


def event_ids(kafka: Kafka, topic: str) -> list[str]:
    """Of everything in a topic of one partition, in its order."""
    consumer = kafka.consumer()
    _, end = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=60)
    consumer.assign([TopicPartition(topic, 0, 0)])
    found: list[str] = []

    def all_read() -> bool:
        found.extend(dict(each.headers() or [])["event_id"].decode() for each in consumer.consume(1000, timeout=1))
        return len(found) >= end

    wait_for(all_read, 120, f"{end} messages")
    consumer.close()
    return found


def test_renewed_while_sending(kafka: Kafka, tmp_path: Path):
    """A running sender takes up a renewed certificate: no restart, each message once and in order, the new end told."""
    topic = kafka.new_topic(partitions=1)
    login = certificate("issue", kafka, tmp_path / "stores", days=1)
    metrics, stop = StoreMetrics(CollectorRegistry()), threading.Event()

    def told() -> float | None:
        return metrics.registry.get_sample_value(GAUGE, {"store_id": "330"})

    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        sender = sender_of(outbox, kafka, login, topic, metrics)
        running = threading.Thread(target=sender.run, args=(stop,))
        running.start()
        appended = outbox.append_many(drafts(500))
        wait_for(lambda: sender.session, 120, "a producer")
        first, ends = sender.session, not_after(login.certificate_file).timestamp()
        assert told() == ends
        assert certificate("renew", kafka, tmp_path / "stores", days=30) == login
        renewed = not_after(login.certificate_file).timestamp()
        assert renewed > ends

        def taken_up() -> bool:
            appended.extend(outbox.append_many(drafts(50)))
            return sender.session is not first and told() == renewed

        wait_for(taken_up, 120, "a producer with the new certificate")
        appended += outbox.append_many(drafts(500))
        wait_for(lambda: outbox.depth() == 0, 120, "an empty outbox")
        stop.set()
        running.join(60)
        assert not running.is_alive()
    assert event_ids(kafka, topic) == appended


def test_half_a_renewal_is_waited_out(kafka: Kafka, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """A certificate that stands there before its key does no harm: the old producer goes on until both fit."""
    topic = kafka.new_topic(partitions=1)
    login = certificate("issue", kafka, tmp_path / "stores")
    other = kafka.broker.authority.issue_store("330", 1, directory=tmp_path / "renewed")
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        sender = sender_of(outbox, kafka, login, topic, StoreMetrics(CollectorRegistry()))
        sender.connect()
        first = sender.session
        other.certificate_file.replace(login.certificate_file)

        def seen() -> bool:
            sender.pump()
            return "keeps its old log-in" in caplog.text

        with caplog.at_level(logging.WARNING):
            wait_for(seen, 120, "the half")
        assert sender.session is first
        appended = outbox.append_many(drafts(10))
        wait_for(sender.pump, 120, "messages by the old certificate")
        other.key_file.replace(login.key_file)

        def taken_up() -> bool:
            sender.pump()
            return sender.session is not first

        wait_for(taken_up, 120, "the other half")
        appended += outbox.append_many(drafts(10))

        def sent() -> bool:
            sender.pump()
            return outbox.depth() == 0

        wait_for(sent, 120, "an empty outbox")
        sender.close()
    assert event_ids(kafka, topic) == appended


def test_revoked_generation_writes_nothing_more(kafka: Kafka, tmp_path: Path):
    """Once `topics revoke` has ended, an open connection of that generation writes nothing; the next one goes on."""
    old, new = (certificate("issue", kafka, tmp_path / "stores", generation=each) for each in (11, 12))
    principals = tuple(f"User:CN=store-330.g{each},OU=stores,O=Tillstream" for each in (11, 12))
    topic = kafka.new_topic(partitions=1, writers=principals)
    metrics = StoreMetrics(CollectorRegistry())
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        sender = sender_of(outbox, kafka, old, topic, metrics)
        appended = outbox.append_many(drafts(100))

        def emptied() -> bool:
            sender.pump()
            return outbox.depth() == 0

        wait_for(emptied, 120, "an empty outbox")
        store = ["--store-id", "330", "--generation", "11"]
        environment = kafka.broker.workload_environment("topics")
        assert done(topics, "revoke", *store, **environment)["removed_acls"] == 1
        appended += outbox.append_many(drafts(100))
        with pytest.raises(SenderError, match=r"may not write that topic.* 100 messages are safe"):
            wait_for(emptied, 120, "a refusal")
        sender.close()
        assert event_ids(kafka, topic) == appended[:100]
        assert done(topics, "revoke", *store, **environment)["removed_acls"] == 0
        with sender_of(outbox, kafka, new, topic, metrics) as sender:
            wait_for(emptied, 120, "an empty outbox")
    assert event_ids(kafka, topic) == appended


def test_issue_and_renew_refuse_each_others_work(kafka: Kafka, tmp_path: Path):
    """`issue` overwrites nothing, `renew` begins nothing, and each names the other."""
    places = ["--authority", str(kafka.broker.authority.directory), "--stores-dir", str(tmp_path)]
    store = ["--store-id", "330", "--generation", "1"]

    def refused(verb: str, *more: str) -> str:
        return str(run(stores, "certificates", verb, *places, *store, *more).exception)

    assert "certificates issue" in refused("renew")
    before = certificate("issue", kafka, tmp_path).key_file.read_text()
    assert "certificates renew" in refused("issue")
    assert "no store id" in refused("issue", "--store-id", "330,OU=platform")
    assert (tmp_path / "store-330.g1.key").read_text() == before
    assert certificate("renew", kafka, tmp_path).key_file.read_text() != before


def test_sender_names_a_log_in_it_cannot_use(kafka: Kafka, tmp_path: Path):
    """A sender whose key does not fit its certificate stops with that reason, and its outbox keeps everything."""
    first, second = (kafka.broker.authority.issue_store("330", each, directory=tmp_path) for each in (1, 2))
    login = Mtls(first.certificate_file, second.key_file)
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        outbox.append_many(drafts(1))
        with (
            sender_of(outbox, kafka, login, "t", StoreMetrics(CollectorRegistry())) as sender,
            pytest.raises(SenderError, match="key values mismatch"),
        ):
            sender.pump()
        assert outbox.depth() == 1


def test_authority_that_is_none(tmp_path: Path):
    """Another directory than an authority's is refused by name, and nothing is written."""
    places = ["--authority", str(tmp_path), "--stores-dir", str(tmp_path / "stores")]
    result = run(stores, "certificates", "issue", "--store-id", "1", "--generation", "1", *places)
    assert "give the directory that holds ca.pem and ca.key" in str(result.exception)
    assert not (tmp_path / "stores").exists()
