import json
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from prometheus_client import CollectorRegistry

import contracts
from stores.door import FEED, application
from stores.metrics import StoreMetrics
from stores.outbox import MAX_PAYLOAD_BYTES, Outbox
from tests.support.waiting import wait_for

CONTRACT = contracts.load()[FEED]


def receipt(**changed: Any) -> dict[str, Any]:
    return {
        "register_id": "2",
        "event_time": "2026-11-20T17:03:04.123Z",
        "business_date": "2026-11-20",
        "type": "sale",
        "receipt_no": "00017",
        "currency": "USD",
        "total": 250,
        "lines": [{"line_no": 1, "sku": "1000002", "quantity": 0, "amount": 250}],
        "tenders": [{"tender_no": 1, "type": "cash", "amount": 250}],
    } | changed


def nested(depth: int) -> Any:
    value: Any = []
    for _ in range(depth - 1):
        value = [value]
    return value


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    with Outbox(tmp_path / "outbox.db", "330", max_pending=3) as opened:
        yield opened


@pytest.fixture
def till(outbox: Outbox) -> Iterator[httpx.Client]:
    """A till that talks to a door over HTTP."""
    door = application(outbox, CONTRACT, StoreMetrics(CollectorRegistry()))
    config = uvicorn.Config(door, host="127.0.0.1", port=0, log_level="warning")
    listening = config.bind_socket()
    server = uvicorn.Server(config)
    running = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    running.start()
    with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=60) as client:
        wait_for(lambda: server.started, 60, "an open door")
        yield client
    server.should_exit = True
    running.join()
    listening.close()


def test_takes_a_receipt(till: httpx.Client, outbox: Outbox):
    """202 names the event, and the outbox has it by then, whole and under its own envelope."""
    answer = till.post("/receipts", json=receipt())
    assert answer.status_code == 202
    [row] = outbox.pending(10)
    assert answer.json() == {"event_id": row.event_id}
    assert row.event_id == f"330:2:{outbox.epoch}:1"
    event = json.loads(row.payload)
    assert {name: event[name] for name in receipt()} == receipt()


def test_same_receipt_again_is_the_same_event(till: httpx.Client, outbox: Outbox):
    """A till that repeats a receipt, in whatever order and with whatever blanks, gets the first event id."""
    first = till.post("/receipts", json=receipt())
    turned = json.dumps(dict(reversed(receipt().items())), indent=3)
    again = till.post("/receipts", content=turned)
    assert (again.status_code, again.json()) == (202, first.json())
    assert outbox.depth() == 1


def test_other_body_is_a_conflict(till: httpx.Client, outbox: Outbox):
    """Another content under the same register, business date and number is refused; the first one stays."""
    till.post("/receipts", json=receipt())
    answer = till.post("/receipts", json=receipt(customer_id="7"))
    assert answer.status_code == 409
    assert "already taken" in answer.json()["detail"]
    assert outbox.depth() == 1


def test_contract_errors_name_every_field(till: httpx.Client, outbox: Outbox):
    """422 lists the fields that break the contract, each with its reason; nothing is taken."""
    broken = receipt(total="250", currency="dollars")
    del broken["business_date"]
    answer = till.post("/receipts", json=broken)
    assert answer.status_code == 422
    found = {error["field"]: error["reason"] for error in answer.json()["errors"]}
    assert found == {"total": "wrong_type", "currency": "invalid_value", "business_date": "missing_field"}
    assert outbox.depth() == 0


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"register_id":"\xff"}', "not_json"),
        (b"[]", "wrong_type"),
        (b"{}", "wrong_type"),
        (json.dumps(receipt(register_id=None)).encode(), "missing_field"),
        (json.dumps(receipt(register_id="2:3")).encode(), "invalid_value"),
        (json.dumps(receipt(seq=7)).encode(), "invalid_value"),
        (json.dumps(receipt(total=-250)).encode(), "rule:sign_matches_type"),
        (json.dumps(receipt(lines=[])).encode(), "rule:lines_sum_to_total"),
        (json.dumps(receipt()).replace("250}", "250.0}").encode(), "wrong_type"),
        (json.dumps(receipt()).replace("{", '{"total":1,', 1).encode(), "not_json"),
        (json.dumps(receipt(note=nested(33))).encode(), "not_json"),
        (json.dumps(receipt(note=nested(800))).encode(), "not_json"),
    ],
)
def test_what_breaks_the_contract_is_refused(till: httpx.Client, outbox: Outbox, content: bytes, reason: str):
    """The door refuses what the lake would quarantine, for the same reason, and the outbox's own fields."""
    answer = till.post("/receipts", content=content)
    assert answer.status_code == 422
    assert [error["reason"] for error in answer.json()["errors"]][:1] == [reason]
    assert outbox.depth() == 0


def test_too_large_is_refused(till: httpx.Client):
    """A body beyond what a message can hold is refused before all of it is read."""
    answer = till.post("/receipts", json=receipt(note="x" * MAX_PAYLOAD_BYTES))
    assert answer.status_code == 413


def test_unknown_fields_are_kept(till: httpx.Client, outbox: Outbox):
    """A newer till's fields are taken as they are."""
    assert till.post("/receipts", json=receipt(loyalty={"points": 12})).status_code == 202
    [row] = outbox.pending(1)
    assert json.loads(row.payload)["loyalty"] == {"points": 12}


def test_full_outbox_says_so(till: httpx.Client, outbox: Outbox):
    """507 when the outbox is full, with what to do; 202 again once it has room."""
    for number in range(3):
        assert till.post("/receipts", json=receipt(receipt_no=str(number))).status_code == 202
    full = till.post("/receipts", json=receipt(receipt_no="3"))
    assert full.status_code == 507
    assert "is the sender running?" in full.json()["detail"]
    outbox.mark_sent([1])
    assert till.post("/receipts", json=receipt(receipt_no="3")).status_code == 202


def test_repetition_is_known_while_full(till: httpx.Client):
    """A till that repeats a receipt is told that it is safe, even where there is no room for another one."""
    answers = [till.post("/receipts", json=receipt(receipt_no=str(number))) for number in range(3)]
    again = till.post("/receipts", json=receipt(receipt_no="2"))
    assert (again.status_code, again.json()) == (202, answers[2].json())


def test_metrics_and_health(till: httpx.Client, outbox: Outbox):
    """Depth, age and answers are readable by Prometheus; health names store and epoch."""
    till.post("/receipts", json=receipt())
    till.post("/receipts", content=b"{")
    text = till.get("/metrics").text
    assert f'tillstream_store_outbox_depth{{epoch="{outbox.epoch}",store_id="330"}} 1.0' in text
    assert 'tillstream_store_door_responses_total{status="202",store_id="330"} 1.0' in text
    assert 'tillstream_store_door_responses_total{status="422",store_id="330"} 1.0' in text
    assert till.get("/healthz").json() == {"store_id": "330", "epoch": outbox.epoch, "outbox_depth": 1}


def test_broken_disk_is_an_error_not_a_yes(till: httpx.Client, outbox: Outbox):
    """A receipt that could not be written is not taken: 503, and health says so, too."""
    outbox._database.close()
    assert till.post("/receipts", json=receipt()).status_code == 503
    assert till.get("/healthz").status_code == 503


def test_door_of_the_command_survives_kill(tmp_path: Path):
    """What `tillstream stores door` answered with 202 before kill -9 is in the outbox."""
    path = tmp_path / "outbox.db"
    command = [sys.executable, "-m", "tillstream.cli", "stores", "door", "--outbox", str(path), "--store-id", "330"]
    door = subprocess.Popen([*command, "--port", "0", "--json"], stdout=subprocess.PIPE, text=True)
    try:
        assert door.stdout is not None
        assert select.select([door.stdout], [], [], 60)[0], "the door did not open"
        url = json.loads(door.stdout.readline())["url"]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
        with httpx.Client(base_url=url, transport=httpx.HTTPTransport(retries=20), timeout=60) as client:
            taken = [
                client.post("/receipts", json=receipt(receipt_no=str(number))).json()["event_id"] for number in range(5)
            ]
    finally:
        door.send_signal(signal.SIGKILL)
        door.wait()
    with Outbox(path, "330") as outbox:
        assert [row.event_id for row in outbox.pending(10)] == taken
