"""What contracts are accepted, and what is said about those that are not."""

import pickle
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from contracts import Contract, load
from contracts.errors import ContractError, Finding
from contracts.loading import default_directory
from contracts.model import Export
from tests.support.events import FEEDS

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the smallest contract, to be broken."""
    shutil.copy(default_directory() / "store.operations.odcs.yaml", tmp_path)
    return tmp_path


def findings_after(directory: Path, change: Change) -> tuple[Finding, ...]:
    file = directory / "store.operations.odcs.yaml"
    data = yaml.safe_load(file.read_text())
    change(data)
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    with pytest.raises(ContractError) as caught:
        load(directory)
    return caught.value.findings


def schema(data: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = data["schema"][0]
    return found


def field(data: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in schema(data)["properties"] if each["name"] == name)
    return found


def custom(data: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in data["customProperties"] if each["property"] == name)
    return found


def test_the_four_feeds_load(contracts: Mapping[str, Contract]):
    """The project's own contracts are the four feeds, and none has a finding."""
    assert set(contracts) == set(FEEDS)


def test_receipts_say_what_the_platform_needs(contracts: Mapping[str, Contract]):
    """Topic, tables in the order of commits, owner, rights, promises and deliveries come from the one file."""
    receipts = contracts["pos.receipts"]
    assert (receipts.topic.name, receipts.topic.partitions) == ("pos.receipts.v1", 6)
    assert receipts.topic.config["max.message.bytes"] == "2097152"
    assert [table.name for table in receipts.tables] == ["receipt_lines", "receipt_tenders", "receipts"]
    assert receipts.parent.name == "receipts"
    assert receipts.owner == "store-systems"
    assert receipts.who_may("produce") == ("stores",)
    assert set(receipts.who_may("consume")) == {"spark-ingest", "quality"}
    assert receipts.who_may("describe") == ("airflow-triggerer",)
    assert (receipts.freshness_seconds, receipts.cutoff_hours) == (60, 24)
    assert receipts.exports == (Export("receipt_lines", "orc"),)


def test_tables_have_the_lake_schema(contracts: Mapping[str, Contract]):
    """A child has the row key, what it inherits, its own fields and the partition columns; nothing is named twice."""
    tenders = contracts["pos.receipts"].tables[1]
    assert tenders.arrow_schema() == pa.schema(
        [
            ("kafka_topic_id", pa.string()),
            ("kafka_partition", pa.int32()),
            ("kafka_offset", pa.int64()),
            ("ordinal", pa.int32()),
            ("event_id", pa.string()),
            ("store_id", pa.string()),
            ("register_id", pa.string()),
            ("event_time", pa.timestamp("us", tz="UTC")),
            ("business_date", pa.date32()),
            ("type", pa.string()),
            ("currency", pa.string()),
            ("tender_no", pa.int64()),
            ("tender_type", pa.string()),
            ("amount", pa.int64()),
            ("dt", pa.date32()),
            ("hour", pa.int32()),
        ]
    )


def test_contracts_travel_to_workers(contracts: Mapping[str, Contract]):
    """A contract survives pickling, so that Spark can hand it to its workers."""
    for contract in contracts.values():
        assert pickle.loads(pickle.dumps(contract)) == contract  # noqa: S301 - our own bytes


def test_a_break_of_the_standard_is_found_with_its_line(directory: Path):
    """What the published schema forbids is reported with file, line, field and reason."""
    file = directory / "store.operations.odcs.yaml"
    text = file.read_text().replace("logicalType: timestamp", "logicalType: instant")
    file.write_text(text)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "instant" in each)
    with pytest.raises(ContractError) as caught:
        load(directory)
    (finding,) = caught.value.findings
    assert (finding.file, finding.line, finding.field) == (file, line, "schema[0].properties[6].logicalType")
    assert "'instant' is not one of" in finding.reason
    assert f"{file}:{line}: schema[0].properties[6].logicalType: " in str(caught.value)
    assert "tillstream contracts check" in str(caught.value)


def test_all_findings_of_all_files_come_at_once(directory: Path):
    """Two faults in one file and one in another are three findings of one error."""
    shutil.copy(default_directory() / "store.inventory.odcs.yaml", directory)
    inventory = directory / "store.inventory.odcs.yaml"
    inventory.write_text(inventory.read_text().replace("partitions: 3", "partitions: 0"))

    def change(data: dict[str, Any]) -> None:
        data["roles"][0]["access"] = "own"
        custom(data, "kafkaTopic")["value"]["name"] = "readings"

    found = findings_after(directory, change)
    assert {(finding.file.name, finding.field) for finding in found} >= {
        ("store.inventory.odcs.yaml", "customProperties"),
        ("store.operations.odcs.yaml", "customProperties"),
        ("store.operations.odcs.yaml", "roles[0].access"),
    }


def test_what_is_no_yaml_is_found_with_its_line(directory: Path):
    """A file that cannot be parsed is a finding at the line where the parser stopped."""
    (directory / "store.operations.odcs.yaml").write_text("id: a\nname: b: c\n")
    with pytest.raises(ContractError) as caught:
        load(directory)
    (finding,) = caught.value.findings
    assert finding.line == 2
    assert "cannot be read as YAML" in finding.reason


def test_a_key_that_stands_twice_is_found(directory: Path):
    """YAML would silently keep the last of two equal keys; here it is a finding."""
    file = directory / "store.operations.odcs.yaml"
    file.write_text(file.read_text() + "version: 2.0.0\n")
    with pytest.raises(ContractError) as caught:
        load(directory)
    assert [(finding.field, "stands twice" in finding.reason) for finding in caught.value.findings] == [
        ("version", True)
    ]


def test_an_empty_directory_is_a_finding(tmp_path: Path):
    """Where there is no contract, nothing loads as if all were well."""
    with pytest.raises(ContractError, match="holds no contract"):
        load(tmp_path)


def test_the_directory_comes_from_the_environment(directory: Path, monkeypatch: pytest.MonkeyPatch):
    """TILLSTREAM_CONTRACTS_DIR says where the contracts are."""
    monkeypatch.setenv("TILLSTREAM_CONTRACTS_DIR", str(directory))
    assert set(load()) == {"store.operations"}


HOUSE_RULES: list[tuple[Change, str, str]] = [
    (lambda d: d.update(apiVersion="v3.0.2"), "apiVersion", "are written in v3.1.0"),
    (lambda d: d.update(id="Operations"), "id", "names no feed"),
    (lambda d: d.update(id="store.readings"), "id", "does not match the file's name"),
    (lambda d: d.update(version="1"), "version", "is no version"),
    (lambda d: d.update(schema=[]), "schema", "describes 0 objects"),
    (lambda d: d.update(team=[{"username": "x"}]), "team", "who answers for this feed"),
    (lambda d: d.update(slaProperties=[]), "slaProperties", "lacks freshness"),
    (lambda d: d["slaProperties"][1].update(unit="d"), "slaProperties[1]", "cutoff must be a whole number"),
    (lambda d: d["roles"].pop(0), "roles", "nobody may produce"),
    (lambda d: custom(d, "kafkaTopic")["value"].pop("config"), "customProperties", "must have name, partitions"),
    (lambda d: custom(d, "kafkaTopic")["value"].update(config={"a": 1}), "customProperties", "must hold strings"),
    (lambda d: custom(d, "kafkaTopic")["value"].update(name="x.v1"), "customProperties", "must be store.operations.v1"),
    (lambda d: d["customProperties"].append({"property": "kafkaTopics", "value": 1}), "customProperties[1]", "nothing"),
    (
        lambda d: d["customProperties"].append({"property": "inherit", "value": ["sku"]}),
        "customProperties",
        "inherit names sku",
    ),
    (
        lambda d: d["customProperties"].append({"property": "exports", "value": [{"table": "x", "format": "orc"}]}),
        "customProperties",
        "a table of this contract",
    ),
    (
        lambda d: d["customProperties"].append(
            {"property": "exports", "value": [{"table": "operations", "format": "x"}]}
        ),
        "customProperties",
        "know the formats orc, csv",
    ),
    (lambda d: schema(d).pop("physicalName"), "schema[0]", "needs a physicalName"),
    (lambda d: schema(d).update(physicalName="quarantine"), "schema[0]", "already belongs to the platform"),
    (lambda d: schema(d)["properties"].pop(0), "schema[0].properties", "lacks schema_version"),
    (lambda d: field(d, "seq").update(required=False), "schema[0].properties", "seq must be a required integer"),
    (lambda d: field(d, "value").update(name="reading"), "schema[0].properties", "describes reading twice"),
    (lambda d: field(d, "value").update(name="Value"), "schema[0].properties[9].name", "must be lower case"),
    (lambda d: field(d, "value").update(physicalName="dt"), "schema[0]", "two columns dt"),
    (lambda d: field(d, "value").update(logicalType="object"), "schema[0].properties[9]", "logicalType object is none"),
    (
        lambda d: field(d, "value").update(logicalTypeOptions={"multipleOf": 2}),
        "schema[0].properties[9].logicalTypeOptions.multipleOf",
        "would be ignored",
    ),
    (
        lambda d: field(d, "epoch").update(logicalTypeOptions={"pattern": "^(?=a)$"}),
        "schema[0].properties[4].logicalTypeOptions.pattern",
        "is no pattern",
    ),
    (
        lambda d: field(d, "epoch").update(logicalTypeOptions={"pattern": "[0-9]+"}),
        "schema[0].properties[4].logicalTypeOptions.pattern",
        "must begin with ^",
    ),
    (
        lambda d: field(d, "event_time")["logicalTypeOptions"].update(format="HH:mm"),
        "schema[0].properties[6].logicalTypeOptions.format",
        "every feed writes its timestamps alike",
    ),
    (
        lambda d: field(d, "reading")["quality"][0].update(mustBe=1),
        "schema[0].properties[8].quality[0]",
        "is not understood",
    ),
    (
        lambda d: field(d, "value").update(quality=field(d, "reading")["quality"]),
        "schema[0].properties[9].quality[0]",
        "of something that is no string",
    ),
    (lambda d: schema(d)["quality"][0].update(engine="soda"), "schema[0].quality[0]", "would be ignored"),
    (lambda d: schema(d)["quality"][0].update(name="Bad name"), "schema[0].quality[0]", "becomes the reason"),
    (lambda d: schema(d)["quality"][1].update(name="event_id_matches_parts"), "schema[0].quality", "two rules named"),
    (
        lambda d: schema(d)["quality"][0].update(implementation="store = 1"),
        "schema[0].quality[0].implementation",
        "is no expression over one message",
    ),
    (
        lambda d: schema(d)["quality"][0].update(implementation="sum(seq) > 1"),
        "schema[0].quality[0].implementation",
        "is no expression over one message",
    ),
    (
        lambda d: schema(d)["quality"][0].update(implementation="seq + 1"),
        "schema[0].quality[0].implementation",
        "a rule is true or false",
    ),
]


@pytest.mark.parametrize(("change", "place", "reason"), HOUSE_RULES, ids=[reason for _, _, reason in HOUSE_RULES])
def test_a_break_of_the_house_rules_is_found(directory: Path, change: Change, place: str, reason: str):
    """What the standard allows and the platform cannot honour is a finding at its field, never ignored."""
    found = findings_after(directory, change)
    assert any(finding.field == place and reason in finding.reason for finding in found), found


def test_two_feeds_cannot_share_a_table(directory: Path):
    """A table has one owner."""
    shutil.copy(default_directory() / "store.inventory.odcs.yaml", directory)
    found = findings_after(directory, lambda data: schema(data).update(physicalName="inventory_items"))
    assert [finding.reason for finding in found] == ["table inventory_items already belongs to store.inventory"]


def test_arrays_must_say_where_their_items_go(tmp_path: Path):
    """A list without a table, or with items that need no field, is a finding."""
    text = (default_directory() / "store.inventory.odcs.yaml").read_text()
    data = yaml.safe_load(text)
    items = field(data, "items")
    items["customProperties"] = []
    for item in items["items"]["properties"]:
        item["required"] = False
    (tmp_path / "store.inventory.odcs.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ContractError) as caught:
        load(tmp_path)
    reasons = " ".join(finding.reason for finding in caught.value.findings)
    assert "where its items go" in reasons
    assert "at least one required field" in reasons
