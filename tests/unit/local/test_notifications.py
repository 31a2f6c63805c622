"""Whoever would be called is a file, on one machine: what Alertmanager sends is in it, whole and in order."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.monitoring.notifications import Receiver, told

ALERT = {
    "status": "firing",
    "labels": {"alertname": "StreamDown", "feed": "pos.receipts"},
    "annotations": {"summary": "No stream takes in pos.receipts"},
    "startsAt": "2026-11-25T01:02:03.5Z",
    "endsAt": "0001-01-01T00:00:00Z",
}


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    receiver = Receiver(tmp_path / "monitoring" / "notifications.jsonl")
    receiver.start()
    yield receiver
    receiver.stop()


def notify(receiver: Receiver, name: str, *alerts: dict[str, Any]) -> None:
    body = {"version": "4", "alerts": alerts}
    httpx.post(f"{receiver.url}/{name}", json=body, trust_env=False, timeout=60).raise_for_status()


def test_every_alert_of_a_notification_is_a_line(receiver: Receiver):
    """A line says who was told, when, and all that the alert says of itself."""
    notify(receiver, "oncall", ALERT, {**ALERT, "labels": {"alertname": "StreamStuck"}})
    notify(receiver, "tickets", {**ALERT, "status": "resolved"})
    lines = [json.loads(line) for line in receiver.file.read_text().splitlines()]
    assert [(line["receiver"], line["status"], line["labels"]["alertname"]) for line in lines] == [
        ("oncall", "firing", "StreamDown"),
        ("oncall", "firing", "StreamStuck"),
        ("tickets", "resolved", "StreamDown"),
    ]
    for line in lines:
        assert line["annotations"] == ALERT["annotations"]
        assert line["starts_at"] == ALERT["startsAt"]
        assert datetime.fromisoformat(line["time"]).tzinfo


def test_what_was_told_before_stays(receiver: Receiver):
    """A stack that is started again adds to the file, which nobody else may read."""
    notify(receiver, "oncall", ALERT)
    receiver.stop()
    again = Receiver(receiver.file)
    again.start()
    try:
        notify(again, "oncall", ALERT)
    finally:
        again.stop()
    assert len(receiver.file.read_text().splitlines()) == 2
    assert receiver.file.stat().st_mode & 0o777 == 0o600


def test_a_line_that_is_being_written_is_read_next_time(tmp_path: Path):
    """Whoever reads while the receiver writes gets the whole lines, and that one as soon as it has ended."""
    file = tmp_path / "notifications.jsonl"
    file.write_text('{"receiver": "oncall"}\n{"receiver": "tick', encoding="utf-8")
    assert told(file) == [{"receiver": "oncall"}]
    file.write_text('{"receiver": "oncall"}\n{"receiver": "tickets"}\n', encoding="utf-8")
    assert len(told(file)) == 2
