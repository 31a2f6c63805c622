"""Why one message breaks its contract, field by field, and what it holds that the contract does not know."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from contracts import reasons
from contracts.model import Contract, Field
from contracts.shapes import INTEGER_LIMIT, TIME_PATTERNS
from contracts.strict_json import Json, NotJsonError, Number, dump, parse

_SHOWN_CHARACTERS = 60
_LONGEST_INTEGER = len(str(-INTEGER_LIMIT))
_INTEGER = re.compile(r"-?[0-9]+")
_VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}", re.ASCII)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: its reason code, the field as a path ("" for the whole message), and in words."""

    reason: str
    field: str
    detail: str

    def __str__(self) -> str:
        return f"{self.field} {self.detail}" if self.field else self.detail


def explain(contract: Contract, text: str) -> tuple[Fault, ...]:
    """Every fault in what the contract knows of a message, its rules left aside; none where it keeps the contract.

    Never raises.
    """
    try:
        value = parse(text)
        if not isinstance(value, dict):
            return (Fault(reasons.WRONG_TYPE, "", f"the message is {_shown(value)}, not an object"),)
        version = value.get("schema_version")
        if _is_other_version(contract, version):
            detail = f"is {version}; this contract reads {contract.major}.x"
            return (Fault(reasons.UNKNOWN_SCHEMA_VERSION, "schema_version", detail),)
        return tuple(_faults(contract, value))
    except NotJsonError as error:
        return (Fault(reasons.NOT_JSON, "", str(error)),)


def unknown_fields(contract: Contract, text: str) -> str | None:
    """What the contract does not know of a message, as JSON of the same shape; None where it knows everything.

    Raises NotJsonError where the text is no JSON, or says a key twice.
    """
    value = parse(text)
    if not isinstance(value, dict):
        raise NotJsonError("the message is not an object")
    known, items = contract.event.field_names, contract.event.item_names
    unknown: dict[str, Json] = {}
    for name, part in value.items():
        if name in items and isinstance(part, list):
            rest: list[Json] = [_without(item, items[name]) for item in part]
            if any(rest):
                unknown[name] = rest
        elif name not in known:
            unknown[name] = part
    return dump(unknown) if unknown else None


def _without(item: Json, known: frozenset[str]) -> Json:
    if not isinstance(item, dict) or item.keys() <= known:
        return {}
    return {key: value for key, value in item.items() if key not in known}


def _faults(contract: Contract, value: dict[str, Json]) -> Iterator[Fault]:
    yield from _record_faults(contract.event.fields, "", value)
    for array in contract.event.arrays:
        items = value.get(array.name)
        if items is None:
            yield Fault(reasons.MISSING_FIELD, array.name, "is missing")
        elif not isinstance(items, list):
            yield Fault(reasons.WRONG_TYPE, array.name, f"is {_shown(items)}, not a list")
        else:
            for index, item in enumerate(items):
                place = f"{array.name}[{index}]"
                if isinstance(item, dict):
                    yield from _record_faults(array.items, f"{place}.", item)
                else:
                    yield Fault(reasons.WRONG_TYPE, place, f"is {_shown(item)}, not an object")


def _record_faults(fields: Sequence[Field], prefix: str, record: dict[str, Json]) -> Iterator[Fault]:
    for field in fields:
        value = record.get(field.name)
        if value is None:
            if field.required:
                yield Fault(reasons.MISSING_FIELD, prefix + field.name, "is missing")
        elif not _has_type(field, value):
            yield Fault(reasons.WRONG_TYPE, prefix + field.name, f"is {_shown(value)}, not of type {field.type}")
        elif problem := _problem(field, str(value)):
            yield Fault(reasons.INVALID_VALUE, prefix + field.name, f"is {_shown(value)}; {problem}")


def _has_type(field: Field, value: Json) -> bool:
    if isinstance(value, Number):
        return field.type == "number" or (field.type == "integer" and _INTEGER.fullmatch(value) is not None)
    if isinstance(value, bool):
        return field.type == "boolean"
    return isinstance(value, str) and field.type in ("string", "timestamp", "date")


def _problem(field: Field, written: str) -> str | None:
    """What is wrong with a value of the right type."""
    match field.type:
        case "string":
            return _string_problem(field, written)
        case "integer" | "number":
            return _number_problem(field, written)
        case "timestamp":
            return None if _is_time(field, written) else "a time is written YYYY-MM-DDTHH:MM:SS.mmmZ"
        case "date":
            return None if _is_time(field, written) else "a date is written YYYY-MM-DD"
        case "boolean":
            return None


def _number_problem(field: Field, written: str) -> str | None:
    number = float(written)
    if field.type == "integer" and (len(written) > _LONGEST_INTEGER or abs(int(written)) > INTEGER_LIMIT):
        return f"integers go up to {INTEGER_LIMIT} either way"
    if not math.isfinite(number):
        return "no such number can be stored"
    if field.minimum is not None and number < field.minimum:
        return f"the minimum is {field.minimum}"
    if field.maximum is not None and number > field.maximum:
        return f"the maximum is {field.maximum}"
    return None


def _string_problem(field: Field, written: str) -> str | None:
    if "\x00" in written:
        return "the character NUL cannot be stored"
    if field.enum and written not in field.enum:
        return f"it must be one of {', '.join(field.enum)}"
    if field.max_length is not None and len(written) > field.max_length:
        return f"at most {field.max_length} characters are allowed"
    if field.pattern and not _compiled(field.pattern).fullmatch(written):
        return f"it must match {field.pattern}"
    return None


def _is_time(field: Field, written: str) -> bool:
    if not _compiled(TIME_PATTERNS[field.type]).fullmatch(written):
        return False
    try:
        (datetime if field.type == "timestamp" else date).fromisoformat(written)
    except ValueError:
        return False
    return True


def _is_other_version(contract: Contract, version: Json) -> bool:
    if isinstance(version, Number) or not isinstance(version, str) or not _VERSION.fullmatch(version):
        return False
    return not version.startswith(f"{contract.major}.")


def _shown(value: Json) -> str:
    written = dump(value)
    return written if len(written) <= _SHOWN_CHARACTERS else f"{written[:_SHOWN_CHARACTERS]}…"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)
