"""What a drill reads of the notifications that are written meanwhile."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from drill.witness import Witness


def line(minute: int) -> str:
    told: dict[str, Any] = {"time": f"2026-03-01T10:{minute:02}:00+00:00", "receiver": "oncall", "status": "firing"}
    return json.dumps({**told, "labels": {"alertname": "StreamDown"}})


def test_a_line_that_is_being_written_is_read_next_time(tmp_path: Path):
    """The receiver may have written half a line: the whole ones count, and that one as soon as it has ended."""
    file = tmp_path / "notifications.jsonl"
    there = SimpleNamespace(url="http://127.0.0.1:9")
    witness = Witness(SimpleNamespace(prometheus=there, alertmanager=there, receiver=SimpleNamespace(file=file)))
    file.write_text(f"{line(1)}\n{line(2)[:60]}", encoding="utf-8")
    assert len(witness.told(0)) == 1
    file.write_text(f"{line(1)}\n{line(2)}\n", encoding="utf-8")
    assert len(witness.told(0)) == 2
