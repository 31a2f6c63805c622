"""The one decoder: from payloads to typed rows, and for each payload that breaks the contract, why.

Fifty thousand payloads at a time in the stream, one at a time at the HTTP door: the same code, so that what the door
accepts, the lake accepts.

How it is both strict and fast: DuckDB hands out every known value as the JSON text it was written as, so a type is
read off the text and `"1"`, `true` and `1.5` are no integers. Then the bytes of the known keys and values are added
up. Where the sum is the payload's length, nothing else stands in it. Where it is not (an unknown field, a key twice, an
explicit null, white space), the exact reader looks at that payload alone.
"""

import json
from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from contracts import reasons
from contracts.columns import Column, Mask, Sizes, convert, rewritten, written_bytes
from contracts.explaining import Fault, explain, unknown_fields
from contracts.model import EXTRAS, Array, Contract, Field
from contracts.splitting import split
from contracts.sql import literal
from contracts.strict_json import NotJsonError
from contracts.verdicts import Verdicts

__all__ = ["Decoded", "Decoder", "split"]

_FAULTS_SHOWN = 3
# Has not been seen; if it ever happens, it must cost one message its place and not the whole batch.
_DISAGREEMENT = Fault(reasons.NOT_JSON, "", "two readers of JSON disagree about it")
_UNSURE = -(2**40)  # no payload's length, whatever is added to it


@dataclass(frozen=True)
class Decoded:
    """One entry a payload, in order.

    `rows`: a column a field and a list column an array, by the message's names, and `extras` (JSON or null). What a
    refused payload's row holds means nothing. `verdicts`: which payloads break the contract, and how.
    """

    rows: pa.Table
    verdicts: Verdicts


class Decoder:
    """Decodes and checks the payloads of one feed. Not for use by two threads at once: make one for each."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._connection = duckdb.connect(config={"threads": 1})
        self._structure = literal(json.dumps(_structure(contract)))
        self._rules = ", ".join(
            f"coalesce(try({rule.expression}), false) AS r{index}" for index, rule in enumerate(contract.rules)
        )
        # json_transform stops at a text that is no JSON. Testing each first costs a fifth more: done from the first
        # one on that was not filtered out by its first and last character.
        self._guarded = False

    def decode(self, payloads: pa.BinaryArray) -> Decoded:
        """Decode payloads (null for a tombstone). Never fails for what a payload holds."""
        verdicts = Verdicts(len(payloads))
        texts = _texts(payloads, verdicts)
        rows, bad, accounted = _rows(self.contract, self._parse(texts))
        known_version = pc.starts_with(rows["schema_version"], f"{self.contract.major}.")
        bad |= ~pc.fill_null(known_version, fill_value=False).to_numpy()
        sizes: Sizes = pc.binary_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
        extras = self._look_closer(texts, verdicts, bad, ~bad & (accounted != sizes))
        rows = rows.append_column(EXTRAS, extras)
        self._check_rules(rows, verdicts)
        return Decoded(rows, verdicts)

    def _parse(self, texts: pa.StringArray) -> pa.StructArray:
        """Each payload as a struct of JSON texts, null where it is no JSON."""
        self._connection.register("payloads", pa.table({"payload": texts}))
        try:
            if not self._guarded:
                try:
                    return self._transform(
                        "WHEN starts_with(payload, '{') AND ends_with(payload, '}') THEN payload "
                        "WHEN json_valid(payload) THEN payload"
                    )
                except duckdb.InvalidInputException:
                    self._guarded = True
            return self._transform("WHEN json_valid(payload) THEN payload")
        finally:
            self._connection.unregister("payloads")

    def _transform(self, candidates: str) -> pa.StructArray:
        query = f"SELECT json_transform(CASE {candidates} END, {self._structure}) AS event FROM payloads"  # noqa: S608 - from the contract
        return self._connection.sql(query).to_arrow_table()["event"].combine_chunks()

    def _look_closer(self, texts: pa.StringArray, verdicts: Verdicts, bad: Mask, unaccounted: Mask) -> pa.Array:
        """Give the bad ones their reasons; find what else is in those with bytes that no known field accounts for."""
        for index in np.flatnonzero(bad).tolist():
            if index not in verdicts.refused:
                faults = explain(self.contract, texts[index].as_py()) or (_DISAGREEMENT,)
                shown = "; ".join(map(str, faults[:_FAULTS_SHOWN]))
                more = f"; and {len(faults) - _FAULTS_SHOWN} more" if len(faults) > _FAULTS_SHOWN else ""
                verdicts.refuse(index, faults[0].reason, shown + more)
        extras: list[str | None] = [None] * len(texts)
        for index in np.flatnonzero(unaccounted).tolist():
            try:
                extras[index] = unknown_fields(self.contract, texts[index].as_py())
            except NotJsonError as error:
                verdicts.refuse(index, reasons.NOT_JSON, str(error))
        return pa.array(extras, pa.string())

    def _check_rules(self, rows: pa.Table, verdicts: Verdicts) -> None:
        if not self.contract.rules:
            return
        self._connection.register("event", rows)
        try:
            held = self._connection.sql(f"SELECT {self._rules} FROM event").fetchnumpy()  # noqa: S608 - as above
        finally:
            self._connection.unregister("event")
        for index in np.flatnonzero(~np.logical_and.reduce(list(held.values()))).tolist():
            broken = [rule for number, rule in enumerate(self.contract.rules) if not held[f"r{number}"][index]]
            verdicts.refuse(index, reasons.rule(broken[0].name), "; ".join(rule.description for rule in broken))


def _structure(contract: Contract) -> dict[str, object]:
    """The message as DuckDB's json_transform wants it described; every value as the JSON text it was written as."""
    structure: dict[str, object] = {field.name: "JSON" for field in contract.event.fields}
    for array in contract.event.arrays:
        structure[array.name] = [{field.name: "JSON" for field in array.items}]
    return structure


def _texts(payloads: pa.BinaryArray, verdicts: Verdicts) -> pa.StringArray:
    """The payloads as text; null for what is none, which gets its verdict here."""
    for index in _indices(pc.is_null(payloads)):
        verdicts.refuse(index, reasons.TOMBSTONE, "the message has no payload")
    for index in _indices(pc.equal(pc.binary_length(payloads), 0)):
        verdicts.refuse(index, reasons.EMPTY, "the payload has no bytes")
    try:
        return payloads.cast(pa.string())
    except pa.ArrowInvalid:
        texts: list[str | None] = []
        for index, payload in enumerate(payloads.to_pylist()):
            try:
                texts.append(payload if payload is None else payload.decode())
            except UnicodeDecodeError as error:
                verdicts.refuse(index, reasons.NOT_UTF8, f"byte {error.start} is not UTF-8: {error.reason}")
                texts.append(None)
        return pa.array(texts, pa.string())


def _indices(marks: pa.BooleanArray) -> list[int]:
    indices: list[int] = pc.indices_nonzero(marks).to_pylist()
    return indices


def _rows(contract: Contract, parsed: pa.StructArray) -> tuple[pa.Table, Mask, Sizes]:
    """The typed columns; which rows hold a bad value; and how many bytes the known keys and values take."""
    texts = dict(zip((field.name for field in parsed.type), parsed.flatten(), strict=True))
    columns, bad, accounted = _columns(contract.event.fields, texts, len(parsed))
    arrays = {field.name: column.values for field, column in columns.items()}
    for array in contract.event.arrays:
        lists, bad_items, item_bytes = _lists(array, texts[array.name])
        arrays[array.name] = lists
        bad |= bad_items
        accounted += item_bytes
    return pa.table(arrays), bad, accounted


def _columns(
    fields: tuple[Field, ...], texts: dict[str, pa.Array], count: int
) -> tuple[dict[Field, Column], Mask, Sizes]:
    """The fields of `count` JSON objects, which of the objects are bad, and the bytes of each."""
    bad = np.zeros(count, dtype=bool)
    accounted = np.full(count, len("{}") - len(","), dtype=np.int64)
    columns = {}
    for field in fields:
        column = columns[field] = convert(field, texts[field.name])
        bad |= column.bad
        accounted += written_bytes(field, texts[field.name])
        if field.type == "number":
            accounted[rewritten(texts[field.name])] = _UNSURE
    return columns, bad, accounted


def _lists(array: Array, texts: pa.ListArray) -> tuple[pa.ListArray, Mask, Sizes]:
    """The lists of an array with their items typed, which messages have a bad one, and the bytes in each message."""
    lengths = pc.list_value_length(texts).fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths, dtype=np.int64)
    offsets = np.concatenate(([0], ends))
    items = texts.flatten()
    item_texts = dict(zip((field.name for field in items.type), items.flatten(), strict=True))
    columns, bad_items, item_bytes = _columns(array.items, item_texts, len(items))

    missing = pc.is_null(texts).to_numpy(zero_copy_only=False)
    bad = missing | (_sums(bad_items, offsets) > 0)
    brackets = np.where(lengths > 0, len("[]") - len(","), len("[]")) + len(json.dumps(array.name)) + len(":,")
    accounted = np.where(missing, 0, brackets + lengths * len(",") + _sums(item_bytes, offsets))
    struct = pa.StructArray.from_arrays(
        [column.values for column in columns.values()], fields=[pa.field(f.name, f.arrow_type) for f in array.items]
    )
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), struct), bad, accounted


def _sums(values: Mask | Sizes, offsets: Sizes) -> Sizes:
    """The sum of each run of values between two offsets."""
    running = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
    sums: Sizes = running[offsets[1:]] - running[offsets[:-1]]
    return sums
