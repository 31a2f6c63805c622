"""What the lake exporter tells of a lake on the emulated S3, and what it tells when it cannot see it."""

import datetime as dt
import time
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from prometheus_client import CollectorRegistry

from lake.exporter.completeness import Completeness
from lake.exporter.exporter import Exporter
from lake.exporter.families import Part
from lake.exporter.feeds import Feeds
from lake.exporter.looking import Unseen
from lake.exporter.quality import Quality
from lake.exporter.stores import Stores
from lake.exporter.tables import Tables
from lake.tables import DeltaTables
from tests.support.lake import DAY, NOON, TOPIC_ID, Lake, quarantine_rows, receipt_rows

pytestmark = pytest.mark.integration

OPERATIONS, TOTALS = "store.operations", "store.control-totals"
EPOCH = "0123456789ab"


def told(part: Part, name: str) -> dict[tuple[str, ...], float]:
    """The values of one metric by the values of its labels."""
    [family] = [each for each in part.metrics() if each.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in family.samples}


def own(lake: Lake) -> DeltaTables:
    return DeltaTables(lake.store)


def row(offset: int, **values: Any) -> dict[str, Any]:
    place = {"kafka_topic_id": TOPIC_ID, "kafka_partition": 0, "kafka_offset": offset, "ordinal": 0}
    return place | {"store_id": "330", "register_id": "1", "epoch": EPOCH, "dt": DAY, "hour": 12} | values


def reading(offset: int, kind: str, value: float, minute: int, store: str = "330") -> dict[str, Any]:
    at = NOON + dt.timedelta(minutes=minute)
    return row(offset, store_id=store, register_id="store", reading=kind, value=value, event_time=at)


def total(offset: int, register: str, first: int, last: int, revision: int = 1) -> dict[str, Any]:
    return row(offset, register_id=register, first_seq=first, last_seq=last, revision=revision)


def test_a_feed_is_where_its_newest_batch_ends(lake: Lake) -> None:
    """By feed and partition the first offset that is not in the lake, and the newest batch."""
    lake.begin()
    lake.ingest(0, receipt_rows(range(3)), {0: 3})
    lake.ingest(1, receipt_rows(range(3, 5), first_seq=4), {0: 5}, starts={0: 3})
    part = Feeds(own(lake), lake.contracts)
    part.look()
    offsets = told(part, "tillstream_feed_committed_offset")
    assert offsets["pos.receipts", "pos.receipts.v1", "0"] == 5
    assert offsets["pos.receipts", "pos.receipts.v1", "1"] == 0
    assert told(part, "tillstream_feed_batch") == {("pos.receipts",): 1}
    assert told(part, "tillstream_feed_generation") == {("pos.receipts",): 1}
    assert told(part, "tillstream_feed_batch_timestamp_seconds") == {("pos.receipts",): NOON.timestamp()}
    assert told(part, "tillstream_feed_freshness_objective_seconds")["pos.receipts",] == 60


def test_a_table_is_counted_by_its_log(lake: Lake) -> None:
    """Objects and bytes are the log's; small ones of ended days are those that could be joined."""
    lake.begin()
    lake.ingest(0, receipt_rows(range(3)), {0: 3})
    lake.ingest(1, receipt_rows(range(3, 5), first_seq=4), {0: 5}, starts={0: 3})
    for days, small in ((1, 0), (2, 1)):
        part = Tables(own(lake), ["receipts", "sales_per_minute"], lambda days=days: NOON + dt.timedelta(days=days))
        part.look()
        assert told(part, "tillstream_table_objects") == {("receipts",): 2}
        assert told(part, "tillstream_table_size_bytes")["receipts",] > 1000
        assert told(part, "tillstream_table_small_objects") == {("receipts",): small}


def test_a_store_is_as_it_last_reported(lake: Lake) -> None:
    """Of each store the newest reading counts, whatever order they come in; what was read once is not read again."""
    lake.begin(OPERATIONS)
    first = [
        reading(0, "heartbeat", 1, minute=5),
        reading(1, "outbox_depth", 70, minute=5),
        reading(2, "outbox_depth", 1, minute=1, store="331"),
    ]
    manifest = lake.ingest(0, {"operations": first}, {0: 3}, feed=OPERATIONS)
    part = Stores(own(lake), lake.contracts, lambda: NOON)
    part.look()
    heartbeats = "tillstream_store_heartbeat_timestamp_seconds"
    # 331 is a known store that has not been heard for as long as the first look goes back.
    silent = dt.datetime(2026, 11, 18, tzinfo=dt.UTC).timestamp()
    assert told(part, heartbeats) == {("330",): NOON.timestamp() + 300, ("331",): silent}
    assert told(part, "tillstream_store_reported_outbox_depth") == {("330",): 70, ("331",): 1}

    for each in manifest.objects["operations"]:
        lake.store._client.delete_object(Bucket=lake.store.bucket, Key=f"operations/{each.path}")
    later = [
        reading(3, "heartbeat", 1, minute=9, store="331"),
        reading(4, "heartbeat", 1, minute=2),
        reading(5, "outbox_age_seconds", 12.5, minute=9),
    ]
    lake.ingest(1, {"operations": later}, {0: 6}, starts={0: 3}, feed=OPERATIONS)
    part.look()
    assert told(part, heartbeats) == {("330",): NOON.timestamp() + 300, ("331",): NOON.timestamp() + 540}
    assert told(part, "tillstream_store_reported_outbox_age_seconds") == {("330",): 12.5}


def test_stores_come_and_go(lake: Lake) -> None:
    """A store that is entered later counts from then on; one that is taken out is not told of any more."""
    lake.begin(OPERATIONS)
    lake.ingest(0, {"operations": [reading(0, "heartbeat", 1, minute=5)]}, {0: 1}, feed=OPERATIONS)
    now = [NOON]
    part = Stores(own(lake), lake.contracts, lambda: now[0])
    part.look()
    heartbeats = "tillstream_store_heartbeat_timestamp_seconds"
    assert set(told(part, heartbeats)) == {("330",), ("331",)}
    table = lake.tables.table("dim_stores")
    row = {"store_id": "999", "name": "New", "time_zone": "UTC", "currency": "USD", "key_generation": 1}
    write_deltalake(table, pa.Table.from_pylist([row], pa.schema(table.schema().to_arrow())), mode="append")
    lake.tables.table("dim_stores").delete("store_id = '330'")
    now[0] += dt.timedelta(hours=3)
    part.look()
    assert set(told(part, heartbeats)) == {("331",), ("999",)}
    assert told(part, heartbeats)["999",] == now[0].timestamp()


def test_one_feed_that_cannot_be_seen_hides_no_other(lake: Lake) -> None:
    """The look fails for one feed, which is told on; the feeds after it are told anew."""
    lake.begin()
    lake.begin(OPERATIONS)
    manifest = lake.ingest(0, receipt_rows(range(3)), {0: 3})
    part = Feeds(own(lake), lake.contracts)
    part.look()
    lake.store._client.delete_object(Bucket=lake.store.bucket, Key=manifest.key)
    lake.ingest(0, {"operations": [reading(0, "heartbeat", 1, minute=5)]}, {0: 1}, feed=OPERATIONS)
    with pytest.raises(Unseen, match=r"pos\.receipts: receipts has batch 0"):
        part.look()
    assert told(part, "tillstream_feed_batch") == {("pos.receipts",): 0, (OPERATIONS,): 0}
    lake.store.delete("_batches/store.operations/current.json")
    with pytest.raises(Unseen, match=r"store\.operations: the pointer to its generation is gone"):
        part.look()
    assert (OPERATIONS,) in told(part, "tillstream_feed_batch")


def test_a_table_that_is_gone_is_told_of_no_more(lake: Lake) -> None:
    """Its figures go, the look counts as failed, and the tables after it are counted anew."""
    lake.begin()
    lake.ingest(0, receipt_rows(range(3)), {0: 3})
    part = Tables(own(lake), ["receipt_lines", "receipts"], lambda: NOON)
    part.look()
    for info in list(lake.store.list("receipt_lines/_delta_log/")):
        lake.store.delete(info.key)
    lake.with_rows("receipts", receipt_rows(range(3, 4), first_seq=9)["receipts"])
    with pytest.raises(Unseen, match="receipt_lines: its log is gone"):
        part.look()
    assert told(part, "tillstream_table_objects") == {("receipts",): 2}


def test_a_day_is_complete_when_every_receipt_is_there(lake: Lake) -> None:
    """Registers' days are counted by what has become of the receipts that their newest total counts."""
    refused = quarantine_rows([6])[0] | {"headers": [{"key": "event_id", "value": f"330:2:{EPOCH}:2".encode()}]}
    seen = {f"330:1:{EPOCH}": (1, 3), f"330:2:{EPOCH}": (1, 1, 3, 3), f"330:3:{EPOCH}": (1, 1)}
    lake.begin()
    lake.ingest(0, {**receipt_rows(range(6)), "quarantine": [refused]}, {0: 7}, sequences=seen)
    lake.begin(TOTALS)
    totals = [total(0, "1", 1, 9), total(1, "1", 1, 3, revision=2), total(2, "2", 1, 3), total(3, "3", 1, 4)]
    lake.ingest(0, {"control_totals": totals}, {0: 4}, feed=TOTALS)
    expected = {"complete": 1, "quarantined": 1, "pending": 1, "missing": 0}
    # The day ends at midnight in New York, and 24 hours later it is over for good.
    for now, changed in (
        (dt.datetime(2026, 11, 22, 4, 59, tzinfo=dt.UTC), {}),
        (dt.datetime(2026, 11, 22, 5, 0, tzinfo=dt.UTC), {"pending": 0, "missing": 1}),
    ):
        part = Completeness(own(lake), lake.contracts, lambda now=now: now)
        part.look()
        assert {
            state: count for (state,), count in told(part, "tillstream_register_days").items()
        } == expected | changed
        missing = {("330",): 3} if changed else {}
        assert told(part, "tillstream_store_missing_receipts") == missing


def test_before_the_first_validation_nothing_is_told_of_it(lake: Lake) -> None:
    """A lake without a quality ledger is no failure."""
    part = Quality(own(lake), lambda: NOON)
    part.look()
    assert told(part, "tillstream_quality_expectation_success") == {}


def test_an_old_judgement_is_no_news(lake: Lake) -> None:
    """When nobody validates any more, what was found last is told for two weeks."""
    row = {"feed": "pos.receipts", "suite": "rows", "table_name": "receipts", "expectation": "unique"}
    row |= {"severity": "error", "success": True, "violations": 0, "judgement": "1"}
    row |= {"judged_at": NOON, "judged_on": NOON.date()}
    uri, options = lake.tables.table_uri("quality_results"), lake.store.storage_options()
    write_deltalake(uri, pa.Table.from_pylist([row]), storage_options=options)
    now = [NOON]
    part = Quality(own(lake), lambda: now[0])
    for days, results in ((0, 1), (14, 1), (15, 0)):
        now[0] = NOON + dt.timedelta(days=days)
        part.look()
        assert len(told(part, "tillstream_quality_expectation_success")) == results


def test_what_was_never_seen_has_an_age(lake: Lake) -> None:
    """A part that cannot be seen from the start counts as last seen when the exporter was started."""
    registry = CollectorRegistry()
    began = time.time()
    Exporter([Feeds(own(lake), lake.contracts)], registry)
    seen_at = registry.get_sample_value("tillstream_exporter_look_timestamp_seconds", {"part": "feeds"})
    assert seen_at is not None
    assert began - 1 <= seen_at <= time.time()
    assert registry.get_sample_value("tillstream_exporter_look_duration_seconds", {"part": "feeds"}) is None


def test_what_cannot_be_seen_is_told_on_with_its_age(lake: Lake) -> None:
    """A look that fails is counted; what was seen before is told on, and so is when that was."""
    lake.begin()
    manifest = lake.ingest(0, receipt_rows(range(3)), {0: 3})
    registry = CollectorRegistry()
    part = Feeds(own(lake), lake.contracts)
    exporter = Exporter([part], registry)
    assert exporter.look(part)
    labels = {"part": "feeds"}
    seen_at = registry.get_sample_value("tillstream_exporter_look_timestamp_seconds", labels)
    lake.store._client.delete_object(Bucket=lake.store.bucket, Key=manifest.key)
    assert not exporter.look(part)
    assert registry.get_sample_value("tillstream_exporter_look_failures_total", labels) == 1
    assert registry.get_sample_value("tillstream_exporter_look_timestamp_seconds", labels) == seen_at
    offset = {"feed": "pos.receipts", "topic": "pos.receipts.v1", "partition": "0"}
    assert registry.get_sample_value("tillstream_feed_committed_offset", offset) == 3
