"""The fast decoder against the exact reader, over messages broken in every way we could think of, and some at random.

Both must give the same verdict, and where it is a good one the same values: the fast one is only ever faster.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, get_args

import pyarrow as pa
import pytest

from contracts import Contract, reasons
from contracts.decoding import Decoder
from contracts.explaining import explain, unknown_fields
from contracts.model import Array, Field, FieldType
from contracts.strict_json import Json, NotJsonError, parse
from tests.support.events import FEEDS, event

VALUES: list[object] = [
    *(True, False, None, 1, 0, -1, 1.5, 1.0, -0.0, 1e100, 2**53 - 1, 2**53, -(2**53), 2**63, 2**64, 10**30),
    *("", "1", "true", "null", "é", "٣", "😀", "\0", "a\0b", 'q"q', "b\\s", "\n", "\u2028", "x" * 300),
    *("1.0", "1.7", "2.0", "01.0", "1.0\n", "sale", "refund", "2026-02-30", "0999-01-01", "2026-11-23T19:00:00Z"),
    *([], {}, [1], [None], {"a": 1}, {"amount": "x"}),
]
TEXTS = [
    *("NaN", "Infinity", "-Infinity", "1e400", "1e-400", "1e3", "1E2", "1.50", "-0", "01", "1.", ".5", "+1", "0x10"),
    *("tru", "nul", "undefined", "/*c*/1", "1 ", "\n1", "9" * 400, "9" * 5000, "123456789012345678901234567890.5"),
    *(r'"\ud800"', r'"\u0000"', r'"\u0061"', r'"\/"', '"a\tb"', '"\x7f"', '"unterminated', '""""', "{'a':1}", "{,}"),
    *("[" * 200 + "]" * 200, "[" * 5000 + "]" * 5000, '{"a":' * 40 + "1" + "}" * 40),
]
WHOLE = [
    b" ",
    b"null",
    b"5",
    b"[]",
    b"{}",
    b"[{}]",
    b"{}{}",
    b'"x"',
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"a":1}',
    b"{",
    b"}",
]


def places(part: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    for step, value in part.items() if isinstance(part, dict) else enumerate(part):
        yield (*path, step)
        if isinstance(value, dict | list):
            yield from places(value, (*path, step))


class Breaker:
    """Breaks valid messages; the same seed breaks them in the same way."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def broken(self, body: dict[str, Any]) -> bytes:
        texts: dict[str, str] = {}
        for _ in range(self.chance.choice([0, 1, 1, 1, 2])):
            self._change(body, texts)
        written = self._written(body)
        for mark, text in texts.items():
            written = written.replace(f'"{mark}"', text)
        return self._damaged(written.encode())

    def _change(self, body: dict[str, Any], texts: dict[str, str]) -> None:
        path = self.chance.choice(list(places(body)))
        owner: Any = body
        for step in path[:-1]:
            owner = owner[step]
        value = json.loads(json.dumps(self.chance.choice(VALUES)))
        if self.chance.random() < 0.3:
            value = f"@{len(texts)}@"
            texts[value] = self.chance.choice(TEXTS)
        match self.chance.choice(["replace", "replace", "remove", "add"]):
            case "replace":
                owner[path[-1]] = value
            case "remove":
                del owner[path[-1]]
            case "add" if isinstance(owner, dict):
                owner[self.chance.choice(["foo", "Total", "customer_id", 'x"y', "é", ""])] = value
            case "add":
                owner.append(value)

    def _written(self, body: dict[str, Any]) -> str:
        compact = {"separators": (",", ":")}
        style: dict[str, Any] = self.chance.choice([compact, compact, compact, {}, {"indent": 1}])
        return json.dumps(body, ensure_ascii=self.chance.random() < 0.5, **style)

    def _damaged(self, body: bytes) -> bytes:
        at = self.chance.randrange(len(body))
        damages: dict[str, Callable[[], bytes]] = {
            "flip": lambda: body[:at] + self.chance.randbytes(1) + body[at + 1 :],
            "insert": lambda: body[:at] + bytes([self.chance.choice(b'",:{}[]0 \\\n\x00\xffe')]) + body[at:],
            "drop": lambda: body[:at] + body[at + 1 :],
            "cut": lambda: body[:at],
            "twice": lambda: body.replace(b"{", b'{"amount":null,', 1),
            "twice below": lambda: body.replace(b":[{", b':[{"amount":1,', 1),
            "comma": lambda: body[:-1] + b",}",
            "whole": lambda: self.chance.choice(WHOLE),
        }
        return damages[self.chance.choice(list(damages))]() if self.chance.random() < 0.25 else body


def typed(field: Field, value: Json) -> object:
    if value is None:
        return None
    kinds: Mapping[str, Callable[[str], object]] = {
        "integer": int,
        "boolean": lambda text: text == "True",
        "number": float,
        "timestamp": lambda text: datetime.fromisoformat(text).astimezone(UTC),
        "date": date.fromisoformat,
    }
    return kinds.get(field.type, str)(str(value))


def exact(contract: Contract, body: bytes) -> tuple[str | None, dict[str, Any]]:
    """The verdict and the values of the exact reader alone."""
    if not body:
        return reasons.EMPTY, {}
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return reasons.NOT_UTF8, {}
    if faults := explain(contract, text):
        return faults[0].reason, {}
    try:
        extras = unknown_fields(contract, text)
    except NotJsonError:
        return reasons.NOT_JSON, {}
    message: Any = parse(text)
    values = {field.name: typed(field, message.get(field.name)) for field in contract.event.fields}
    for array in contract.event.arrays:
        values[array.name] = [
            {item.name: typed(item, part.get(item.name)) for item in array.items} for part in message[array.name]
        ]
    return None, values | {"extras": extras}


def every_type_everywhere(contract: Contract) -> Contract:
    """The contract, and a list whose items have a field of each type."""
    kinds: tuple[FieldType, ...] = get_args(FieldType)
    items = tuple(Field(f"a_{kind}", kind, f"a_{kind}", required=kind == "date") for kind in kinds)
    record = replace(contract.event, fields=(*contract.event.fields, *items), arrays=(Array("many", "many", items),))
    return replace(contract, event=record)


EVERY_TYPE = {
    "a_string": "a",
    "a_integer": 1,
    "a_number": 1.5,
    "a_boolean": True,
    "a_timestamp": "2026-11-23T19:00:01.250Z",
    "a_date": "2026-11-23",
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("feed", FEEDS)
def test_fast_and_exact_reader_agree(contracts: Mapping[str, Contract], feed: str, seed: int):
    """Six hundred broken messages get the exact reader's verdict and values from the fast one, in one batch."""
    compare(contracts[feed], lambda: event(feed), seed)


@pytest.mark.parametrize("seed", range(3))
def test_fast_and_exact_reader_agree_on_every_type(contracts: Mapping[str, Contract], seed: int):
    """So do fields of every type, in the message and in the items of a list."""
    contract = every_type_everywhere(contracts["store.operations"])
    compare(contract, lambda: event("store.operations", **EVERY_TYPE, many=[EVERY_TYPE, EVERY_TYPE]), seed)


def compare(contract: Contract, valid: Callable[[], dict[str, Any]], seed: int) -> None:
    breaker = Breaker(seed)
    bodies = [breaker.broken(json.loads(json.dumps(valid()))) for _ in range(600)]
    decoded = Decoder(contract).decode(pa.array(bodies, pa.binary()))
    verdicts: Counter[str | None] = Counter()
    for place, (body, row) in enumerate(zip(bodies, decoded.rows.to_pylist(), strict=True)):
        reason, _ = decoded.verdicts.refused.get(place, (None, None))
        expected, values = exact(contract, body)
        verdicts[expected] += 1
        if expected is None and reason is not None:
            assert reason.startswith("rule:"), body
        else:
            assert reason == expected, body
        if reason is None:
            assert row == values, body
    # The test means something only while it meets both good and bad.
    assert verdicts[None] > 100
    assert {reasons.NOT_JSON, reasons.NOT_UTF8, reasons.WRONG_TYPE, reasons.MISSING_FIELD} <= set(verdicts)
