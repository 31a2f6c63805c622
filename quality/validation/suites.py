"""Suites from contracts: what the file says of a message, asked again of the rows in the tables.

The decoder has refused every message that breaks its contract, so in a sound lake none of this is ever violated. It is
what would notice a fault of the decoder, of a job, of a writer that is not ours, or of storage.
"""

import re
from collections.abc import Iterator

from contracts import Contract
from contracts.model import MESSAGE_COLUMNS, ROW_KEY, Field, Rule, Table
from contracts.shapes import INTEGER_LIMIT
from contracts.sql import literal, quote
from quality.validation import handwritten
from quality.validation.checks import Check, GroupCheck, Suite

KEYS = ("kafka_topic_id", "kafka_partition", "kafka_offset", "ordinal")
"""What joins the rows of a message. Where one of these is null, rows cannot be put together."""


def suites(contract: Contract) -> list[Suite]:
    """One for each table of the feed."""
    return [
        Suite(
            feed=contract.feed,
            table=table.name,
            checks=(*_row_checks(contract, table), *handwritten.checks(contract, table)),
            groups=tuple(_group_checks(contract, table)),
        )
        for table in contract.tables
    ]


def _row_checks(contract: Contract, table: Table) -> Iterator[Check]:
    shown = ("event_id", "kafka_partition", "kafka_offset", "ordinal")
    kafka = [*ROW_KEY, *(MESSAGE_COLUMNS if not table.source else ())]
    required = [column.name for column in kafka]
    required += [field.column for field in (*table.inherit, *table.fields) if field.required]
    for column in required:
        yield Check(f"{column}.not_null", f"{column} is never null", f"{quote(column)} IS NULL", shown)
    for field in (*table.inherit, *table.fields):
        yield from _field_checks(field, (*shown, field.column))
    if not table.source:
        for rule in contract.rules:
            if not _arrays_in(contract, rule):
                yield Check(
                    f"rule.{rule.name}",
                    rule.description or rule.name,
                    f"NOT ({_renamed(contract, rule)})",
                    (*shown, *_fields_in(contract, rule)),
                    rule.severity,
                )


def _field_checks(field: Field, shown: tuple[str, ...]) -> Iterator[Check]:
    column = quote(field.column)
    if field.enum:
        listed = ", ".join(literal(value) for value in field.enum)
        yield Check(
            f"{field.column}.one_of", f"{field.column} is one of {listed}", f"{column} NOT IN ({listed})", shown
        )
    if field.pattern:
        violated = f"NOT regexp_matches({column}, {literal(field.pattern)})"
        yield Check(f"{field.column}.pattern", f"{field.column} looks like {field.pattern}", violated, shown)
    if field.max_length is not None:
        violated = f"length({column}) > {field.max_length}"
        yield Check(
            f"{field.column}.length", f"{field.column} has at most {field.max_length} characters", violated, shown
        )
    if field.type in ("integer", "number"):
        lowest = field.minimum if field.minimum is not None else -INTEGER_LIMIT if field.type == "integer" else None
        highest = field.maximum if field.maximum is not None else INTEGER_LIMIT if field.type == "integer" else None
        limits = [f"{column} < {_number(lowest)}"] if lowest is not None else []
        limits += [f"{column} > {_number(highest)}"] if highest is not None else []
        limits += [f"NOT isfinite({column})"] if field.type == "number" else []
        yield Check(f"{field.column}.range", f"{field.column} is in its range", " OR ".join(limits), shown)


def _group_checks(contract: Contract, table: Table) -> Iterator[GroupCheck]:
    key = ("event_id",) if not table.source else ("event_id", "ordinal")
    yield GroupCheck(
        "unique",
        f"no two rows of a partition have the same {' and '.join(key)}",
        _unique(key),
    )
    if table.source:
        yield GroupCheck(
            "has_its_message",
            f"every row belongs to a row of {contract.parent.name}",
            _parentless(contract.parent.name),
            (contract.parent.name,),
        )
        return
    for rule in contract.rules:
        if arrays := _arrays_in(contract, rule):
            yield GroupCheck(
                f"rule.{rule.name}",
                rule.description or rule.name,
                _broken_rule(contract, rule, arrays),
                tuple(arrays.values()),
                rule.severity,
            )


def _unique(key: tuple[str, ...]) -> str:
    columns = ", ".join(key)
    first = key[0]
    return f"""
        SELECT hour, sum(times - 1)::BIGINT AS violations,
               list({{'{first}': {first}, 'rows': times}})[1:5] AS sample
        FROM (SELECT hour, {columns}, count(*) AS times FROM rows
              WHERE {first} IS NOT NULL AND $bucket({first}) GROUP BY ALL HAVING count(*) > 1)
        GROUP BY hour"""  # noqa: S608 - of the contract's own names


def _parentless(parent: str) -> str:
    return f"""
        SELECT hour, count(*) AS violations,
               list({{'event_id': event_id, 'kafka_partition': kafka_partition, 'kafka_offset': kafka_offset}})[1:5]
               AS sample
        FROM (SELECT hour, event_id, topic, kafka_partition, kafka_offset FROM rows WHERE $bucket(kafka_offset))
        ANTI JOIN (SELECT hour, topic, kafka_partition, kafka_offset FROM {quote(parent)} WHERE $bucket(kafka_offset))
        USING (hour, topic, kafka_partition, kafka_offset)
        GROUP BY hour"""  # noqa: S608 - as above


def _broken_rule(contract: Contract, rule: Rule, arrays: dict[str, str]) -> str:
    """The rule, with the message's lists put together again from the child tables.

    A message one of whose items has a null where none may be, or is there twice, is left to the checks that say so.
    """
    expression = _renamed(contract, rule)
    joins, conditions, columns = [], [], []
    for number, (array, table) in enumerate(arrays.items()):
        items = next(each for each in contract.tables if each.name == table)
        used = [field for field in items.fields if re.search(rf"\b{field.name}\b", rule.expression)]
        struct = ", ".join(f"{literal(field.name)}: {quote(field.column)}" for field in used)
        nulls = " OR ".join(f"{quote(field.column)} IS NULL" for field in used if field.required) or "false"
        joins.append(f"""
            LEFT JOIN (
                SELECT hour, topic, kafka_partition, kafka_offset, list({{{struct}}}) AS {quote(array)},
                       bool_or({nulls}) OR count(*) > max(ordinal) + 1 AS unfit
                FROM {quote(table)} WHERE $bucket(kafka_offset) GROUP BY ALL
            ) AS items{number} USING (hour, topic, kafka_partition, kafka_offset)""")  # noqa: S608 - as above
        conditions.append(f"coalesce(NOT items{number}.unfit, true)")
        columns.append(f"coalesce(items{number}.{quote(array)}, []) AS {quote(array)}")
    own = [field for field in contract.parent.fields if field.column in _fields_in(contract, rule)]
    columns += [f"m.{quote(field.column)}" for field in own]
    return f"""
        SELECT hour, count(*) AS violations, list({{'event_id': event_id, 'kafka_offset': kafka_offset}})[1:5] AS sample
        FROM (
            SELECT hour, m.event_id AS event_id, kafka_offset, {", ".join(columns)}
            FROM (SELECT * FROM rows WHERE $bucket(kafka_offset)) AS m {"".join(joins)}
            WHERE {" AND ".join(conditions)}
        ) WHERE NOT ({expression}) GROUP BY hour"""  # noqa: S608 - as above


def _arrays_in(contract: Contract, rule: Rule) -> dict[str, str]:
    """By name in the message: the tables of the lists that a rule speaks of."""
    return {
        array.name: array.table for array in contract.event.arrays if re.search(rf"\b{array.name}\b", rule.expression)
    }


def _fields_in(contract: Contract, rule: Rule) -> tuple[str, ...]:
    return tuple(field.column for field in contract.parent.fields if re.search(rf"\b{field.name}\b", rule.expression))


def _renamed(contract: Contract, rule: Rule) -> str:
    """The rule with the columns' names for the message's."""
    expression = rule.expression
    for field in contract.parent.fields:
        if field.column != field.name:
            expression = re.sub(rf"\b{field.name}\b", quote(field.column), expression)
    return expression


def _number(value: float) -> str:
    return repr(int(value)) if float(value).is_integer() else repr(value)
