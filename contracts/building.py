"""From a document that keeps the standard to a contract that keeps our own rules, too."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from contracts.documents import Document, Place
from contracts.model import (
    ARROW_TYPES,
    Access,
    Array,
    Contract,
    Export,
    ExportFormat,
    Field,
    FieldType,
    Record,
    Role,
    Rule,
    Table,
    Topic,
)
from contracts.sql import columns, quote
from contracts.standard import API_VERSION

ENGINE = "tillstream"

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

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FEED = re.compile(r"[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+")
_VERSION = re.compile(r"[1-9][0-9]*\.[0-9]+\.[0-9]+")


def build(document: Document) -> Contract | None:
    """The contract of a document that keeps the standard; None where it breaks a rule, which is then a finding."""
    data = document.data
    if data["apiVersion"] != API_VERSION:
        document.fault(("apiVersion",), f"is {data['apiVersion']}; the contracts here are written in {API_VERSION}")
    if not _FEED.fullmatch(data["id"]):
        document.fault(("id",), "names no feed: lower-case words joined by dots, such as pos.receipts")
    if not _VERSION.fullmatch(str(data["version"])):
        document.fault(("version",), "is no version: three numbers joined by dots, the first at least 1")
    schema = data.get("schema") or []
    if len(schema) != 1:
        document.fault(("schema",), f"describes {len(schema)} objects; a feed has one kind of message")
    if document.findings:
        return None

    event = _event(document, schema[0])
    custom = _custom(document, (), data)
    freshness_seconds = _sla(document, "freshness", "s")
    cutoff_hours = _sla(document, "cutoff", "h")
    if document.findings:
        return None
    tables = _tables(document, event, schema[0].get("physicalName"), custom.get("inherit", []))
    contract = Contract(
        feed=data["id"],
        version=data["version"],
        description=(data.get("description") or {}).get("purpose", "").strip(),
        owner=_owner(document),
        topic=_topic(document, custom.get("kafkaTopic")),
        event=event,
        tables=tables,
        rules=_rules(document, event, schema[0].get("quality") or []),
        roles=_roles(document),
        exports=_exports(document, tables, custom.get("exports", [])),
        freshness_seconds=freshness_seconds,
        cutoff_hours=cutoff_hours,
    )
    return None if document.findings else contract


def _custom(document: Document, place: Place, element: Mapping[str, Any]) -> dict[str, Any]:
    known = {"kafkaTopic", "inherit", "exports", "table"}
    values = {}
    for index, item in enumerate(element.get("customProperties") or []):
        values[item["property"]] = item["value"]
        if item["property"] not in known:
            document.fault((*place, "customProperties", index), f"{item['property']} means nothing here")
    return values


def _event(document: Document, schema: Mapping[str, Any]) -> Record:
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
    table = _custom(document, place, element).get("table", "")
    if not _NAME.fullmatch(str(table)):
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
        if not _NAME.fullmatch(element.get(key, "x")):
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


def _tables(document: Document, event: Record, parent: str | None, inherit: Sequence[str]) -> tuple[Table, ...]:
    if not parent or not _NAME.fullmatch(parent):
        document.fault(("schema", 0), "needs a physicalName: the table of its messages (lower case, digits, _)")
        return ()
    by_name = {field.name: field for field in event.fields}
    for name in inherit:
        if name not in by_name:
            document.fault(("customProperties",), f"inherit names {name}, which no message has")
    inherited = tuple(by_name[name] for name in inherit if name in by_name)
    tables = (
        *(Table(array.table, array.items, array.name, inherited) for array in event.arrays),
        Table(parent, event.fields, "", ()),
    )
    for table in tables:
        names = table.arrow_schema().names
        for name in sorted({name for name in names if names.count(name) > 1}):
            document.fault(("schema", 0), f"table {table.name} has two columns {name}; give one a physicalName")
    return tables


def _rules(document: Document, event: Record, checks: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    rules = []
    typed = ", ".join(f"{quote(name)} {kind}" for name, kind in columns(event).items())
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE event ({typed})")
        for index, check in enumerate(checks):
            place: Place = ("schema", 0, "quality", index)
            if check.get("type") != "custom" or check.get("engine") != ENGINE:
                document.fault(place, f"would be ignored: a rule here is custom, with engine {ENGINE}")
                continue
            if not _NAME.fullmatch(check.get("name", "")):
                document.fault(place, "needs a name of lower case letters, digits and _: it becomes the reason")
                continue
            rule = Rule(check["name"], str(check["implementation"]), check.get("description", ""))
            _check_rule(document, (*place, "implementation"), connection, rule)
            rules.append(rule)
    names = [rule.name for rule in rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        document.fault(("schema", 0, "quality"), f"has two rules named {name}")
    return tuple(rules)


def _check_rule(document: Document, place: Place, connection: duckdb.DuckDBPyConnection, rule: Rule) -> None:
    try:
        # The second column refuses aggregates: a rule is about one message.
        kind = connection.sql(f"SELECT ({rule.expression}) AS holds, event_id FROM event").types[0]  # noqa: S608 - a reviewed file
    except duckdb.Error as error:
        document.fault(place, f"is no expression over one message: {str(error).splitlines()[0]}")
        return
    if str(kind) != "BOOLEAN":
        document.fault(place, f"is a {kind}, and a rule is true or false")


def _topic(document: Document, value: Any) -> Topic:  # noqa: ANN401 - a custom property may hold anything
    place: Place = ("customProperties",)
    feed, major = document.data["id"], document.data["version"].split(".")[0]
    if not isinstance(value, dict) or set(value) != {"name", "partitions", "config"}:
        document.fault(place, "kafkaTopic must have name, partitions and config")
        return Topic("", 0, {})
    if value["name"] != f"{feed}.v{major}":
        document.fault(place, f"kafkaTopic's name must be {feed}.v{major}: another major version is another topic")
    if not isinstance(value["partitions"], int) or value["partitions"] < 1:
        document.fault(place, "kafkaTopic's partitions must be a number, at least 1")
    config = value["config"]
    if not isinstance(config, dict) or not all(isinstance(setting, str) for setting in config.values()):
        document.fault(place, 'kafkaTopic\'s config must hold strings, as Kafka does ("604800000", not 604800000)')
    return Topic(value["name"], value["partitions"], config)


def _owner(document: Document) -> str:
    team = document.data.get("team")
    if not isinstance(team, dict) or not team.get("name"):
        document.fault(("team",), "needs a name: who answers for this feed")
        return ""
    return str(team["name"])


def _roles(document: Document) -> tuple[Role, ...]:
    roles = []
    for index, role in enumerate(document.data.get("roles") or []):
        if role.get("access") not in get_args(Access):
            document.fault(("roles", index, "access"), f"must be one of {', '.join(get_args(Access))}")
        roles.append(Role(role["role"], role.get("access")))
    for access in get_args(Access):
        if not any(role.access == access for role in roles):
            document.fault(("roles",), f"nobody may {access}")
    return tuple(roles)


def _sla(document: Document, name: str, unit: str) -> int:
    for index, sla in enumerate(document.data.get("slaProperties") or []):
        if sla["property"] == name:
            value = sla["value"]
            if sla.get("unit") != unit or isinstance(value, bool) or not isinstance(value, int) or value < 1:
                document.fault(("slaProperties", index), f"{name} must be a whole number of at least 1, unit {unit}")
                return 0
            return value
    document.fault(("slaProperties",), f"lacks {name}")
    return 0


def _exports(document: Document, tables: Sequence[Table], value: Any) -> tuple[Export, ...]:  # noqa: ANN401 - as above
    exports = []
    for item in value if isinstance(value, list) else [value]:
        known = isinstance(item, dict) and set(item) == {"table", "format"}
        if not known or item["table"] not in {table.name for table in tables}:
            document.fault(("customProperties",), "exports must list a table of this contract and a format each")
        elif item["format"] not in get_args(ExportFormat):
            document.fault(("customProperties",), f"exports know the formats {', '.join(get_args(ExportFormat))}")
        else:
            exports.append(Export(item["table"], item["format"]))
    return tuple(exports)
