"""The HTTP door for tills: `POST /receipts`, and nothing leaves before the outbox has it.

| answer | when |
|---|---|
| 202 `{"event_id": …}` | the outbox has the receipt, now or since an earlier request with the same content |
| 409 | the same register, business date and number came before with another content |
| 422 `{"errors": [{field, reason, detail}, …]}` | the receipt breaks the contract; nothing was taken |
| 413 | the receipt is larger than what the topic takes |
| 503 | the outbox's disk fails |
| 507 | the outbox is full |

The till sends the receipt without the envelope that the outbox writes (schema_version, event_id, store_id, epoch, seq).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from contracts import Contract, reasons
from contracts.decoding import Decoder
from contracts.explaining import Fault, explain
from contracts.strict_json import MAXIMUM_DEPTH, Json, NotJsonError, dump, parse
from stores.errors import Conflict, OutboxError, OutboxFull, TooLarge
from stores.metrics import StoreMetrics
from stores.outbox import MAX_PAYLOAD_BYTES, Draft, Outbox, ReceiptKey, complete

FEED = "pos.receipts"
ENVELOPE = ("schema_version", "event_id", "store_id", "epoch", "seq")
STATUS = {Conflict: 409, TooLarge: 413, OutboxFull: 507}


class Refused(Exception):  # noqa: N818 - an answer, not a failure
    """A request that gets no 202."""

    def __init__(self, status: int, **body: Any) -> None:  # noqa: ANN401 - any JSON
        super().__init__(status, body)
        self.status = status
        self.body = body


def application(outbox: Outbox, contract: Contract, metrics: StoreMetrics) -> Starlette:
    """The door as an ASGI application. `contract` is the one of the receipts."""
    door = _Door(outbox, contract)
    metrics.watch([outbox])

    async def receipts(request: Request) -> Response:
        try:
            body = await _limited_body(request)
            # One at a time: the outbox has one file, and the decoder is not made for two threads.
            async with door.turn:
                name = await run_in_threadpool(door.take, body)
            answer = JSONResponse({"event_id": name}, 202)
        except Refused as refused:
            answer = JSONResponse(refused.body, refused.status)
        metrics.responses.labels(outbox.store_id, str(answer.status_code)).inc()
        return answer

    def exposition(_: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    def health(_: Request) -> Response:
        try:
            depth = outbox.depth()
        except OutboxError as error:
            return JSONResponse({"store_id": outbox.store_id, "detail": str(error)}, 503)
        return JSONResponse({"store_id": outbox.store_id, "epoch": outbox.epoch, "outbox_depth": depth})

    return Starlette(
        routes=[
            Route("/receipts", receipts, methods=["POST"]),
            Route("/metrics", exposition),
            Route("/healthz", health),
        ]
    )


class _Door:
    def __init__(self, outbox: Outbox, contract: Contract) -> None:
        self.turn = asyncio.Lock()
        self._outbox = outbox
        self._contract = contract
        self._decoder = Decoder(contract)

    def take(self, body: bytes) -> str:
        """The event id of the receipt that the outbox now has. Raises Refused."""
        receipt = _object(body)
        register_id = receipt.pop("register_id", None)
        if not isinstance(register_id, str):
            fault = Fault(reasons.MISSING_FIELD, "register_id", "is missing or no string")
            raise _contract_broken([fault])
        # Written again in one way, so that a repetition with other blanks or another order is the same receipt.
        try:
            text = dump(_in_order(receipt)).encode()
        except (NotJsonError, RecursionError) as error:
            fault = Fault(reasons.NOT_JSON, "", f"it is nested more than {MAXIMUM_DEPTH} deep")
            raise _contract_broken([fault]) from error
        key = ReceiptKey(str(receipt.get("business_date")), str(receipt.get("receipt_no")))
        draft = Draft(FEED, register_id, text, key)
        self._check(draft)
        try:
            return self._outbox.append(draft)
        except OutboxError as error:
            raise Refused(STATUS.get(type(error), 503), detail=str(error)) from error

    def _check(self, draft: Draft) -> None:
        """The event as it would be sent must keep the contract; its seq is not known yet, any will do."""
        try:
            _, payload = complete(draft, store_id=self._outbox.store_id, epoch=self._outbox.epoch, seq=1)
        except ValueError as error:
            raise _contract_broken([Fault(reasons.INVALID_VALUE, "register_id", str(error))]) from error
        decoded = self._decoder.decode(pa.array([payload], pa.binary()))
        if refusal := decoded.verdicts.refused.get(0):
            faults = explain(self._contract, payload.decode())
            raise _contract_broken(faults or [Fault(refusal.reason, "", refusal.detail)])


def _contract_broken(faults: Sequence[Fault]) -> Refused:
    return Refused(422, errors=[asdict(fault) for fault in faults], detail="Nothing was taken. Correct the receipt.")


def _object(body: bytes) -> dict[str, Json]:
    try:
        receipt = parse(body.decode())
    except (NotJsonError, UnicodeDecodeError) as error:
        raise _contract_broken([Fault(reasons.NOT_JSON, "", str(error))]) from error
    if not isinstance(receipt, dict) or receipt.keys() <= {"register_id"}:
        raise _contract_broken([Fault(reasons.WRONG_TYPE, "", "is no JSON object with fields")])
    own = [Fault(reasons.INVALID_VALUE, name, "is written by the outbox") for name in ENVELOPE if name in receipt]
    if own:
        raise _contract_broken(own)
    return receipt


def _in_order(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _in_order(value[name]) for name in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list) else value


async def _limited_body(request: Request) -> bytes:
    """The body, refused before more of it is read than a message can hold."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_PAYLOAD_BYTES:
            raise Refused(413, detail=f"A receipt has at most {MAX_PAYLOAD_BYTES} bytes. Nothing was taken.")
    return bytes(body)
