"""Batches committed to real Delta tables on the emulated S3: once, whole, by one driver."""

import datetime as dt
import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

import boto3
import botocore.credentials
import botocore.session
import pytest
from botocore.exceptions import EndpointConnectionError

from lake.commits import commit_batch, commit_order
from lake.errors import Fenced, LakeError, ObjectExists, ObjectMissing
from lake.manifests import (
    BatchManifest,
    begin_generation,
    load_generation,
    load_manifest,
    load_state,
    put_manifest,
    put_snapshot,
)
from lake.names import manifest_key
from lake.objects import ObjectStore
from lake.sequences import SeqState
from lake.status import committed
from lake.tables import DeltaTables
from local.aws.account import Account
from tests.support.lake import Lake, duplicate_rows, quarantine_rows, receipt_rows

pytestmark = pytest.mark.integration

KEY = "330:1:0123456789ab"


class Killed(Exception):  # noqa: N818 - what happens to the driver, no error of its own
    """The driver died here."""


def batch_of(lake: Lake, number: int, **changes: Any) -> BatchManifest:
    """Ten offsets: eight receipts, one duplicate, one quarantined."""
    first = 10 * number
    rows = {
        **receipt_rows(range(first, first + 8), first_seq=8 * number + 1),
        "duplicates": duplicate_rows([first + 8]),
        "quarantine": quarantine_rows([first + 9]),
    }
    return lake.manifest(number, rows, {0: first + 10}, starts={0: first}, **changes)


def counts(lake: Lake) -> dict[str, int]:
    return {name: len(lake.rows(name)) for name in commit_order(lake.contracts["pos.receipts"])}


ONE_BATCH = {"receipt_lines": 16, "receipt_tenders": 8, "quarantine": 1, "duplicates": 1, "receipts": 8}


def test_a_batch_committed_again_adds_nothing(lake: Lake) -> None:
    """A driver that finds its own committed batch again passes over every table."""
    contract = lake.contracts["pos.receipts"]
    manifest = batch_of(lake, 0)
    versions = commit_batch(lake.tables, contract, manifest)
    assert counts(lake) == ONE_BATCH
    assert commit_batch(DeltaTables(lake.store), contract, manifest, adopted=True) == versions
    assert counts(lake) == ONE_BATCH


def test_a_second_committer_is_fenced(lake: Lake) -> None:
    """Of two drivers that hold one batch, the second to commit is told to stop, with old handles and with new."""
    contract = lake.contracts["pos.receipts"]
    manifest = batch_of(lake, 0)
    stale = DeltaTables(lake.store)
    for name in commit_order(contract):
        stale.table(name)
    commit_batch(lake.tables, contract, manifest)
    for tables in (stale, DeltaTables(lake.store)):
        with pytest.raises(Fenced, match="Another driver writes"):
            commit_batch(tables, contract, manifest)
    assert counts(lake) == ONE_BATCH


def test_a_late_driver_is_fenced_by_a_later_batch(lake: Lake) -> None:
    """A driver that adopts a batch the feed has long left behind is told to stop."""
    contract = lake.contracts["pos.receipts"]
    first, second = batch_of(lake, 0), batch_of(lake, 1)
    commit_batch(lake.tables, contract, first)
    commit_batch(lake.tables, contract, second)
    with pytest.raises(Fenced):
        commit_batch(DeltaTables(lake.store), contract, first, adopted=True)
    assert counts(lake) == {name: 2 * count for name, count in ONE_BATCH.items()}


@pytest.mark.parametrize("survived", range(6))
def test_a_half_committed_batch_is_finished(lake: Lake, survived: int) -> None:
    """A driver that dies after any of the tables' commits leaves a batch that the next one completes exactly."""
    contract = lake.contracts["pos.receipts"]
    lake.begin()
    manifest = batch_of(lake, 0)
    put_manifest(lake.store, manifest)
    done: list[str] = []
    # Tables are committed side by side: each commit counts by itself.
    number = itertools.count(1)

    def die(table: str) -> None:
        done.append(table)
        if next(number) == survived:
            raise Killed

    if survived:
        with pytest.raises(Killed):
            commit_batch(lake.tables, contract, manifest, on_commit=die)
    claim = committed(DeltaTables(lake.store), contract)
    assert claim is not None
    assert (claim.batch is None) == ("receipts" not in done)
    adopted = load_manifest(lake.store, manifest.key)
    assert adopted == manifest
    commit_batch(DeltaTables(lake.store), contract, adopted, adopted=True)
    assert counts(lake) == ONE_BATCH


def test_a_batch_without_rows_is_committed(lake: Lake) -> None:
    """The parent table has every batch, so that the feed's end is known even where nothing was kept."""
    contract = lake.contracts["pos.receipts"]
    lake.begin()
    manifest = lake.manifest(0, {}, {0: 3})
    put_manifest(lake.store, manifest)
    assert commit_batch(lake.tables, contract, manifest) == {"receipts": 1}
    claim = committed(lake.tables, contract)
    assert claim is not None
    assert (claim.batch, claim.end_offsets[0], claim.manifest) == (0, 3, manifest)


def test_a_batch_does_not_overtake_the_one_before(lake: Lake) -> None:
    """While the batch before is not committed, the next one is refused, and nothing of it is committed."""
    contract = lake.contracts["pos.receipts"]
    with pytest.raises(LakeError, match=r"Batch 0 of pos\.receipts/1 was decided but is not committed"):
        commit_batch(lake.tables, contract, batch_of(lake, 1))
    assert counts(lake) == dict.fromkeys(ONE_BATCH, 0)


def test_feeds_share_tables(lake: Lake) -> None:
    """Two feeds that commit to the shared tables, each with handles that have not seen the other, both succeed."""
    other = DeltaTables(lake.store)
    other.table("quarantine")
    for number in range(3):
        commit_batch(lake.tables, lake.contracts["pos.receipts"], batch_of(lake, number))
        rows = {"quarantine": quarantine_rows([number], feed="store.inventory")}
        manifest = lake.manifest(number, rows, {0: number + 1}, feed="store.inventory")
        commit_batch(other, lake.contracts["store.inventory"], manifest)
    assert counts(lake)["quarantine"] == 6


def test_a_table_of_another_feed_is_refused(lake: Lake) -> None:
    """A manifest that names a table its feed does not have commits nothing at all."""
    rows = {**receipt_rows([0]), "quarantine": quarantine_rows([1])}
    manifest = replace(lake.manifest(0, rows, {0: 2}), feed="store.inventory")
    with pytest.raises(LakeError, match=r"tables that are not store\.inventory's"):
        commit_batch(lake.tables, lake.contracts["store.inventory"], manifest)
    assert counts(lake)["quarantine"] == 0


def test_a_commit_says_what_it_holds(lake: Lake) -> None:
    """The log of each table tells feed, batch, offsets, versions and manifest to whoever asks for its history."""
    manifest = batch_of(lake, 0)
    commit_batch(lake.tables, lake.contracts["pos.receipts"], manifest)
    for table in ONE_BATCH:
        [newest] = [each for each in lake.tables.table(table).history() if each["version"] == 1]
        assert newest["feed"] == "pos.receipts"
        assert newest["batch"] == "0"
        assert json.loads(newest["offsets"])["0"] == [0, 10]
        assert (newest["manifest"], newest["jobVersion"]) == (manifest.key, "test")


def test_tables_can_be_read_by_others(lake: Lake) -> None:
    """Tables ask for no reader feature: Athena and Trino read them."""
    for table in ONE_BATCH:
        protocol = lake.tables.table(table).protocol()
        assert (protocol.min_reader_version, protocol.reader_features) == (1, None)


def test_many_batches_leave_checkpoints(lake: Lake) -> None:
    """The log is checkpointed as it grows, and the commits around a checkpoint lose nothing."""
    contract = lake.contracts["store.operations"]
    for number in range(23):
        manifest = lake.manifest(
            number, {"quarantine": quarantine_rows([number], feed=contract.feed)}, {0: number + 1}, feed=contract.feed
        )
        commit_batch(lake.tables, contract, manifest)
    assert lake.store.exists("quarantine/_delta_log/_last_checkpoint")
    assert lake.store.exists("operations/_delta_log/_last_checkpoint")
    assert len(lake.rows("quarantine")) == 23
    assert DeltaTables(lake.store).transaction_version("operations", "store.operations/1") == 22


def test_a_manifest_is_decided_once(lake: Lake) -> None:
    """The second driver to decide a batch is told to stop, and the first one's decision stands."""
    first, second = batch_of(lake, 0), batch_of(lake, 0, writer="another")
    put_manifest(lake.store, first)
    with pytest.raises(Fenced, match="was decided by another driver"):
        put_manifest(lake.store, second)
    assert load_manifest(lake.store, first.key) == first
    assert load_manifest(lake.store, manifest_key("pos.receipts", 1, 1)) is None


def test_state_is_rebuilt_from_the_chain(lake: Lake) -> None:
    """The state after a batch is its newest snapshot and the batches since, also across generations."""
    snapshot = put_snapshot(lake.store, "pos.receipts", 1, 1, SeqState({KEY: (1, 20)}))
    manifests = [
        lake.manifest(0, {}, {}, sequences={KEY: (900, 900)}),
        lake.manifest(1, {}, {}, sequences={KEY: (11, 20)}, snapshot=snapshot),
        lake.manifest(2, {}, {}, sequences={KEY: (21, 25)}),
        lake.manifest(0, {}, {}, sequences={KEY: (27, 30)}, generation=2, previous=manifest_key("pos.receipts", 1, 2)),
    ]
    for manifest in manifests:
        put_manifest(lake.store, manifest)
    assert load_state(lake.store, manifests[-1].key) == SeqState({KEY: (1, 25, 27, 30)})
    assert load_state(lake.store, manifests[0].key) == SeqState({KEY: (900, 900)})
    assert load_state(lake.store, None) == SeqState()


def test_a_fenced_driver_leaves_the_state_of_the_other(lake: Lake) -> None:
    """A driver that has planned the same batch otherwise puts another snapshot, and not in place of the one that the
    manifest names.
    """
    snapshot = put_snapshot(lake.store, "pos.receipts", 1, 0, SeqState({KEY: (1, 20)}))
    put_manifest(lake.store, decided := lake.manifest(0, {}, {}, snapshot=snapshot))
    put_snapshot(lake.store, "pos.receipts", 1, 0, SeqState({KEY: (1, 30)}))
    with pytest.raises(Fenced):
        put_manifest(lake.store, lake.manifest(0, {}, {}))
    assert load_state(lake.store, decided.key) == SeqState({KEY: (1, 20)})


def test_a_broken_chain_is_refused(lake: Lake) -> None:
    """A missing manifest is an error: a state with holes would let duplicates in."""
    manifest = lake.manifest(1, {}, {}, sequences={KEY: (1, 2)})
    put_manifest(lake.store, manifest)
    with pytest.raises(LakeError, match="chain of batches is broken"):
        load_state(lake.store, manifest.key)


def test_generations_follow_each_other(lake: Lake) -> None:
    """A feed's pointer moves by one generation, by one driver, and never back."""
    first = lake.begin()
    assert load_generation(lake.store, "pos.receipts") == first
    with pytest.raises(Fenced, match="Generation 1"):
        begin_generation(lake.store, first)
    second = replace(first, generation=2, starting_offsets={0: 5})
    begin_generation(lake.store, second)
    for wrong in (second, replace(first, generation=4)):
        with pytest.raises(Fenced, match="at generation 2"):
            begin_generation(lake.store, wrong)
    assert load_generation(lake.store, "pos.receipts") == second
    with pytest.raises(Fenced):
        begin_generation(lake.store, replace(second, feed="store.inventory"))


def test_objects_are_put_once(lake: Lake) -> None:
    """A conditional put never changes an object that is there; a replacement must know what it replaces."""
    lake.store.put_new("_batches/x", b"one")
    with pytest.raises(ObjectExists, match="_batches/x"):
        lake.store.put_new("_batches/x", b"two")
    before = lake.store.get_versioned("_batches/x")
    lake.store.replace("_batches/x", b"two", before.etag)
    with pytest.raises(ObjectExists):
        lake.store.replace("_batches/x", b"three", before.etag)
    assert lake.store.get("_batches/x") == b"two"


def test_objects_are_found_and_listed(lake: Lake) -> None:
    """What was put is there, whole, and in a listing of its prefix; what was not is reported missing."""
    body = uuid.uuid4().bytes * 1000
    lake.store.put("_batches/a/1", body)
    lake.store.put("_batches/a/2", b"")
    assert lake.store.get("_batches/a/1") == body
    assert [(each.key, each.size) for each in lake.store.list("_batches/a/")] == [
        ("_batches/a/1", 16_000),
        ("_batches/a/2", 0),
    ]
    assert (lake.store.exists("_batches/a/1"), lake.store.exists("_batches/a")) == (True, False)
    with pytest.raises(ObjectMissing, match="_batches/a/3"):
        lake.store.get("_batches/a/3")


@pytest.mark.usefixtures("scratch_lake")
def test_a_refusal_names_the_object() -> None:
    """An error of S3 becomes one of the lake's, with the object in it."""
    nowhere = ObjectStore("s3://no-such-bucket-here", aws=boto3.session.Session())
    with pytest.raises(LakeError, match="s3://no-such-bucket-here/_batches/x could not be written"):
        nowhere.put("_batches/x", b"")


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.get("_batches/x"),
        lambda store: store.put("_batches/x", b""),
        lambda store: list(store.list("_batches/x")),
        lambda store: store.delete("_batches/x"),
    ],
    ids=["get", "put", "list", "delete"],
)
def test_where_nobody_answers_it_says_so(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, ask: Callable[[ObjectStore], object]
) -> None:
    """No network and no credentials are errors of the lake's, too: a verb ends with 2, not as if it found a problem."""

    def unreachable(*_: object, **__: object) -> NoReturn:
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(lake.store._client._endpoint, "make_request", unreachable)
    with pytest.raises(LakeError, match=f"{lake.store.uri}/_batches/x could not be .*Could not connect"):
        ask(lake.store)


def test_refreshed_credentials_open_tables_again(lake: Lake, aws_account: Account) -> None:
    """Before a session ends the tables are opened with the next one's credentials, and commits go on."""
    sts = aws_account.administrator_client("sts")
    sessions: list[str] = []

    def refresh() -> dict[str, str]:
        made = sts.get_session_token(DurationSeconds=3600)["Credentials"]
        sessions.append(made["AccessKeyId"])
        return {
            "access_key": made["AccessKeyId"],
            "secret_key": made["SecretAccessKey"],
            "token": made["SessionToken"],
            "expiry_time": (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat(),
        }

    credentials = botocore.credentials.RefreshableCredentials.create_from_metadata(refresh(), refresh, "test")
    inner = botocore.session.get_session()
    inner._credentials = credentials
    tables = DeltaTables(ObjectStore(lake.store.uri, aws=boto3.session.Session(botocore_session=inner)))
    commit_batch(tables, lake.contracts["pos.receipts"], batch_of(lake, 0))
    before = tables.last_seen("receipts")
    credentials._expiry_time = dt.datetime.now(dt.UTC)
    commit_batch(tables, lake.contracts["pos.receipts"], batch_of(lake, 1))
    assert len(sessions) == 2
    assert tables.last_seen("receipts") is not before
    assert tables.store.storage_options()["aws_access_key_id"] == sessions[1]
    assert counts(lake) == {name: 2 * count for name, count in ONE_BATCH.items()}


@pytest.mark.parametrize("whole_bytes", [0, 1 << 20])
def test_an_object_is_read_as_a_file(lake: Lake, monkeypatch: pytest.MonkeyPatch, whole_bytes: int) -> None:
    """A large object by the parts that are read, a small one at once: the bytes are the same."""
    monkeypatch.setattr("lake.objects.WHOLE_BYTES", whole_bytes)
    body = bytes(range(256)) * 4
    lake.store.put("receipts/any", body)
    with lake.store.open("receipts/any", len(body)) as file:
        file.seek(1000)
        assert file.read() == body[1000:]
        file.seek(0)
        assert file.read(16) == body[:16]
