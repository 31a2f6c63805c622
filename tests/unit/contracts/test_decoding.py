"""What becomes of a payload: typed rows where it keeps the contract, else a reason, and nothing ever raised."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from contracts import Contract, reasons
from contracts.decoding import Decoded, Decoder
from contracts.explaining import explain
from tests.support.events import FEEDS, event, payload


def decode(decoder: Decoder, *payloads: bytes | None) -> Decoded:
    return decoder.decode(pa.array(payloads, pa.binary()))


def verdict(decoder: Decoder, body: bytes | None) -> tuple[str | None, str | None]:
    decoded = decode(decoder, body)
    assert decoded.rows.num_rows == 1
    return decoded.verdicts.refused.get(0, (None, None))


def reasons_by_row(decoded: Decoded) -> dict[int, str]:
    return {row: refusal.reason for row, refusal in sorted(decoded.verdicts.refused.items())}


def changed(**changes: Any) -> bytes:
    return payload(event(**changes))


def without(name: str) -> bytes:
    body = event()
    del body[name]
    return payload(body)


def with_line(**changes: Any) -> bytes:
    body = event()
    body["lines"][1] |= changes
    return payload(body)


def raw(field: str, text: str) -> bytes:
    """A receipt with one scalar replaced by this very text."""
    return payload(event(**{field: "@"})).replace(b'"@"', text.encode())


@pytest.mark.parametrize("feed", FEEDS)
def test_a_valid_message_of_each_feed_is_accepted(decoders: Mapping[str, Decoder], feed: str):
    """What keeps its contract has no reason, no detail and no extras."""
    decoded = decode(decoders[feed], payload(event(feed)))
    assert decoded.verdicts.accepted().tolist() == [0]
    assert not decoded.verdicts.refused
    assert decoded.rows["extras"][0].as_py() is None


def test_values_arrive_typed(receipts: Decoder):
    """Times, dates, integers and lists come out as themselves; an optional field left out is null."""
    (row,) = decode(receipts, payload(event())).rows.to_pylist()
    assert row["event_time"] == datetime(2026, 11, 23, 19, 0, 1, 250_000, UTC)
    assert row["business_date"] == date(2026, 11, 23)
    assert row["seq"] == 7
    assert row["lines"] == [
        event()["lines"][0] | {"coupon_discount": None, "coupon_match_discount": None},
        event()["lines"][1] | {"retail_discount": None, "coupon_discount": None, "coupon_match_discount": None},
    ]


def test_rows_keep_the_order_of_the_payloads(receipts: Decoder):
    """Each payload has its row and its verdict at its own place, whatever stands around it."""
    bodies: list[bytes | None] = [changed(receipt_no=f"R-{number}") for number in range(3000)]
    bodies[10], bodies[2500], bodies[2999] = None, b"{not json}", b"\xff"
    decoded = decode(receipts, *bodies)
    refused = reasons_by_row(decoded)
    assert refused == {10: reasons.TOMBSTONE, 2500: reasons.NOT_JSON, 2999: reasons.NOT_UTF8}
    numbers = decoded.rows["receipt_no"].to_pylist()
    assert all(numbers[index] == f"R-{index}" for index in range(3000) if index not in refused)


def test_no_payloads_decode_to_no_rows(receipts: Decoder):
    """An empty batch is no special case."""
    decoded = decode(receipts)
    assert decoded.rows.num_rows == decoded.verdicts.rows == 0
    assert "extras" in decoded.rows.column_names


REFUSED: list[tuple[str, bytes | None, str, str]] = [
    ("tombstone", None, reasons.TOMBSTONE, "the message has no payload"),
    ("empty", b"", reasons.EMPTY, "the payload has no bytes"),
    ("not UTF-8", payload(event()).replace(b"R-7", b"R\xff7"), reasons.NOT_UTF8, "byte 222 is not UTF-8"),
    ("text", b"hello", reasons.NOT_JSON, "Expecting value at character 0"),
    ("cut off", payload(event())[:-20], reasons.NOT_JSON, "at character"),
    ("cut off in the middle, closed", payload(event())[:200] + b"}", reasons.NOT_JSON, "at character"),
    ("two documents", payload(event()) + payload(event()), reasons.NOT_JSON, "Extra data"),
    ("trailing comma", payload(event())[:-1] + b",}", reasons.NOT_JSON, "at character"),
    ("comment", payload(event())[:-1] + b"/**/}", reasons.NOT_JSON, "at character"),
    ("NUL after the end", payload(event()) + b"\0", reasons.NOT_JSON, "Extra data"),
    ("byte order mark", b"\xef\xbb\xbf" + payload(event()), reasons.NOT_JSON, "at character 0"),
    ("NaN", raw("total", "NaN"), reasons.NOT_JSON, "NaN is no JSON"),
    ("Infinity in an unknown field", raw("foo", "-Infinity"), reasons.NOT_JSON, "-Infinity is no JSON"),
    ("half a surrogate pair", raw("receipt_no", r'"\ud800"'), reasons.NOT_JSON, "half of a surrogate pair"),
    ("a key twice", payload(event())[:-1] + b',"total":1}', reasons.NOT_JSON, "'total' stands twice"),
    (
        "a key twice in a line, the second null",
        payload(event()).replace(b'"amount":199', b'"amount":199,"amount":null'),
        reasons.NOT_JSON,
        "'amount' stands twice",
    ),
    ("unknown key twice", payload(event())[:-1] + b',"foo":1,"foo":2}', reasons.NOT_JSON, "'foo' stands twice"),
    ("deep", raw("foo", "[" * 100_000 + "]" * 100_000), reasons.NOT_JSON, "nested more than 32 deep"),
    ("deep in a known field", raw("total", "[" * 500 + "]" * 500), reasons.NOT_JSON, "nested more than 32 deep"),
    ("a list", b"[]", reasons.WRONG_TYPE, "the message is [], not an object"),
    ("null", b"null", reasons.WRONG_TYPE, "the message is null, not an object"),
    ("a number", b"5", reasons.WRONG_TYPE, "the message is 5, not an object"),
    ("true for an integer", changed(total=True), reasons.WRONG_TYPE, "total is true, not of type integer"),
    ("a string for an integer", changed(total="500"), reasons.WRONG_TYPE, 'total is "500", not of type integer'),
    ("a fraction for an integer", changed(total=1.5), reasons.WRONG_TYPE, "total is 1.5, not of type integer"),
    ("a whole fraction for an integer", raw("total", "500.0"), reasons.WRONG_TYPE, "total is 500.0, not"),
    ("an exponent for an integer", raw("total", "5e2"), reasons.WRONG_TYPE, "total is 5e2, not of type integer"),
    ("a number for a string", changed(receipt_no=7), reasons.WRONG_TYPE, "receipt_no is 7, not of type string"),
    ("true for a string", changed(customer_id=True), reasons.WRONG_TYPE, "customer_id is true, not of type string"),
    ("an object for a string", changed(customer_id={}), reasons.WRONG_TYPE, "customer_id is {}, not of type string"),
    ("a number for a time", changed(event_time=1), reasons.WRONG_TYPE, "event_time is 1, not of type timestamp"),
    ("an object for a list", changed(lines={}), reasons.WRONG_TYPE, "lines is {}, not a list"),
    ("a number for a line", changed(lines=[1]), reasons.WRONG_TYPE, "lines[0] is 1, not an object"),
    ("null for a line", changed(lines=[None]), reasons.WRONG_TYPE, "lines[0] is null, not an object"),
    ("swapped types in a line", with_line(sku=5, amount="1"), reasons.WRONG_TYPE, "lines[1].sku is 5, not of type"),
    ("true in a line", with_line(retail_discount=True), reasons.WRONG_TYPE, "lines[1].retail_discount is true"),
    ("missing", without("total"), reasons.MISSING_FIELD, "total is missing"),
    ("null for a required field", changed(total=None), reasons.MISSING_FIELD, "total is missing"),
    ("missing list", without("tenders"), reasons.MISSING_FIELD, "tenders is missing"),
    ("no object members", b"{}", reasons.MISSING_FIELD, "and 11 more"),
    ("missing in a line", changed(lines=[{}]), reasons.MISSING_FIELD, "lines[0].line_no is missing"),
    ("empty id", changed(store_id=""), reasons.INVALID_VALUE, "store_id is"),
    ("newline after an id", changed(store_id="330\n"), reasons.INVALID_VALUE, "it must match"),
    ("other digits in an id", changed(epoch="٣" * 12), reasons.INVALID_VALUE, "it must match"),
    ("unknown type", changed(type="gift"), reasons.INVALID_VALUE, "one of sale, return, void"),
    ("too long", changed(receipt_no="é" * 65), reasons.INVALID_VALUE, "at most 64 characters"),
    ("NUL", changed(receipt_no="a\0b"), reasons.INVALID_VALUE, "NUL cannot be stored"),
    ("below the minimum", changed(seq=0), reasons.INVALID_VALUE, "seq is 0; the minimum is 1"),
    ("beyond 2^53", changed(seq=2**53), reasons.INVALID_VALUE, "integers go up to 9007199254740991"),
    ("beyond 64 bits", with_line(retail_discount=2**64), reasons.INVALID_VALUE, "lines[1].retail_discount is"),
    ("5,000 digits", raw("total", "9" * 5000), reasons.INVALID_VALUE, "integers go up to"),
    ("no such day", changed(business_date="2026-02-30"), reasons.INVALID_VALUE, "a date is written"),
    ("no such hour", changed(event_time="2026-11-23T24:00:00.000Z"), reasons.INVALID_VALUE, "a time is written"),
    ("an offset", changed(event_time="2026-11-23T19:00:00.000+02:00"), reasons.INVALID_VALUE, "a time is written"),
    ("no offset", changed(event_time="2026-11-23T19:00:00.000"), reasons.INVALID_VALUE, "a time is written"),
    ("microseconds", changed(event_time="2026-11-23T19:00:00.000000Z"), reasons.INVALID_VALUE, "a time is written"),
    ("unknown major", changed(schema_version="2.0"), reasons.UNKNOWN_SCHEMA_VERSION, "is 2.0; this contract reads 1.x"),
    (
        "unknown major, and all else unknown, too",
        b'{"schema_version":"2.0","id":1}',
        reasons.UNKNOWN_SCHEMA_VERSION,
        "is 2.0",
    ),
    ("no version", changed(schema_version="one"), reasons.INVALID_VALUE, "schema_version is"),
    ("another event_id", changed(event_id="330:2:9f86d081884c:8"), "rule:event_id_matches_parts", "event_id repeats"),
    (
        "money against its sign",
        changed(type="return"),
        "rule:sign_matches_type",
        "a return or a void is never positive",
    ),
    ("lines off by a cent", with_line(amount=302), "rule:lines_sum_to_total", "The lines add up to the total"),
    ("tenders off", changed(tenders=[]), "rule:tenders_sum_to_total", "What was paid adds up to the total"),
]


@pytest.mark.parametrize(
    ("body", "reason", "detail"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_breaks_the_contract_is_refused(receipts: Decoder, body: bytes | None, reason: str, detail: str):
    """Each kind of bad payload has its reason, and a detail that names the field."""
    found, words = verdict(receipts, body)
    assert found == reason
    assert words is not None
    assert detail in words


def test_one_bad_payload_does_not_touch_the_others(receipts: Decoder):
    """Every bad payload at once between good ones: each gets its own reason, and the good ones stay good."""
    bodies = [body for _, bad, _, _ in REFUSED for body in (payload(event()), bad)]
    decoded = decode(receipts, *bodies)
    assert reasons_by_row(decoded) == {2 * place + 1: reason for place, (_, _, reason, _) in enumerate(REFUSED)}
    assert decoded.rows["total"].to_pylist()[::2] == [500] * len(REFUSED)


ACCEPTED: list[tuple[str, bytes, str, Any]] = [
    ("white space", json.dumps(event(), indent=2).encode(), "total", 500),
    ("white space around", b" \n" + payload(event()) + b"\n", "total", 500),
    ("an explicit null", changed(customer_id=None), "customer_id", None),
    ("an escaped key", payload(event()).replace(b'"total"', rb'"tot\u0061l"'), "total", 500),
    ("an escaped slash", raw("customer_id", r'"a\/b"'), "customer_id", "a/b"),
    ("an escaped letter", raw("customer_id", r'"\u00e9"'), "customer_id", "é"),
    ("a surrogate pair", raw("customer_id", r'"\ud83d\ude00"'), "customer_id", "😀"),
    ("a quote and a backslash", changed(customer_id='"\\"'), "customer_id", '"\\"'),
    ("a line break", changed(customer_id="a\nb"), "customer_id", "a\nb"),
    (
        "letters of any alphabet",
        json.dumps(event(customer_id="é٣😀"), ensure_ascii=False).encode(),
        "customer_id",
        "é٣😀",
    ),
    ("64 characters of two bytes", changed(receipt_no="é" * 64), "receipt_no", "é" * 64),
    ("a word that JSON knows", changed(customer_id="null"), "customer_id", "null"),
    ("no lines", changed(lines=[], tenders=[], total=0), "lines", []),
    ("minus nothing", raw("total", "-0").replace(b"199", b"-301").replace(b"400", b"-100"), "total", 0),
    ("an unknown minor version", changed(schema_version="1.17"), "schema_version", "1.17"),
    ("2^53 - 1", with_line(retail_discount=2**53 - 1), "seq", 7),
]


@pytest.mark.parametrize(
    ("body", "field", "value"), [case[1:] for case in ACCEPTED], ids=[case[0] for case in ACCEPTED]
)
def test_what_is_written_otherwise_is_still_read(receipts: Decoder, body: bytes, field: str, value: object):
    """White space, escapes, nulls for optional fields and later minor versions change nothing about a receipt."""
    decoded = decode(receipts, body)
    assert not decoded.verdicts.refused
    assert decoded.rows[field][0].as_py() == value
    assert decoded.rows["extras"][0].as_py() is None


@pytest.mark.parametrize(
    ("body", "extras"),
    [
        (changed(foo=1), '{"foo":1}'),
        (raw("foo", "1.10"), '{"foo":1.10}'),
        (raw("foo", "1e400"), '{"foo":1e400}'),
        (raw("foo", "9" * 5000), '{"foo":' + "9" * 5000 + "}"),
        (changed(foo=None), '{"foo":null}'),
        (changed(Total=1), '{"Total":1}'),
        (changed(loyalty={"points": [1, {"a": "é"}], "ok": True}), '{"loyalty":{"points":[1,{"a":"é"}],"ok":true}}'),
        (with_line(tax=3), '{"lines":[{},{"tax":3}]}'),
        (with_line(tax=3)[:-1] + b',"a\\"b":[]}', '{"lines":[{},{"tax":3}],"a\\"b":[]}'),
    ],
)
def test_unknown_fields_are_kept(receipts: Decoder, body: bytes, extras: str):
    """What the contract does not know is kept as JSON of the same shape, numbers as they were written."""
    decoded = decode(receipts, body)
    assert not decoded.verdicts.refused
    assert decoded.rows["extras"][0].as_py() == extras
    assert decoded.rows["total"][0].as_py() == 500


@pytest.mark.parametrize("text", ["3.75", "-18", "0", "1e5", "1E2", "2.50", "1e-3", "100000.0", "0.0", "1e400", "-0.0"])
@pytest.mark.parametrize("more", ["", ',"a":1', ',"ab":12', ',"abc":123', ","])
def test_numbers_are_read_however_they_are_written(decoders: Mapping[str, Decoder], text: str, more: str):
    """No way to write a number hides an unknown field, a superfluous comma, or that it cannot be stored."""
    body = payload(event("store.operations")).replace(b'"value":3.75', f'"value":{text}{more}'.encode())
    decoded = decode(decoders["store.operations"], body)
    if more == ",":
        assert reasons_by_row(decoded) == {0: reasons.NOT_JSON}
    elif text == "1e400":
        assert reasons_by_row(decoded) == {0: reasons.INVALID_VALUE}
    else:
        assert not decoded.verdicts.refused
        assert decoded.rows["value"][0].as_py() == float(text)
        assert decoded.rows["extras"][0].as_py() == ("{" + more[1:] + "}" if more else None)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_in_json_is_refused(decoders: Mapping[str, Decoder], text: str):
    """NaN and the infinities, which lenient readers take for numbers, are no JSON."""
    body = payload(event("store.operations")).replace(b"3.75", text.encode())
    assert verdict(decoders["store.operations"], body) == (reasons.NOT_JSON, f"{text} is no JSON")


@pytest.mark.parametrize("feed", FEEDS)
def test_compact_messages_need_no_closer_look(
    decoders: Mapping[str, Decoder], feed: str, monkeypatch: pytest.MonkeyPatch
):
    """Every byte of a compact message is accounted for, so that none of them costs the exact reader's time."""
    monkeypatch.setattr("contracts.decoding.unknown_fields", lambda *_: "looked closer")
    bodies = [payload(event(feed))] * 3
    if feed == "pos.receipts":
        bodies += [
            changed(lines=[], tenders=[], total=0),
            payload(event(customer_id="é")).replace(rb"\u00e9", "é".encode()),
        ]
    assert decode(decoders[feed], *bodies).rows["extras"].to_pylist() == [None] * len(bodies)


def test_large_receipts_are_read(receipts: Decoder):
    """A receipt of 10,000 lines, over 1 MiB, is decoded like any other."""
    lines = [{"line_no": number + 1, "sku": "x" * 60, "quantity": 1, "amount": 1} for number in range(10_000)]
    body = changed(lines=lines, total=10_000, tenders=[{"tender_no": 1, "type": "card", "amount": 10_000}])
    assert len(body) > 2**20
    decoded = decode(receipts, body)
    assert not decoded.verdicts.refused
    assert len(decoded.rows["lines"][0]) == 10_000


def test_a_rule_that_fails_to_compute_refuses_only_its_message(contracts: Mapping[str, Contract]):
    """An error inside a rule's expression counts as a broken rule of that one message."""
    contract = contracts["pos.receipts"]
    brittle = replace(contract.rules[0], name="brittle", expression="CAST(receipt_no AS INTEGER) > 0")
    decoder = Decoder(replace(contract, rules=(brittle,)))
    decoded = decode(decoder, changed(receipt_no="12"), changed(receipt_no="x"), changed(receipt_no="13"))
    assert reasons_by_row(decoded) == {1: "rule:brittle"}


def test_two_readers_that_disagree_cost_one_message(receipts: Decoder, monkeypatch: pytest.MonkeyPatch):
    """Should the exact reader find nothing wrong with what the fast one refuses, the message is still quarantined."""
    monkeypatch.setattr("contracts.decoding.explain", lambda *_: ())
    decoded = decode(receipts, changed(total="1"), payload(event()))
    assert reasons_by_row(decoded) == {0: reasons.NOT_JSON}


def test_faults_name_field_and_reason(contracts: Mapping[str, Contract]):
    """The exact reader lists every fault of a message, for a till to be told at the door."""
    body = event(total="5", seq=0)
    del body["currency"]
    faults = explain(contracts["pos.receipts"], json.dumps(body))
    assert {(fault.field, fault.reason) for fault in faults} == {
        ("seq", reasons.INVALID_VALUE),
        ("currency", reasons.MISSING_FIELD),
        ("total", reasons.WRONG_TYPE),
    }
