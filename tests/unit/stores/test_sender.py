"""The sender where no broker is needed: what it knows of its messages survives a disk that fails."""

import logging
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from local.authority import Authority
from stores.errors import OutboxError
from stores.metrics import StoreMetrics
from stores.outbox import Draft, Outbox
from stores.sealing import StoreSeal
from stores.sender import Sender
from topics.logins import Mtls
from topics.settings import KafkaSettings


@pytest.fixture
def outbox(tmp_path: Path):
    with Outbox(tmp_path / "outbox.db", "330") as opened:
        yield opened


@pytest.fixture
def sender(outbox: Outbox, tmp_path: Path):
    """One whose broker is away."""
    identity = Authority.create(tmp_path / "ca").issue_store("330", generation=1)
    settings = KafkaSettings("127.0.0.1:1", Mtls(identity.certificate_file, identity.key_file))
    seal = StoreSeal("330", b"k" * 32, 1, {"pos.receipts": "t"})
    with Sender(outbox, settings, seal, StoreMetrics(CollectorRegistry())) as sender:
        yield sender


def test_what_could_not_be_marked_is_marked_later(outbox: Outbox, sender: Sender, monkeypatch: pytest.MonkeyPatch):
    """An acknowledgement that comes while the outbox's disk fails is not forgotten."""
    outbox.append_many([Draft("pos.receipts", "1", b'{"a":1}')] * 2)
    sender.send()
    assert sender.session is not None
    sender.session._delivered(1, None, type("Report", (), {"topic": lambda _: "t"})())

    def full(_: object) -> None:
        raise OutboxError("the disk is full")

    with monkeypatch.context() as failing:
        failing.setattr(outbox, "mark_sent", full)
        with pytest.raises(OutboxError):
            sender.settle()
    assert outbox.depth() == 2

    assert sender.settle() == 1
    assert [row.id for row in outbox.pending(10)] == [2]


def test_says_nothing_of_its_own_settings(outbox: Outbox, sender: Sender, caplog: pytest.LogCaptureFixture):
    """Librdkafka's doubts about a setting do not stand in the log once a store."""
    outbox.append(Draft("pos.receipts", "1", b'{"a":1}'))
    with caplog.at_level(logging.INFO):
        sender.pump()
        sender.settle(0.5)
    assert "experimental" not in caplog.text
