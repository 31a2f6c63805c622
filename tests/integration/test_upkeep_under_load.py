"""Upkeep beside the real stream: a broker, the driver and its workers, the emulated AWS."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from contracts.system_tables import QUARANTINE
from lake.objects import ObjectStore
from lake.tables import DeltaTables
from lake.upkeep import cleaning
from lake.upkeep.compaction import compact
from lake.verify import verify
from tests.support.broker import start_kafka
from tests.support.ingest import CHECKPOINTS, Platform, each_once, running_platform
from tests.support.messages import RECEIPTS, Till
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

TABLES = ("receipt_lines", "receipt_tenders", "receipts")
NEW_STORE = "999"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """On a broker of its own: what other tests have sent would be refused, and redriven with the rest."""
    kafka = start_kafka(tmp_path_factory.mktemp("upkeep-kafka"))
    try:
        with running_platform(kafka, tmp_path_factory.mktemp("upkeep")) as running:
            yield running
    finally:
        kafka.broker.stop()


def compacted(platform: Platform) -> int:
    """How many partitions were, also those into which the stream is writing."""
    tables = DeltaTables(platform.store)
    done = [
        each
        for name in TABLES
        for each in compact(tables, name, now=datetime.now(UTC), quiet=timedelta(0))
        if each.version is not None
    ]
    return len(done)


def assert_sound(platform: Platform) -> None:
    report = verify(DeltaTables(platform.store), platform.contracts, None)
    assert report.sound, [*report.findings, *(feed.findings for feed in report.feeds)]


def test_compaction_under_load(platform: Platform):
    """While the stream commits batch after batch, its tables are compacted; no reader sees a row missing or twice."""
    run = platform.start([RECEIPTS])
    till = Till()
    exchanged = 0
    for _ in range(5):
        platform.send(RECEIPTS, till.messages(50))
        before = platform.sent(RECEIPTS)
        exchanged += compacted(platform) if platform.tables.exists("receipts") else 0
        platform.wait_until_in_lake(run, [RECEIPTS])
        assert platform.found(RECEIPTS) == before
    exchanged += compacted(platform)
    assert exchanged > len(TABLES)
    each_once([RECEIPTS], platform)
    assert_sound(platform)


def test_redrive_beside_the_stream(platform: Platform):
    """What was refused is brought in beside a driver, which then stops; the next one goes on and nothing is doubled."""
    run = platform.runs[-1]
    stranger = Till(store_id=NEW_STORE)
    refused = list(stranger.messages(5))
    platform.send(RECEIPTS, refused)
    platform.wait_until_in_lake(run, [RECEIPTS])
    assert len(platform.rows(QUARANTINE, feed=RECEIPTS)) == 5

    row = {"store_id": NEW_STORE, "name": "New", "time_zone": "UTC", "currency": "USD", "key_generation": 1}
    table = platform.tables.table("dim_stores")
    write_deltalake(table, pa.Table.from_pylist([row], pa.schema(table.schema().to_arrow())), mode="append")
    done = platform.tillstream("quarantine", "redrive", f"--feed={RECEIPTS}")["feeds"][RECEIPTS]
    assert (len(done["accepted"]), done["refused"]) == (5, [])
    assert platform.rows(QUARANTINE, feed=RECEIPTS) == []

    # The driver of before is outrun as soon as it has something to decide; the messages come again, and are duplicates.
    platform.send(RECEIPTS, refused)
    wait_for(
        lambda: run.process.poll() is not None,
        300,
        lambda: f"the end of the driver that was sealed: {run.said()[-2000:]}",
    )
    following = platform.start([RECEIPTS])
    platform.wait_until_in_lake(following, [RECEIPTS])
    each_once([RECEIPTS], platform)
    assert len(platform.rows("duplicates", feed=RECEIPTS)) == 5
    # The first driver had written objects for a batch that it could then not decide: they are the clean-up's.
    checkpoints = ObjectStore(f"s3://{CHECKPOINTS}", aws=platform.store._session)
    later = datetime.now(UTC) + timedelta(days=2)
    cleaning.plan(DeltaTables(platform.store), checkpoints, platform.contracts, later).carry_out()
    assert_sound(platform)


def test_replay_beside_the_stream(platform: Platform):
    """Rows that were spoilt are made anew from the real topic while the stream goes on; tables are what they were."""
    run = platform.runs[-1]
    right = {name: _rows(platform, name) for name in TABLES}
    for name, column in (("receipts", "total"), ("receipt_lines", "amount"), ("receipt_tenders", "amount")):
        platform.tables.table(name).update(updates={column: f"{column} + 1"}, predicate="kafka_offset % 3 = 0")
    assert _rows(platform, "receipts") != right["receipts"]
    later = Till(register_id="2")
    platform.send(RECEIPTS, later.messages(50))
    days = sorted({str(row["dt"]) for row in platform.rows("receipts", "dt")})
    done = platform.tillstream("replay", RECEIPTS, *(f"--business-date={day}" for day in days))
    assert (done["refused"], done["restored"]) == ([], 0)
    assert {each["table"] for each in done["tables"] if each["version"]} == set(TABLES)
    platform.wait_until_in_lake(run, [RECEIPTS])
    known = {(row["kafka_partition"], row["kafka_offset"]) for row in right["receipts"]}
    for name in TABLES:
        found = [row for row in _rows(platform, name) if (row["kafka_partition"], row["kafka_offset"]) in known]
        assert found == right[name]
    each_once([RECEIPTS], platform)
    assert_sound(platform)


def _rows(platform: Platform, name: str) -> list[dict[str, Any]]:
    return sorted(platform.rows(name), key=lambda row: (row["kafka_partition"], row["kafka_offset"], row["ordinal"]))
