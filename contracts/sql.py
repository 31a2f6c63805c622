"""How a contract's message looks to DuckDB, where rules are evaluated and payloads decoded."""

from collections.abc import Mapping

from contracts.model import FieldType, Record

SQL_TYPES: Mapping[FieldType, str] = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMPTZ",
    "date": "DATE",
}


def quote(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def columns(record: Record) -> dict[str, str]:
    """The message as typed columns: the ones a rule's expression may use."""
    typed = {field.name: SQL_TYPES[field.type] for field in record.fields}
    for array in record.arrays:
        items = ", ".join(f"{quote(item.name)} {SQL_TYPES[item.type]}" for item in array.items)
        typed[array.name] = f"STRUCT({items})[]"
    return typed
