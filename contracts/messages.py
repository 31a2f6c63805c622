"""The message of a contract: from the properties of its schema to fields and arrays."""

import re
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from contracts.documents import Document, Place
from contracts.model import ARROW_TYPES, Array, Field, FieldType, Record

# What every message carries, whatever it is about.
ENVELOPE: Mapping[str, FieldType] = {
    "schema_version": "string",
    "event_id": "string",
    "store_id": "string",
    "register_id": "string",
    "epoch": "string",
    "seq": "integer",
    "event_time": "timestamp",
    "business_date": "date",
}

# The options that the decoder holds a value to; another one would be a promise nobody keeps.
_OPTIONS: Mapping[FieldType, frozenset[str]] = {
    "string": frozenset({"pattern", "maxLength"}),
    "integer": frozenset({"minimum", "maximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset(),
    "timestamp": frozenset({"format", "timezone", "defaultTimezone"}),
    "date": frozenset({"format"}),
}
_FORMATS = {"timestamp": "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "date": "yyyy-MM-dd"}

NAME = re.compile(r"[a-z][a-z0-9_]*")


def message(document: Document, schema: Mapping[str, Any]) -> Record:
    """Fields and arrays of the message; what is wrong with them becomes findings of the document."""
    fields, arrays = [], []
    place: Place = ("schema", 0, "properties")
    for index, element in enumerate(schema.get("properties") or []):
        if element.get("logicalType") == "array":
            arrays.append(_array(document, (*place, index), element))
        else:
            fields.append(_field(document, (*place, index), element))
    names = [field.name for field in fields] + [array.name for array in arrays]
    for name in sorted({name for name in names if names.count(name) > 1}):
        document.fault(place, f"describes {name} twice")
    types = {field.name: field for field in fields}
    for name, expected in ENVELOPE.items():
        if name not in types:
            document.fault(place, f"lacks {name}, which every message carries")
        elif types[name].type != expected or not types[name].required:
            document.fault(place, f"{name} must be a required {expected}")
    return Record(tuple(fields), tuple(arrays))


def _array(document: Document, place: Place, element: Mapping[str, Any]) -> Array:
    items = element.get("items") or {}
    table = custom_properties(document, place, element).get("table", "")
    if not NAME.fullmatch(str(table)):
        document.fault(place, "needs the custom property `table`: where its items go (lower case, digits, _)")
    if items.get("logicalType") != "object" or not items.get("properties"):
        document.fault((*place, "items"), "must be an object with properties")
    elif not any(item.get("required") for item in items["properties"]):
        # Else an item that is no object could not be told from one whose fields are all left out.
        document.fault((*place, "items"), "must have at least one required field")
    if not element.get("required"):
        document.fault(place, "must be required; a message without items has an empty list")
    if element.get("logicalTypeOptions"):
        document.fault((*place, "logicalTypeOptions"), "would be ignored; write a quality rule instead")
    return Array(
        name=_name(document, place, element),
        table=str(table),
        items=tuple(
            _field(document, (*place, "items", "properties", index), item)
            for index, item in enumerate(items.get("properties") or [])
        ),
        description=element.get("description", ""),
    )


def _field(document: Document, place: Place, element: Mapping[str, Any]) -> Field:
    kind: FieldType = element.get("logicalType", "")
    if kind not in ARROW_TYPES:
        document.fault(place, f"logicalType {kind} is none of {', '.join(ARROW_TYPES)}")
        kind = "string"
    options = element.get("logicalTypeOptions") or {}
    for option, value in options.items():
        at = (*place, "logicalTypeOptions", option)
        if option not in _OPTIONS[kind]:
            document.fault(at, "would be ignored; write a quality rule instead")
        elif option == "format" and value != _FORMATS[kind]:
            document.fault(at, f"must be {_FORMATS[kind]}: every feed writes its {kind}s alike")
        elif option == "pattern":
            _check_pattern(document, at, value)
    return Field(
        name=_name(document, place, element),
        type=kind,
        column=element.get("physicalName") or element["name"],
        required=bool(element.get("required")),
        minimum=options.get("minimum"),
        maximum=options.get("maximum"),
        pattern=options.get("pattern"),
        max_length=options.get("maxLength"),
        enum=_enum(document, place, element),
        description=element.get("description", ""),
    )


def _name(document: Document, place: Place, element: Mapping[str, Any]) -> str:
    for key in ("name", "physicalName"):
        if not NAME.fullmatch(element.get(key, "x")):
            document.fault((*place, key), "must be lower case letters, digits and _, beginning with a letter")
    name: str = element["name"]
    return name


def _check_pattern(document: Document, place: Place, pattern: str) -> None:
    """The same pattern is used by Python and by RE2, and must say itself where it begins and ends."""
    try:
        re.compile(pattern)
        pc.match_substring_regex(pa.array([""]), pattern)
    except (re.error, pa.ArrowInvalid) as error:
        document.fault(place, f"is no pattern: {error}")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        document.fault(place, "must begin with ^ and end with $: it describes the whole value")


def _enum(document: Document, place: Place, element: Mapping[str, Any]) -> tuple[str, ...]:
    values: tuple[str, ...] = ()
    for index, check in enumerate(element.get("quality") or []):
        valid = (check.get("arguments") or {}).get("validValues")
        if check.get("metric") != "invalidValues" or check.get("mustBe") != 0 or not isinstance(valid, list):
            document.fault((*place, "quality", index), "is not understood here: metric invalidValues, mustBe 0 is")
        elif element.get("logicalType") != "string" or not all(isinstance(value, str) for value in valid):
            document.fault((*place, "quality", index), "lists valid values of something that is no string")
        else:
            values = tuple(valid)
    return values


def custom_properties(document: Document, place: Place, element: Mapping[str, Any]) -> dict[str, Any]:
    """An element's custom properties by name."""
    known = {"kafkaTopic", "inherit", "exports", "table"}
    values = {}
    for index, item in enumerate(element.get("customProperties") or []):
        values[item["property"]] = item["value"]
        if item["property"] not in known:
            document.fault((*place, "customProperties", index), f"{item['property']} means nothing here")
    return values
