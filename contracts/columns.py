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

from contracts.model import Field, FieldType
from contracts.shapes import INTEGER_LIMIT, TIME_PATTERNS, TYPE_PATTERNS

Mask = npt.NDArray[np.bool_]
Sizes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """One field of many messages. `bad` marks the values that the field does not allow, missing ones included."""

    values: pa.Array
    bad: Mask


def convert(field: Field, texts: pa.Array, *, escaped: bool) -> Column:
    """The typed values of a field from the JSON text of each (null where there was none).

    `escaped` says that some string may hold a backslash. Reads every value as `explaining` does, in bulk.
    """
    try:
        values = _CONVERTERS[field.type](texts, escaped)
    except pa.ArrowInvalid:
        values = _one_by_one(field, texts, escaped=escaped)
    bad = _refused(field, values)
    if escaped and field.type == "string":
        bad |= _mask(pc.match_substring(values, "\x00"))
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


def _strings(texts: pa.Array, escaped: bool) -> pa.Array:  # noqa: FBT001 - the converters share a signature
    if not pc.all(pc.starts_with(texts, '"'), min_count=0).as_py():
        raise pa.ArrowInvalid("not all are strings")
    values = pc.binary_slice(texts.cast(pa.binary()), 1, -1).cast(pa.string())
    if escaped:
        with_escapes = pc.fill_null(pc.match_substring(texts, "\\"), fill_value=False)
        read = [json.loads(text) for text in texts.filter(with_escapes).to_pylist()]
        values = pc.replace_with_mask(values, with_escapes, pa.array(read, pa.string()))
    return values


def _integers(texts: pa.Array, escaped: bool) -> pa.Array:  # noqa: ARG001, FBT001 - as above
    return texts.cast(pa.int64())


def _numbers(texts: pa.Array, escaped: bool) -> pa.Array:  # noqa: ARG001, FBT001 - as above
    return texts.cast(pa.float64())


def _booleans(texts: pa.Array, escaped: bool) -> pa.Array:  # noqa: ARG001, FBT001 - as above
    if not pc.all(pc.match_substring_regex(texts, TYPE_PATTERNS["boolean"]), min_count=0).as_py():
        raise pa.ArrowInvalid("not all are booleans")
    return pc.equal(texts, "true")


def _timestamps(texts: pa.Array, escaped: bool) -> pa.Array:  # noqa: FBT001 - as above
    return _times(texts, "timestamp", pa.timestamp("us", tz="UTC"), escaped=escaped)


def _dates(texts: pa.Array, escaped: bool) -> pa.Array:  # noqa: FBT001 - as above
    return _times(texts, "date", pa.date32(), escaped=escaped)


def _times(texts: pa.Array, kind: FieldType, arrow_type: pa.DataType, *, escaped: bool) -> pa.Array:
    written = _strings(texts, escaped)
    if not pc.all(pc.match_substring_regex(written, TIME_PATTERNS[kind]), min_count=0).as_py():
        raise pa.ArrowInvalid(f"not all are a {kind}")
    return written.cast(arrow_type)


_CONVERTERS: dict[FieldType, Callable[[pa.Array, bool], pa.Array]] = {
    "string": _strings,
    "integer": _integers,
    "number": _numbers,
    "boolean": _booleans,
    "timestamp": _timestamps,
    "date": _dates,
}


def _one_by_one(field: Field, texts: pa.Array, *, escaped: bool) -> pa.Array:
    """As the converters, with null for each value that stops them."""
    fitting = pc.match_substring_regex(texts, TYPE_PATTERNS[field.type])
    if field.type == "integer":
        fitting = pc.and_(fitting, pc.less_equal(pc.binary_length(texts), len(str(-INTEGER_LIMIT))))
    texts = pc.if_else(fitting, texts, pa.scalar(None, pa.string()))
    if field.type in TIME_PATTERNS:
        return pa.array([_time(field, written) for written in _strings(texts, escaped).to_pylist()], field.arrow_type)
    return _CONVERTERS[field.type](texts, escaped)


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
        if not in_bounds or (field.type == "number" and not pc.all(pc.is_finite(values), min_count=0).as_py()):
            within = pc.and_(pc.greater_equal(values, lowest), pc.less_equal(values, highest))
            bad |= ~_mask(within, missing=True)
    return bad


def _bounds(field: Field) -> tuple[float, float]:
    limit = INTEGER_LIMIT if field.type == "integer" else np.finfo(np.float64).max.item()
    lowest = -limit if field.minimum is None else max(field.minimum, -limit)
    highest = limit if field.maximum is None else min(field.maximum, limit)
    return lowest, highest


def _mask(marks: pa.BooleanArray, *, missing: bool = False) -> Mask:
    """Arrow's booleans as numpy's, with an answer for nulls."""
    if marks.null_count:
        marks = pc.fill_null(marks, missing)
    mask: Mask = marks.to_numpy(zero_copy_only=False)
    return mask
