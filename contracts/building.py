"""From a document that keeps the standard to a contract that keeps our own rules, too."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

import duckdb

from contracts.documents import Document, Place
from contracts.messages import NAME, custom_properties, message
from contracts.model import Access, Contract, Expected, Export, ExportFormat, Record, Role, Rule, Severity, Table, Topic
from contracts.sql import columns, quote
from contracts.standard import API_VERSION

ENGINE = "tillstream"

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

    event = message(document, schema[0])
    custom = custom_properties(document, (), data)
    freshness_seconds = _sla(document, "freshness", "s")
    cutoff_hours = _sla(document, "cutoff", "h")
    retention_days = _sla(document, "retention", "d") if _has_sla(document, "retention") else None
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
        expected=_expected(document, custom.get("expected", {})),
        retention_days=retention_days,
    )
    return None if document.findings else contract


def _tables(document: Document, event: Record, parent: str | None, inherit: Sequence[str]) -> tuple[Table, ...]:
    if not parent or not NAME.fullmatch(parent):
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
            if not NAME.fullmatch(check.get("name", "")):
                document.fault(place, "needs a name of lower case letters, digits and _: it becomes the reason")
                continue
            severity = check.get("severity", "error")
            if severity not in get_args(Severity):
                document.fault((*place, "severity"), f"must be one of {', '.join(get_args(Severity))}")
                continue
            rule = Rule(check["name"], str(check["implementation"]), check.get("description", ""), severity)
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


def _has_sla(document: Document, name: str) -> bool:
    return any(sla["property"] == name for sla in document.data.get("slaProperties") or [])


def _expected(document: Document, value: Any) -> Expected:  # noqa: ANN401 - as above
    place: Place = ("customProperties",)
    numbers = {"volume_lowest": (0.0, 1.0), "volume_highest": (1.0, float("inf")), "late_share": (0.0, 1.0)}
    if not isinstance(value, dict) or not set(value) <= {*numbers, "severities"}:
        document.fault(place, f"expected knows {', '.join(numbers)} and severities")
        return Expected()
    for name, (lowest, highest) in numbers.items():
        found = value.get(name, lowest)
        if isinstance(found, bool) or not isinstance(found, int | float) or not lowest <= found <= highest:
            document.fault(place, f"expected's {name} must be a number from {lowest} to {highest}")
            return Expected()
    severities = value.get("severities", {})
    if not isinstance(severities, dict) or not set(severities.values()) <= set(get_args(Severity)):
        document.fault(place, f"expected's severities must be expectations with {' or '.join(get_args(Severity))} each")
        return Expected()
    return Expected(**value)


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
