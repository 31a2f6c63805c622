"""From JSON texts to typed Arrow columns, many at a time: what cannot be converted is null and marked."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from contracts.model import ARROW_TYPES, Field, FieldType
from contracts.shapes import INTEGER_LIMIT, TIME_PATTERNS, TYPE_PATTERNS

Mask = npt.NDArray[np.bool_]
Sizes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One field of many messages. `bad` marks the values that the field does not allow, missing ones included."""

    values: pa.Array
    bad: Mask


def convert(field: Field, texts: pa.Array) -> Column:
    """The typed values of a field from the JSON text of each (null where there was none).

    Reads every value as `explaining` does, in bulk.
    """
    try:
        values = _CONVERTERS[field.type](texts)
    except pa.ArrowInvalid:
        values = _one_by_one(field, texts)
    bad = _refused(field, values)
    if field.required:
        bad |= _mask(pc.is_null(values))
    elif values.null_count != texts.null_count:
        bad |= _mask(pc.and_(pc.is_null(values), pc.is_valid(texts)))
    return Column(values, bad)


def written_bytes(field: Field, texts: pa.Array) -> Sizes:
    """The bytes of each value in a compact JSON object, with key, colon and comma; 0 where there is none."""
    framing = len(json.dumps(field.name)) + len(":,")
    lengths = pc.binary_length(texts)
    if texts.null_count:
        lengths = pc.fill_null(lengths, -framing)
    sizes: Sizes = lengths.to_numpy(zero_copy_only=False).astype(np.int64) + framing
    return sizes


def rewritten(texts: pa.Array) -> Mask:
    """Which numbers may have been written shorter than they are in `texts` (1e5 comes back as 100000.0)."""
    return _mask(pc.match_substring_regex(texts, r"0\.0$|0\.00|[eE]"))


def _strings(texts: pa.Array) -> pa.Array:
    if not _all(pc.starts_with(texts, '"')):
        raise pa.ArrowInvalid("not all are strings")
    values = pc.binary_slice(texts.cast(pa.binary()), 1, -1).cast(pa.string())
    escaped = pc.match_substring(texts, "\\")
    if pc.any(escaped).as_py():
        escaped = pc.fill_null(escaped, fill_value=False)
        read = [json.loads(text) for text in texts.filter(escaped).to_pylist()]
        # Only an escape can hold a NUL, which cannot be stored: null marks it as refused.
        storable = [None if "\x00" in value else value for value in read]
        values = pc.replace_with_mask(values, escaped, pa.array(storable, pa.string()))
    return values


def _integers(texts: pa.Array) -> pa.Array:
    return texts.cast(pa.int64())


def _numbers(texts: pa.Array) -> pa.Array:
    return texts.cast(pa.float64())


def _booleans(texts: pa.Array) -> pa.Array:
    if not _all(pc.match_substring_regex(texts, TYPE_PATTERNS["boolean"])):
        raise pa.ArrowInvalid("not all are booleans")
    return pc.equal(texts, "true")


def _timestamps(texts: pa.Array) -> pa.Array:
    return _times(texts, "timestamp")


def _dates(texts: pa.Array) -> pa.Array:
    return _times(texts, "date")


def _times(texts: pa.Array, kind: FieldType) -> pa.Array:
    written = _strings(texts)
    if not _all(pc.match_substring_regex(written, TIME_PATTERNS[kind])):
        raise pa.ArrowInvalid(f"not all are a {kind}")
    return written.cast(ARROW_TYPES[kind])


_CONVERTERS: dict[FieldType, Callable[[pa.Array], pa.Array]] = {
    "string": _strings,
    "integer": _integers,
    "number": _numbers,
    "boolean": _booleans,
    "timestamp": _timestamps,
    "date": _dates,
}


def _one_by_one(field: Field, texts: pa.Array) -> pa.Array:
    """As the converters, with null for each value that stops them."""
    fitting = pc.match_substring_regex(texts, TYPE_PATTERNS[field.type])
    if field.type == "integer":
        fitting = pc.and_(fitting, pc.less_equal(pc.binary_length(texts), len(str(-INTEGER_LIMIT))))
    texts = pc.if_else(fitting, texts, pa.scalar(None, pa.string()))
    if field.type in TIME_PATTERNS:
        return pa.array([_time(field, written) for written in _strings(texts).to_pylist()], field.arrow_type)
    return _CONVERTERS[field.type](texts)


def _time(field: Field, written: str | None) -> date | None:
    if written is None or not re.fullmatch(TIME_PATTERNS[field.type], written):
        return None
    try:
        return datetime.fromisoformat(written) if field.type == "timestamp" else date.fromisoformat(written)
    except ValueError:
        return None


def _refused(field: Field, values: pa.Array) -> Mask:
    """Which values have the right type and are still not allowed."""
    bad: Mask = np.zeros(len(values), dtype=bool)
    if field.type == "string":
        if field.enum:
            bad |= ~_mask(pc.is_in(values, pa.array(field.enum, pa.string())), missing=True)
        if field.pattern:
            bad |= ~_mask(pc.match_substring_regex(values, field.pattern), missing=True)
        if field.max_length is not None and (pc.max(pc.binary_length(values)).as_py() or 0) > field.max_length:
            bad |= _mask(pc.greater(pc.utf8_length(values), field.max_length))
    elif field.type in ("integer", "number"):
        lowest, highest = _bounds(field)
        found = pc.min_max(values)
        in_bounds = found["min"].as_py() is None or (found["min"].as_py() >= lowest and found["max"].as_py() <= highest)
        if not in_bounds or (field.type == "number" and not _all(pc.is_finite(values))):
            within = pc.and_(pc.greater_equal(values, lowest), pc.less_equal(values, highest))
            bad |= ~_mask(within, missing=True)
    return bad


def _bounds(field: Field) -> tuple[float, float]:
    limit = INTEGER_LIMIT if field.type == "integer" else np.finfo(np.float64).max.item()
    lowest = -limit if field.minimum is None else max(field.minimum, -limit)
    highest = limit if field.maximum is None else min(field.maximum, limit)
    return lowest, highest


def _all(marks: pa.BooleanArray) -> bool:
    return bool(pc.all(marks, min_count=0).as_py())


def _mask(marks: pa.BooleanArray, *, missing: bool = False) -> Mask:
    """Arrow's booleans as numpy's, with an answer for nulls."""
    if marks.null_count:
        marks = pc.fill_null(marks, missing)
    mask: Mask = marks.to_numpy(zero_copy_only=False)
    return mask
