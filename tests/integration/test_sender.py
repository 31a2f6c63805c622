"""The sender on a real broker: at least once, in order per register, nothing dropped, whatever dies."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from confluent_kafka import Message, TopicPartition
from prometheus_client import CollectorRegistry

from contracts.partitioning import partition_for
from contracts.signing import store_key, verify
from local.authority import Authority
from local.ports import free_ports
from stores import sealing
from stores.errors import SenderError
from stores.metrics import StoreMetrics
from stores.outbox import Draft, Outbox, Pending
from stores.sealing import StoreSeal
from stores.sender import Sender
from tests.support.broker import Kafka, start_kafka
from tests.support.waiting import wait_for
from topics.logins import Mtls
from topics.settings import KafkaSettings

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

KEY = store_key(b"m" * 32, "330", 1)

# Appends receipts of three registers as fast as it can, and sends them, until it is killed.
STORE = """
import sys
from itertools import count
from pathlib import Path
from prometheus_client import CollectorRegistry
from contracts.signing import store_key
from stores.metrics import StoreMetrics
from stores.outbox import Draft, Outbox
from stores.sealing import StoreSeal
from stores.sender import Sender
from topics.settings import KafkaSettings

outbox = Outbox(Path(sys.argv[1]), "330")
seal = StoreSeal("330", store_key(b"m" * 32, "330", 1), 1, {"pos.receipts": sys.argv[2]})
sender = Sender(outbox, KafkaSettings.from_env(), seal, StoreMetrics(CollectorRegistry()))
for number in count():
    drafts = [Draft("pos.receipts", register, b'{"number":%d}' % number) for register in "123"]
    for name in outbox.append_many(drafts):
        print(name, flush=True)
    sender.pump()
"""


def drafts(count: int, registers: str = "12") -> list[Draft]:
    return [Draft("pos.receipts", registers[n % len(registers)], b'{"number":%d}' % n) for n in range(count)]


def sender_of(outbox: Outbox, kafka: Kafka, topic: str, metrics: StoreMetrics | None = None) -> Sender:
    seal = StoreSeal("330", KEY, 1, {"pos.receipts": topic})
    return Sender(outbox, kafka.store_settings("330"), seal, metrics or StoreMetrics(CollectorRegistry()))


def send_all(outbox: Outbox, sender: Sender) -> None:
    def done() -> bool:
        sender.pump()
        return outbox.depth() == 0

    wait_for(done, 180, "an empty outbox")


def read_all(kafka: Kafka, topic: str) -> list[Message]:
    """Everything in the one partition that store 330 writes."""
    consumer = kafka.consumer()
    partitions = len(consumer.list_topics(topic, timeout=60).topics[topic].partitions)
    place = TopicPartition(topic, partition_for(b"330", partitions), 0)
    _, end = consumer.get_watermark_offsets(place, timeout=60)
    consumer.assign([place])
    messages: list[Message] = []
    deadline = time.monotonic() + 120
    while len(messages) < end and time.monotonic() < deadline:
        messages += consumer.consume(1000, timeout=1)
    consumer.close()
    assert len(messages) == end
    return messages


def event_id_of(message: Message) -> str:
    return dict(message.headers() or [])["event_id"].decode()  # type: ignore[union-attr] # headers are bytes


def first_seen(messages: Sequence[Message]) -> list[str]:
    return list(dict.fromkeys(event_id_of(message) for message in messages))


def assert_in_order(names: Sequence[str]) -> None:
    """The first copies of each register's events stand in the order of their seqs, without a gap."""
    seqs: dict[str, list[int]] = {}
    for name in names:
        _, register, _, seq = name.split(":")
        seqs.setdefault(register, []).append(int(seq))
    for register, found in seqs.items():
        assert found[0] == 1, register
        assert all(later == earlier + 1 for earlier, later in pairwise(found)), register


def test_message_is_sealed(kafka: Kafka, tmp_path: Path):
    """A message carries the outbox's bytes, the store as key, the time of its append, and four headers."""
    topic = kafka.new_topic()
    with Outbox(tmp_path / "outbox.db", "330") as outbox, sender_of(outbox, kafka, topic) as sender:
        name = outbox.append(drafts(1)[0])
        [row] = outbox.pending(1)
        send_all(outbox, sender)
    [message] = read_all(kafka, topic)
    headers = dict(message.headers() or [])
    assert message.key() == b"330"
    assert message.value() == row.payload
    assert message.timestamp() == (1, row.appended_ms)
    assert headers["event_id"] == name.encode()
    assert headers["schema_version"] == b"1.0"
    assert headers["key_generation"] == b"1"
    assert verify(KEY, row.payload, headers["signature"])  # type: ignore[arg-type] # headers are bytes


def test_killed_sender_resends(kafka: Kafka, tmp_path: Path):
    """A store killed three times at work by kill -9: every receipt it took arrives, in order per register."""
    topic = kafka.new_topic()
    path = tmp_path / "outbox.db"
    environment = kafka.broker.store_environment(kafka.identities["330"])
    returned: list[str] = []
    left: list[int] = []
    for _ in range(3):
        command = [sys.executable, "-c", STORE, str(path), topic]
        store = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert store.stdout is not None
        returned += [store.stdout.readline().strip() for _ in range(2_000)]
        store.send_signal(signal.SIGKILL)
        returned += store.stdout.read().split()
        store.wait()
        with Outbox(path, "330") as outbox:
            left.append(outbox.depth())
    # A single kill may by chance come just when all was marked.
    assert any(left)
    with Outbox(path, "330") as outbox, sender_of(outbox, kafka, topic) as sender:
        send_all(outbox, sender)
    names = first_seen(read_all(kafka, topic))
    assert set(returned) <= set(names)
    assert_in_order(names)


def test_abandoned_sender_doubles_what_it_did_not_mark(kafka: Kafka, tmp_path: Path):
    """What Kafka acknowledged and the outbox does not know is sent again: twice, never not at all."""
    topic = kafka.new_topic()
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        outbox.append_many(drafts(100))
        first = sender_of(outbox, kafka, topic)
        first.send()
        assert first.session is not None
        first.session.finish(120)
        assert len(first.session.acknowledged) == 100
        first.abandon()
        assert outbox.depth() == 100
        with sender_of(outbox, kafka, topic) as second:
            send_all(outbox, second)
    messages = read_all(kafka, topic)
    assert len(messages) == 200
    assert_in_order(first_seen(messages))


def test_graceful_stop_finishes_what_is_on_its_way(kafka: Kafka, tmp_path: Path):
    """A sender that is asked to stop leaves nothing unmarked that it had handed over."""
    topic = kafka.new_topic()
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        outbox.append_many(drafts(500))
        sender = sender_of(outbox, kafka, topic)
        sender.send()
        sender.close(timeout_seconds=120)
        assert outbox.depth() == 0
    assert len(read_all(kafka, topic)) == 500


def test_run_sends_what_is_appended_meanwhile(kafka: Kafka, tmp_path: Path):
    """A running sender sees what the door appends, until it is stopped."""
    topic = kafka.new_topic()
    stop = threading.Event()
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        running = threading.Thread(target=sender_of(outbox, kafka, topic).run, args=(stop,))
        running.start()
        outbox.append_many(drafts(10))
        wait_for(lambda: outbox.depth() == 0, 120, "an empty outbox")
        stop.set()
        running.join(60)
        assert not running.is_alive()
    assert len(read_all(kafka, topic)) == 10


def test_refused_store_stops_loudly_and_keeps_its_messages(kafka: Kafka, tmp_path: Path):
    """Without the right to write, the sender stops and says what to do; its outbox is sent once it may write."""
    allowed, forbidden = kafka.new_topic(), "forbidden.v1"
    metrics = StoreMetrics(CollectorRegistry())
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        outbox.append_many(drafts(10))
        refused = sender_of(outbox, kafka, forbidden, metrics)
        with pytest.raises(SenderError, match=r"may not write that topic.* 10 messages are safe"):
            send_all(outbox, refused)
        refused.close()
        labels = {"store_id": "330", "kind": "TOPIC_AUTHORIZATION_FAILED"}
        assert metrics.registry.get_sample_value("tillstream_store_send_errors_total", labels)
        with sender_of(outbox, kafka, allowed, metrics) as sender:
            send_all(outbox, sender)
    assert_in_order(first_seen(read_all(kafka, allowed)))


def test_store_refused_in_the_midst_of_a_backlog_stops_as_loudly(kafka: Kafka, tmp_path: Path):
    """A till so slow that the refusal comes while it still hands over learns why, and does not try for ever."""
    seal = StoreSeal("330", KEY, 1, {"pos.receipts": kafka.new_topic(config={"max.message.bytes": "1000"})})
    too_large = b'{"pad":"%s"}' % random.Random(1).randbytes(2_000).hex().encode()

    def slowly(row: Pending) -> sealing.Message:
        time.sleep(0.001)
        return seal(row)

    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        outbox.append_many([Draft("pos.receipts", "1", too_large), *drafts(999)])
        with (
            Sender(outbox, kafka.store_settings("330"), slowly, StoreMetrics(CollectorRegistry())) as sender,
            pytest.raises(SenderError, match="the topic takes no message of that size"),
        ):
            send_all(outbox, sender)
        assert outbox.depth() == 1_000


def test_broken_producer_is_replaced(kafka: Kafka, tmp_path: Path):
    """After a fatal error of the producer a new one begins at the oldest unsent message: what the broker refused, and
    what was behind it, arrive in order, and nothing is marked that is not there.
    """
    topic = kafka.new_topic(config={"message.timestamp.after.max.ms": "3600000"})
    seal, ahead_ms = StoreSeal("330", KEY, 1, {"pos.receipts": topic}), 86_400_000
    metrics = StoreMetrics(CollectorRegistry())

    def sometimes_refused(row: Pending) -> sealing.Message:
        sealed = seal(row)
        return replace(sealed, timestamp_ms=sealed.timestamp_ms + ahead_ms) if row.id == 100 else sealed

    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        # More than one batch, so that there is something to overtake the refused one.
        body = b'{"pad":"%s"}' % (b"x" * 3_000)
        outbox.append_many([Draft("pos.receipts", "12"[n % 2], body) for n in range(1_000)])
        with Sender(outbox, kafka.store_settings("330"), sometimes_refused, metrics) as sender:
            sender.connect()
            broken = sender.session
            wait_for(lambda: sender.pump() < 0 or sender.session is None, 120, "the end of the producer")
            for kind in ("_GAPLESS_GUARANTEE", "INVALID_TIMESTAMP"):
                labels = {"store_id": "330", "kind": kind}
                assert metrics.registry.get_sample_value("tillstream_store_send_errors_total", labels)
            assert outbox.depth() >= 1_000 - 99
            ahead_ms = 0
            send_all(outbox, sender)
            assert sender.session is not broken
    names = first_seen(read_all(kafka, topic))
    assert len(names) == 1_000
    assert_in_order(names)


def test_connect_says_when_nobody_answers(tmp_path: Path):
    """Where no broker is, connecting fails within its time and says that nothing was lost."""
    [port] = free_ports(1)
    identity = Authority.create(tmp_path / "ca").issue_store("330", generation=1)
    settings = KafkaSettings(f"127.0.0.1:{port}", Mtls(identity.certificate_file, identity.key_file))
    seal = StoreSeal("330", KEY, 1, {"pos.receipts": "t"})
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        sender = Sender(outbox, settings, seal, StoreMetrics(CollectorRegistry()))
        with sender, pytest.raises(SenderError, match="does not answer store 330"):
            sender.connect(timeout_seconds=1)


def test_command_sends_and_ends(kafka: Kafka, tmp_path: Path):
    """`tillstream stores send --drain` empties an outbox by the platform's environment, and exits 0."""
    (tmp_path / "key").write_bytes(KEY)
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        names = outbox.append_many(drafts(20))
    command = [sys.executable, "-m", "tillstream.cli", "stores", "send", "--drain", "--json", "--store-id", "330"]
    files = ["--outbox", str(tmp_path / "outbox.db"), "--key-file", str(tmp_path / "key")]
    environment = os.environ | kafka.broker.store_environment(kafka.identities["330"])
    done = subprocess.run([*command, *files], env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"store_id": "330", "unsent": 0}
    found = {event_id_of(message) for message in read_all(kafka, "pos.receipts.v1") if message.headers()}
    assert set(names) <= found


def test_one_sender_an_outbox(kafka: Kafka, tmp_path: Path):
    """A second sender of the same outbox is refused while the first one lives, and welcome after it."""
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        with sender_of(outbox, kafka, "t"), pytest.raises(SenderError, match="Another sender"):
            sender_of(outbox, kafka, "t")
        sender_of(outbox, kafka, "t").close()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Kafka]:
    """A broker that a test may kill."""
    kafka = start_kafka(tmp_path / "own", stores=("330",))
    yield kafka
    kafka.broker.stop()


def test_killed_broker_loses_nothing(own_kafka: Kafka, tmp_path: Path):
    """A broker killed in the middle loses nothing: the outbox fills, and empties in order when the broker is back."""
    topic = "pos.receipts.v1"
    with Outbox(tmp_path / "outbox.db", "330") as outbox, sender_of(outbox, own_kafka, topic) as sender:
        outbox.append_many(drafts(1_000))
        wait_for(sender.pump, 120, "the first acknowledgements")
        own_kafka.broker.kill()
        outbox.append_many(drafts(1_000))
        for _ in range(10):
            sender.pump()
        assert outbox.depth() >= 1_000
        own_kafka.broker.start()
        send_all(outbox, sender)
    names = first_seen(read_all(own_kafka, topic))
    assert len(names) == 2_000
    assert_in_order(names)
