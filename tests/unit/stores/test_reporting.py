"""What a store says of itself."""

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

import contracts
from contracts.decoding import Decoder
from stores.outbox import Draft, Outbox
from stores.reporting import FEED, Reporter

NIGHT = datetime(2026, 11, 21, 3, 30, 0, 500_000, tzinfo=UTC)
RECEIPT = b'{"any": 1}'


def test_a_report_keeps_the_contract(tmp_path: Path):
    """A report is three readings that the contract accepts, on the business date of the store's own clock."""
    with Outbox(tmp_path / "outbox.db", "330") as outbox:
        outbox.append_many([Draft("pos.receipts", "1", RECEIPT), Draft("pos.receipts", "1", RECEIPT)])
        Reporter(outbox, ZoneInfo("America/New_York")).report(NIGHT)
        payloads = [each.payload for each in outbox.pending(10) if each.feed == FEED]
    decoded = Decoder(contracts.load()[FEED]).decode(pa.array(payloads, pa.binary()))
    assert not decoded.verdicts.refused
    readings = {each["reading"]: each for each in map(json.loads, payloads)}
    assert readings["heartbeat"]["value"] == 1
    assert readings["outbox_depth"]["value"] == 2
    assert readings["outbox_age_seconds"]["value"] >= 0
    assert {(each["business_date"], each["event_time"]) for each in readings.values()} == {
        ("2026-11-20", "2026-11-21T03:30:00.500Z")
    }


def test_a_full_outbox_does_not_end_the_reports(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """While the outbox is full nothing is reported; once there is room, reports go on."""
    stop = threading.Event()
    with Outbox(tmp_path / "outbox.db", "330", max_pending=3) as outbox:
        outbox.append(Draft("pos.receipts", "1", RECEIPT))
        reporter = threading.Thread(target=Reporter(outbox, ZoneInfo("UTC")).run, args=(stop, 0.01))
        reporter.start()
        try:
            while not any("could not report" in each.getMessage() for each in caplog.records):
                assert reporter.is_alive()
            [waiting] = outbox.pending(10)
            outbox.mark_sent([waiting.id])
            while outbox.depth() < 3:
                assert reporter.is_alive()
        finally:
            stop.set()
            reporter.join()
        assert {each.feed for each in outbox.pending(10)} == {FEED}
