"""What clean-up finds and removes, on the emulated AWS: the rest of the lake stays sound."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace

import boto3
import pyarrow as pa
import pytest
from deltalake import DeltaTable, Schema

from contracts import Contract
from lake import expired, names
from lake.commits import commit_batch
from lake.manifests import Generation, begin_generation, load_generation, load_state, put_manifest, put_snapshot
from lake.objects import ObjectStore
from lake.sequences import SeqState
from lake.tables import DeltaTables, TableDefinition
from lake.upkeep import cleaning
from lake.upkeep.cleaning import Plan
from lake.upkeep.compaction import compact
from lake.verify import verify
from local.aws.account import Account
from tests.support.lake import DAY, Lake, duplicate_rows, quarantine_rows, receipt_rows
from tests.support.waiting import wait_for

pytestmark = pytest.mark.integration

NOW = dt.datetime.now(dt.UTC)
LATER = NOW + dt.timedelta(days=10)


@pytest.fixture
def filled(lake: Lake, aws_account: Account) -> Lake:
    """Two batches of one day."""
    aws_account.administrator_client().create_bucket(Bucket=f"{lake.store.bucket}-checkpoints")
    lake.begin()
    for batch in range(2):
        first = 10 * batch
        rows = {
            **receipt_rows(range(first, first + 8), first_seq=1 + 8 * batch),
            "duplicates": duplicate_rows([first + 8]),
            "quarantine": quarantine_rows([first + 9]),
        }
        lake.ingest(batch, rows, {0: first + 10}, starts={0: first})
    return lake


def checkpoints(lake: Lake) -> ObjectStore:
    return ObjectStore(f"{lake.store.uri}-checkpoints", aws=boto3.session.Session())


def planned(lake: Lake, now: dt.datetime = NOW, contracts: Mapping[str, Contract] | None = None) -> Plan:
    return cleaning.plan(DeltaTables(lake.store), checkpoints(lake), contracts or lake.contracts, now)


def found(plan: Plan) -> set[tuple[str, str, int]]:
    return {(item.kind, item.where, item.count) for item in plan.items}


def assert_sound(lake: Lake) -> None:
    report = verify(DeltaTables(lake.store), lake.contracts, None)
    assert report.sound, [*report.findings, *(feed.findings for feed in report.feeds)]


def keeping(lake: Lake, days: int) -> Mapping[str, Contract]:
    return {feed: replace(contract, retention_days=days) for feed, contract in lake.contracts.items()}


def test_a_lake_in_use_has_nothing_to_clean(filled: Lake):
    """Nothing of what a running lake has written a moment ago is in a plan."""
    assert found(planned(filled)) == set()


def test_expired_rows_go_and_are_accounted_for(filled: Lake):
    """Rows older than their contract keeps them are removed; verify counts their offsets as expired, not as lost."""
    days = (NOW.date() - DAY).days - 1
    contracts = keeping(filled, days)
    plan = planned(filled, contracts=contracts)
    assert found(plan) == {
        ("expired_rows", name, count)
        for name, count in (
            ("receipts", 16),
            ("receipt_lines", 32),
            ("receipt_tenders", 16),
            ("duplicates", 2),
            ("quarantine", 2),
        )
    }
    assert len(filled.rows("receipts")) == 16
    plan.carry_out()
    assert [len(filled.rows(name)) for name in ("receipts", "receipt_lines", "quarantine", "duplicates")] == [0] * 4
    report = verify(DeltaTables(filled.store), filled.contracts, None)
    assert report.sound, report
    [feed] = report.feeds
    assert (feed.partitions[0].rows, feed.partitions[0].expired) == (0, 20)
    assert found(planned(filled, contracts=contracts)) == set()


def test_a_retention_during_a_proof_is_no_loss(filled: Lake, monkeypatch: pytest.MonkeyPatch):
    """Rows that a retention removes while verify runs, after it has asked what was let go, are no finding."""
    plan = planned(filled, contracts=keeping(filled, (NOW.date() - DAY).days - 1))
    load = expired.load

    def loaded(store: ObjectStore, feed: str) -> expired.Expired:
        known = load(store, feed)
        monkeypatch.setattr(expired, "load", load)
        plan.carry_out()
        return known

    monkeypatch.setattr(expired, "load", loaded)
    assert_sound(filled)
    assert filled.rows("receipts") == []
    assert_sound(filled)


def test_a_killed_retention_is_no_loss(filled: Lake):
    """Killed between two tables, a retention leaves no finding, and is finished by the next clean-up."""
    contracts = keeping(filled, (NOW.date() - DAY).days - 1)
    steps = planned(filled, contracts=contracts).steps
    for _, step in steps[:2]:
        step()
    assert_sound(filled)
    planned(filled, contracts=contracts).carry_out()
    assert filled.rows("receipt_lines") == []
    assert_sound(filled)


def test_a_real_loss_is_still_found(filled: Lake):
    """What is let go hides only itself: an offset that is lost afterwards is a gap."""
    planned(filled, contracts=keeping(filled, (NOW.date() - DAY).days - 1)).carry_out()
    filled.ingest(2, receipt_rows(range(20, 22), first_seq=30), {0: 23}, starts={0: 20})
    report = verify(DeltaTables(filled.store), filled.contracts, None)
    assert [(each.kind, each.count) for feed in report.feeds for each in feed.findings] == [("gap", 1)]


def test_what_a_compaction_replaced_goes_after_a_while(filled: Lake, monkeypatch: pytest.MonkeyPatch):
    """Replaced objects stay for readers of older versions; once their time is over they go, and no row with them."""
    list(compact(DeltaTables(filled.store), "receipts", now=LATER))
    rows = sorted(filled.rows("receipts"), key=str)
    assert found(planned(filled)) == set()
    monkeypatch.setattr(cleaning, "TOMBSTONE_HOURS", 0)
    # Delta knows until when it remembers them, were its log made short by a checkpoint.
    filled.tables.table("receipts").create_checkpoint()
    plan = planned(filled, dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2))
    assert found(plan) == {("replaced_objects", "receipts", 2)}
    plan.carry_out()
    assert len(list(filled.store.list("receipts/dt="))) == 1
    assert sorted(filled.rows("receipts"), key=str) == rows
    assert_sound(filled)


def test_orphans_go_but_never_what_is_decided(filled: Lake):
    """An object that no log has named for a day goes; one of a batch that is decided and not committed stays."""
    left = "receipts/dt=2026-11-20/hour=12/compacted.0123456789abcdef.parquet"
    filled.store.put(left, b"left behind by a kill")
    filled.manifest(2, receipt_rows(range(20, 25), first_seq=30), {0: 25}, starts={0: 20})
    decided = {info.key for info in filled.store.list("receipts/dt=") if "-20-24." in info.key}
    assert found(planned(filled)) == set()
    plan = planned(filled, LATER)
    assert ("orphans", "receipts", 1) in found(plan)
    plan.carry_out()
    keys = {info.key for info in filled.store.list("receipts/dt=")}
    assert left not in keys
    assert decided <= keys
    assert_sound(filled)


def test_objects_of_a_redrive_that_was_killed_stay(filled: Lake):
    """What a redrive has decided and not committed holds offsets before the stream's end, and is still needed."""
    filled.manifest(7, receipt_rows([3], first_seq=40), {0: 20}, starts={0: 20})
    stray = {info.key for info in filled.store.list("receipts/dt=") if "-3-3." in info.key}
    manifest = filled.manifest(2, receipt_rows([9], first_seq=50), {0: 20}, starts={0: 20})
    put_manifest(filled.store, manifest)
    assert ("orphans", "receipts", 1) in found(planned(filled, LATER))
    planned(filled, LATER).carry_out()
    keys = {info.key for info in filled.store.list("receipts/dt=")}
    assert not keys & stray
    commit_batch(DeltaTables(filled.store), filled.contracts["pos.receipts"], manifest, adopted=True)
    assert len(filled.rows("receipts")) == 17


def test_what_is_needed_again_is_not_removed(filled: Lake):
    """An object that was nobody's when the plan was made, and is committed before it is carried out, stays."""
    rows = receipt_rows([9], first_seq=50)["receipts"]
    filled.put_rows("receipts", rows)
    plan = planned(filled, LATER)
    assert ("orphans", "receipts", 1) in found(plan)
    filled.with_rows("receipts", rows)
    plan.carry_out()
    assert len(filled.rows("receipts")) == 17


def test_a_replaced_object_that_was_put_again_stays(filled: Lake, monkeypatch: pytest.MonkeyPatch):
    """Equal content is the same object: one that was replaced and has been put again is about to be committed again."""
    monkeypatch.setattr(cleaning, "TOMBSTONE_HOURS", 0)
    list(compact(DeltaTables(filled.store), "receipts", now=LATER))
    first, _ = (info for info in filled.store.list("receipts/dt=") if names.parse(info.key))
    now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2)
    plan = planned(filled, now)
    assert found(plan) == {("replaced_objects", "receipts", 2)}
    wait_for(lambda: dt.datetime.now(dt.UTC) > now + dt.timedelta(seconds=1), 60, "the next moment")
    filled.store.put(first.key, filled.store.get(first.key))
    assert found(planned(filled, now)) == {("replaced_objects", "receipts", 1)}
    plan.carry_out()
    assert [info.key for info in filled.store.list("receipts/dt=") if names.parse(info.key)] == [first.key]


def test_a_table_remembers_what_it_replaced(filled: Lake):
    """Tables remember removed objects for 60 days, those of an older release from the next start of their job on."""
    definition = TableDefinition("another", pa.schema([("dt", pa.date32()), ("hour", pa.int32())]), ("dt", "hour"))
    for _ in range(2):
        filled.tables.ensure(definition)
    assert filled.tables.table("another").version() == 0
    older = replace(definition, name="older")
    uri, options = filled.tables.table_uri("older"), filled.store.storage_options()
    DeltaTable.create(uri, Schema.from_arrow(older.schema), partition_by=["dt", "hour"], storage_options=options)
    for _ in range(2):
        filled.tables.ensure(older)
    assert filled.tables.table("older").version() == 1
    for name in ("another", "older"):
        properties = filled.tables.table(name).metadata().configuration
        assert properties["delta.deletedFileRetentionDuration"] == "interval 60 days"


def test_sealed_checkpoints_and_old_states_go(filled: Lake):
    """Checkpoints of generations before the current one go, and all sequence states but the newest ones that a batch
    names: what fenced drivers have left is none of those.
    """
    store = checkpoints(filled)
    for generation in (1, 2):
        store.put(f"ingest/pos.receipts/{generation}/offsets/0", b"v1")
    states = []
    for batch in range(2, 7):
        states.append(put_snapshot(filled.store, "pos.receipts", 1, batch, SeqState({"330:1:x": (1, batch)})))
        filled.ingest(batch, {}, {0: 20}, starts={0: 20}, snapshot=states[-1])
    for other in range(3):
        put_snapshot(filled.store, "pos.receipts", 1, 6, SeqState({"331:1:x": (1, other + 1)}))
    put_snapshot(filled.store, "pos.receipts", 1, 7, SeqState())
    manifest = names.manifest_key("pos.receipts", 1, 6)
    known = filled.contracts["pos.receipts"].topic
    begin_generation(
        filled.store,
        replace(
            _first(filled),
            generation=2,
            starting_offsets={0: 20} | dict.fromkeys(range(1, known.partitions), 0),
            previous_manifest=manifest,
        ),
    )
    plan = planned(filled)
    assert found(plan) == {
        ("old_checkpoints", "ingest/pos.receipts/", 1),
        ("old_states", "_batches/pos.receipts/", 6),
    }
    plan.carry_out()
    assert [info.key for info in store.list("ingest/")] == ["ingest/pos.receipts/2/offsets/0"]
    left = [info.key for info in filled.store.list("_batches/") if info.key.endswith(names.SNAPSHOT_SUFFIX)]
    assert left == states[2:]
    assert load_state(filled.store, manifest) == SeqState({"330:1:x": (1, 6)})


def _first(lake: Lake) -> Generation:
    generation = load_generation(lake.store, "pos.receipts")
    assert generation
    return generation
