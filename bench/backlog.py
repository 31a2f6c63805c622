"""The backlog every contender reads: real receipts, signed, in the contract's topic, in the order of their sale."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from confluent_kafka import Producer

from contracts import events
from contracts.signing import sign, store_key
from stores.fleet.preparation import prepare

FEED = "pos.receipts"
RECEIPTS = 155_848
SEED = 1
GENERATION = 1
SHAPES = ("receipts", "lines")


def produce(producer: Producer, topic: str, shape: str, lines: int, master: bytes) -> tuple[int, int, pa.Table]:
    """Write at least so many receipt lines; return messages, lines, and the dimension of their stores.

    `shape`: "receipts", one message a receipt; "lines", one message a line, each a receipt of its own.
    """
    prepared = prepare(receipts=RECEIPTS, seed=SEED, troubles=frozenset(), now=datetime.now(UTC))
    messages = prepared.messages.filter(pa.compute.equal(prepared.messages["feed"], FEED))
    rows = messages.select(["store_id", "register_id", "body"])
    keys: dict[str, bytes] = {}
    sequences: dict[tuple[str, str, str], int] = {}
    sent_messages = sent_lines = 0
    for epoch, store, register, body, count in _bodies(rows, shape):
        seq = sequences[epoch, store, register] = sequences.get((epoch, store, register), 0) + 1
        event_id = events.event_id(store, register, epoch, seq)
        envelope = {
            "schema_version": "1.0", "event_id": event_id, "store_id": store, "register_id": register,
            "epoch": epoch, "seq": seq,
        }  # fmt: skip
        payload = (json.dumps(envelope, separators=(",", ":"))[:-1] + "," + body[1:]).encode()
        key = keys.get(store) or keys.setdefault(store, store_key(master, store, GENERATION))
        headers: list[tuple[str, str | bytes | None]] = [
            (events.EVENT_ID, event_id.encode()),
            (events.SCHEMA_VERSION, b"1.0"),
            (events.SIGNATURE, sign(key, payload)),
            (events.KEY_GENERATION, str(GENERATION).encode()),
        ]
        while True:
            try:
                producer.produce(topic, payload, store.encode(), headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
        sent_messages += 1
        sent_lines += count
        if sent_lines >= lines:
            break
    if producer.flush(120):
        raise RuntimeError("The backlog could not be written within two minutes; see the broker's log.")
    return sent_messages, sent_lines, prepared.stores


def _bodies(rows: pa.Table, shape: str) -> Iterator[tuple[str, str, str, str, int]]:
    """Epoch, store, register, body and number of lines; the same sales again under another epoch, without end."""
    passes = 0
    while True:
        epoch = f"{passes:012x}"
        for batch in rows.to_batches(max_chunksize=10_000):
            for store, register, body in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                receipt = json.loads(body)
                if shape == "receipts":
                    yield epoch, store, register, body, len(receipt["lines"])
                else:
                    for line in receipt["lines"]:
                        yield epoch, store, register, _alone(receipt, line), 1
        passes += 1


def _alone(receipt: dict[str, object], line: dict[str, int]) -> str:
    total = line["amount"]
    tenders = [{"tender_no": 1, "type": "cash", "amount": total}]
    kind = receipt["type"] if receipt["type"] == "sale" else "return"
    number = f"{receipt['receipt_no']}.{line['line_no']}"
    alone = {**receipt, "type": kind, "receipt_no": number, "lines": [line], "tenders": tenders, "total": total}
    return json.dumps(alone, separators=(",", ":"))


def master_key(path: Path) -> bytes:
    """The master of the signing keys, as the platform's secret would hold it."""
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    return path.read_bytes()
