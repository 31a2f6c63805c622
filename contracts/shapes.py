"""How values have to be written in JSON: known once, for the fast reader and the exact one."""

from collections.abc import Mapping

from contracts.model import FieldType

# Over the JSON text of one value. Where a pattern does not match, the value is of another type.
TYPE_PATTERNS: Mapping[FieldType, str] = {
    "string": '^"',
    "integer": "^-?[0-9]+$",
    "number": r"^-?[0-9][0-9.eE+\-]*$",
    "boolean": "^(true|false)$",
    "timestamp": '^"',
    "date": '^"',
}

# Over the characters of a string that is a time. Four-digit years from 1000 on: what every reader of the lake can hold.
TIME_PATTERNS: Mapping[FieldType, str] = {
    "timestamp": r"^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    "date": "^[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}$",
}

INTEGER_LIMIT = 2**53 - 1
"""Larger whole numbers are not read alike by all JSON readers (RFC 8259, section 6)."""
