"""The health of the streams, measured from outside: from the broker and the tables' logs alone."""

import pytest
from deltalake import CommitProperties
from deltalake.transaction import Transaction

import contracts
from jobs.rollup.sales_per_minute import DEFINITION
from lake.names import rollup_id
from orchestration.health import IngestGauge, RollupGauge
from tests.support.broker import Kafka
from tests.support.lake_rows import day_of_receipts, receipt_tables
from tests.support.messages import Till
from tests.support.scratch_lake import ScratchLake

pytestmark = pytest.mark.integration

RECEIPTS = "pos.receipts"


class Clock:
    """Time as the test tells it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def rolled_up_to(lake: ScratchLake, version: int) -> None:
    """As the rollup's commit notes it."""
    name = rollup_id(DEFINITION.name, str(lake.tables.table("receipts").metadata().id))
    table = lake.tables.table(DEFINITION.name)
    table.create_write_transaction(
        [],
        "append",
        table.schema(),
        list(DEFINITION.partition_columns),
        commit_properties=CommitProperties(app_transactions=[Transaction(name, version)]),
    )


def test_a_rollup_lags_while_changed_rows_wait(scratch_lake: ScratchLake, clock: Clock):
    """From the look that sees receipts that are not rolled up, until they are."""
    scratch_lake.tables.ensure(DEFINITION)
    gauge = RollupGauge(clock)
    rolled_up_to(scratch_lake, 0)
    assert gauge.measure().lag_seconds == 0

    scratch_lake.append("receipts", receipt_tables(day_of_receipts(3))["receipts"])
    assert gauge.measure().lag_seconds == 0
    clock.now += 40
    assert gauge.measure().lag_seconds == 40

    rolled_up_to(scratch_lake, 1)
    clock.now += 40
    assert gauge.measure().lag_seconds == 0


def test_compaction_leaves_a_rollup_nothing_to_do(scratch_lake: ScratchLake, clock: Clock):
    """Rows that only move between objects are no lag, however far the versions go ahead."""
    scratch_lake.tables.ensure(DEFINITION)
    for _ in range(2):
        scratch_lake.append("receipts", receipt_tables(day_of_receipts(3))["receipts"])
    rolled_up_to(scratch_lake, 2)
    gauge = RollupGauge(clock)
    gauge.measure()

    assert scratch_lake.tables.table("receipts").optimize.compact()["numFilesRemoved"] == 2
    assert scratch_lake.tables.table("receipts").version() == 3
    for _ in range(2):
        clock.now += 600
        assert gauge.measure().lag_seconds == 0


@pytest.mark.usefixtures("scratch_lake")
def test_an_ingest_lags_while_messages_wait(kafka: Kafka, clock: Clock, monkeypatch: pytest.MonkeyPatch):
    """A feed that has committed nothing and has messages lags from the first look; it names itself."""
    for name, value in kafka.broker.workload_environment("airflow-triggerer").items():
        monkeypatch.setenv(name, value)
    producer = kafka.producer()
    Till().message().send(producer, "pos.receipts.v1")
    assert producer.flush(60) == 0
    gauge = IngestGauge({RECEIPTS: contracts.load()[RECEIPTS]}, clock)
    gauge.measure()
    clock.now += 25
    found = gauge.measure()
    assert (found.feed, found.lag_seconds, found.idle_seconds) == (RECEIPTS, 25, float("inf"))
