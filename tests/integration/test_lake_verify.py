"""The proof on a real lake, whole and then broken on purpose; what explain and quarantine say of it."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result
from deltalake import CommitProperties, Transaction, write_deltalake

from lake import curated
from lake.cli import explain, quarantine, verify
from lake.commits import commit_batch
from lake.inventory import BEING_WRITTEN
from lake.manifests import put_manifest
from lake.names import generation_key, rollup_id
from lake.status import committed
from lake.verify import Report, _broker_findings
from lake.verify import verify as prove
from tests.support.lake import DAY, TOPIC_ID, Lake, duplicate_rows, quarantine_rows, receipt_rows
from topics.watermarks import Watermarks

pytestmark = pytest.mark.integration


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Two batches: 20 offsets of partition 0 and 5 of partition 1; one duplicate and one quarantined in each batch."""
    lake.begin()
    lake.ingest(
        0,
        {
            **merged(receipt_rows(range(8)), receipt_rows(range(5), partition=1, store="331")),
            "duplicates": duplicate_rows([8]),
            "quarantine": quarantine_rows([9]),
        },
        {0: 10, 1: 5},
    )
    lake.ingest(
        1,
        {
            **receipt_rows(range(10, 18), first_seq=9),
            "duplicates": duplicate_rows([18]),
            "quarantine": quarantine_rows([19], reason="bad_signature"),
        },
        {0: 20, 1: 5},
        starts={0: 10, 1: 5},
    )
    return lake


def merged(*parts: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {table: [row for part in parts for row in part[table]] for table in parts[0]}


def proven(lake: Lake) -> Report:
    return prove(type(lake.tables)(lake.store), lake.contracts, None)


def findings(lake: Lake) -> list[tuple[str, str, int]]:
    report = proven(lake)
    every = [*(finding for feed in report.feeds for finding in feed.findings), *report.findings]
    assert report.sound == (not every)
    return [(each.kind, each.table, each.count) for each in every]


def the_object(lake: Lake, table: str, number: int = 0) -> str:
    prefix = f"{lake.tables.table_uri(table)}/"
    return sorted(uri.removeprefix(prefix) for uri in lake.tables.table(table).file_uris())[number]


def test_a_whole_lake_is_sound(filled: Lake) -> None:
    """Every offset is counted as row, quarantined or duplicate, and nothing is found."""
    report = proven(filled)
    assert report.sound
    [feed] = report.feeds
    assert [(each.end, each.rows, each.quarantined, each.duplicates) for each in feed.partitions[:2]] == [
        (20, 16, 2, 2),
        (5, 5, 0, 0),
    ]
    assert (feed.generation, feed.batch) == (1, 1)
    assert set(report.not_ingested) == set(filled.contracts) - {"pos.receipts"}


def test_a_lost_object_of_rows_is_a_gap(filled: Lake) -> None:
    """Receipts that the table has lost are named by their offsets, and their lines are then without a receipt."""
    filled.without("receipts", the_object(filled, "receipts", -1))
    found = findings(filled)
    assert {kind for kind, _, _ in found} == {"gap", "parentless"}


def test_a_doubled_row_is_found(filled: Lake) -> None:
    """A receipt that is in the table a second time, in another object, is found, and so are its doubled lines."""
    for table, rows in receipt_rows([3, 4]).items():
        filled.with_rows(table, rows)
    assert ("twice", "receipts", 2) in findings(filled)
    assert ("items", "receipt_lines", 2) in findings(filled)


def test_money_off_by_a_cent_is_found(filled: Lake) -> None:
    """A receipt whose lines do not add up to its total is found."""
    rows = receipt_rows([20])
    rows["receipts"][0]["total"] = 301
    filled.ingest(2, rows, {0: 21, 1: 5}, starts={0: 20, 1: 5})
    assert findings(filled) == [("money", "receipt_lines", 1), ("money", "receipt_tenders", 1)]


def test_objects_and_log_are_compared(filled: Lake) -> None:
    """Objects that no log names, that are gone, or that have another size are found, each by its path."""
    orphan = the_object(filled, "receipts").replace("-0-0-7.", "-0-0-6.")
    filled.store.put(f"receipts/{orphan}", b"left behind")
    gone, altered = (the_object(filled, "receipt_tenders", number) for number in (0, 1))
    filled.store.put(f"receipt_tenders/{altered}", filled.store.get(f"receipt_tenders/{altered}") + b" ")
    removed = filled.store.get(f"receipt_tenders/{gone}")
    filled.store._client.delete_object(Bucket=filled.store.bucket, Key=f"receipt_tenders/{gone}")
    # While an object is gone its rows cannot be counted, which is found, too.
    assert sorted(findings(filled)) == [
        ("altered", "receipt_tenders", 1),
        ("missing", "receipt_tenders", 1),
        ("unlogged", "receipts", 1),
        ("unreadable", "receipts", 1),
    ]
    filled.store.put(f"receipt_tenders/{gone}", removed)
    assert sorted(findings(filled)) == [("altered", "receipt_tenders", 1), ("unlogged", "receipts", 1)]


def test_objects_that_were_replaced_are_no_finding(filled: Lake) -> None:
    """After a compaction the old objects lie there until they are vacuumed; rows and log still agree."""
    for table in ("receipts", "receipt_lines", "quarantine"):
        filled.tables.table(table).optimize.compact()
    assert findings(filled) == []


def test_a_batch_being_committed_is_no_finding(filled: Lake) -> None:
    """While a batch is written and half committed, the lake before it is proven, and nothing is found."""

    class Paused(Exception):  # noqa: N818 - no error
        pass

    def pause(table: str) -> None:
        if table == "receipt_lines":
            raise Paused

    manifest = filled.manifest(2, receipt_rows(range(20, 30)), {0: 30, 1: 5}, starts={0: 20, 1: 5})
    put_manifest(filled.store, manifest)
    with pytest.raises(Paused):
        commit_batch(filled.tables, filled.contracts["pos.receipts"], manifest, on_commit=pause)
    assert findings(filled) == []


def test_rows_that_no_batch_claims_are_found(filled: Lake) -> None:
    """Rows of other tables than the parent at offsets that no batch has come to are found, be they none's for ever."""
    ahead = receipt_rows(range(30, 33))
    filled.with_rows("receipt_lines", ahead["receipt_lines"])
    filled.with_rows("quarantine", quarantine_rows([7], partition=1))
    assert findings(filled) == [("unclaimed", "quarantine", 1), ("unclaimed", "receipt_lines", 3)]


def test_rows_of_a_feed_that_has_lost_its_stream_are_found(filled: Lake) -> None:
    """Where the object that says how far a feed came is gone, its rows are found: it was not never ingested."""
    filled.store.delete(generation_key("pos.receipts"))
    assert sorted(findings(filled)) == [
        ("unclaimed", "duplicates", 2),
        ("unclaimed", "quarantine", 2),
        ("unclaimed", "receipt_lines", 42),
        ("unclaimed", "receipt_tenders", 21),
        ("unclaimed", "receipts", 21),
    ]


def test_young_objects_of_other_writers_are_not_yet_missed(filled: Lake) -> None:
    """An object without offsets in its name belongs to a writer at work, unless it is older than any of them takes."""
    filled.store.put("receipts/dt=2026-11-20/hour=12/part-0.parquet", b"")
    assert findings(filled) == []
    assert dt.timedelta() < BEING_WRITTEN < dt.timedelta(hours=1)


def curate(lake: Lake, amount: int, receipts: int = 21) -> None:
    """A curated table as the rollup leaves it, computed from the receipts of now."""
    rows = pa.table(
        {
            "dt": [DAY],
            "hour": pa.array([12], pa.int32()),
            "currency": ["USD"],
            "receipts": [receipts],
            "amount": [amount],
        }
    )
    source = lake.tables.table("receipts")
    transaction = Transaction(rollup_id(curated.TABLE, str(source.metadata().id)), source.version())
    write_deltalake(
        lake.tables.table_uri(curated.TABLE),
        rows,
        partition_by=["dt", "hour"],
        storage_options=lake.store.storage_options(),
        commit_properties=CommitProperties(app_transactions=[transaction]),
    )


def test_curated_money_equals_raw_money(filled: Lake) -> None:
    """Curated money is compared with the receipts it was computed from: what came since is no difference."""
    curate(filled, 21 * 300)
    assert findings(filled) == []
    filled.ingest(2, receipt_rows([20], first_seq=17), {0: 21, 1: 5}, starts={0: 20, 1: 5})
    assert findings(filled) == []


def test_curated_money_off_by_a_cent_is_found(filled: Lake) -> None:
    """An hour whose curated money is not its raw money is named."""
    curate(filled, 21 * 300 + 1)
    assert [each[:2] for each in findings(filled)] == [("curated", curated.TABLE)]


def test_ends_are_compared_with_the_broker(filled: Lake) -> None:
    """A topic made anew, messages that expired before they were read and an end behind the lake's are each found."""
    claim = committed(filled.tables, filled.contracts["pos.receipts"])
    assert claim is not None
    sound = Watermarks(
        "pos.receipts.v1", TOPIC_ID, dict.fromkeys(range(6), 0), {**dict.fromkeys(range(6), 0), 0: 25, 1: 5}
    )

    def kinds(**changes: Any) -> list[tuple[str, int | None]]:
        return [(each.kind, each.partition) for each in _broker_findings(claim, replace(sound, **changes))]

    assert kinds() == []
    assert kinds(topic_id="made-anew") == [("replaced", None)]
    assert kinds(low={**sound.low, 0: 22}) == [("expired", 0)]
    assert kinds(high={**sound.high, 1: 4}) == [("ahead", 1)]
    assert kinds(high={**sound.high, 6: 1}) == [("unknown_partition", 6)]


@pytest.fixture
def run(filled: Lake) -> CliRunner:  # noqa: ARG001 - the lake it runs on
    return CliRunner()


def data(result: Result) -> Any:
    return json.loads(result.stdout)


def test_verify_exits_by_what_it_found(run: CliRunner, filled: Lake) -> None:
    """The command says 0 for a sound lake, 1 for one that lacks something, and 2 for a feed that does not exist."""
    assert run.invoke(verify, ["--without-broker"]).exit_code == 0
    sound = run.invoke(verify, ["--without-broker", "--json", "pos.receipts"])
    assert (sound.exit_code, data(sound)["sound"]) == (0, True)
    filled.without("quarantine", the_object(filled, "quarantine"))
    broken = run.invoke(verify, ["--without-broker"])
    assert broken.exit_code == 1
    assert "neither row, quarantined nor duplicate" in " ".join(broken.stdout.split())
    assert run.invoke(verify, ["--without-broker", "no.such.feed"]).exit_code == 2


@pytest.mark.parametrize(
    ("subject", "outcome", "event_id"),
    [
        ("pos.receipts.v1:0:3", "row", "330:1:0123456789ab:4"),
        ("pos.receipts.v1:0:8", "duplicate", "330:1:0123456789ab:1"),
        ("pos.receipts.v1:0:9", "quarantined", "x"),
        ("pos.receipts.v1:0:20", "not yet ingested", None),
    ],
)
def test_an_offset_is_explained(run: CliRunner, subject: str, outcome: str, event_id: str | None) -> None:
    """Each offset is said to have become what it became, with the batch that decided so."""
    result = run.invoke(explain, [subject, "--json"])
    [fate] = data(result)
    assert (result.exit_code, fate["outcome"], fate["event_id"]) == (0, outcome, event_id)
    assert (fate["batch"] or {}).get("batch") == (None if outcome == "not yet ingested" else 0)
    assert run.invoke(explain, [subject]).exit_code == 0


def test_an_event_is_explained_with_its_duplicates(run: CliRunner) -> None:
    """An event that came three times is one row and two duplicates, each at its place, with items and objects."""
    fates = data(run.invoke(explain, ["330:1:0123456789ab:1", "--json"]))
    assert [(fate["place"]["offset"], fate["outcome"]) for fate in fates] == [
        (0, "row"),
        (8, "duplicate"),
        (18, "duplicate"),
    ]
    assert fates[0]["items"] == {"receipt_lines": 2, "receipt_tenders": 1}
    assert len(fates[0]["objects"]) == 3


def test_an_object_is_explained(run: CliRunner, filled: Lake) -> None:
    """An object tells its offsets, its batch, whether the log names it and whether it is what it was."""
    path = the_object(filled, "receipts")
    fate = data(run.invoke(explain, [f"{filled.store.uri}/receipts/{path}", "--json"]))
    assert (fate["state"], fate["intact"], fate["first"], fate["last"]) == ("in the table", True, 0, 7)
    assert fate["batch"]["batch"] == 0
    filled.tables.table("receipts").optimize.compact()
    fate = data(run.invoke(explain, [f"receipts/{path}", "--json"]))
    assert (fate["state"], fate["batch"]["batch"]) == ("replaced", 0)
    filled.store.put(f"receipts/{path}", b"other bytes")
    filled.store.put(f"receipts/{path.replace('-0-0-7.', '-0-0-6.')}", b"left behind")
    for subject, state in ((path, "replaced"), (path.replace("-0-0-7.", "-0-0-6."), "in no log")):
        result = run.invoke(explain, [f"receipts/{subject}", "--json"])
        assert (result.exit_code, data(result)["state"], data(result)["intact"]) == (1, state, False)


@pytest.mark.parametrize(
    "subject", ["330:1:0123456789ab:999", "no.such.topic:0:1", "pos.receipts.v1:77:1", "receipts/x.parquet", "what"]
)
def test_what_is_nowhere_is_said_to_be(run: CliRunner, subject: str) -> None:
    """A subject that is not in the lake ends with a sentence and exit code 1."""
    result = run.invoke(explain, [subject, "--json"])
    assert (result.exit_code, "error" in data(result)) == (1, True)


def test_quarantine_is_listed_and_shown(run: CliRunner) -> None:
    """Refused messages are found by their properties and shown whole."""
    everything = run.invoke(quarantine, ["list", "--json"])
    assert (everything.exit_code, [each["message"] for each in data(everything)]) == (
        1,
        ["pos.receipts.v1:0:9", "pos.receipts.v1:0:19"],
    )
    chosen = run.invoke(
        quarantine, ["list", "--reason", "bad_signature", "--store", "330", "--feed", "pos.receipts", "--json"]
    )
    assert [each["reason"] for each in data(chosen)] == ["bad_signature"]
    none = run.invoke(quarantine, ["list", "--store", "it's", "--feed", "it's", "--json"])
    assert (none.exit_code, data(none)) == (0, [])
    shown = data(run.invoke(quarantine, ["show", "pos.receipts.v1:0:9", "--json"]))
    assert (shown["payload_hex"], shown["headers"], shown["store"]) == (b"{".hex(), {"event_id": "x"}, "330")
    assert "cut short" in run.invoke(quarantine, ["show", "pos.receipts.v1:0:9"]).stdout
    assert "bad_signature" in run.invoke(quarantine, ["list"], env={"COLUMNS": "200"}).stdout
