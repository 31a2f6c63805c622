"""The lake under the roles of the workloads: the stream writes it, the proof only reads it."""

from collections.abc import Callable, Mapping

import boto3
import pyarrow as pa
import pytest
from deltalake import write_deltalake
from prometheus_client import CollectorRegistry

from contracts import Contract
from jobs.rollup.sales_per_minute import DEFINITION as SALES
from lake.commits import commit_batch
from lake.errors import LakeError, Unreadable
from lake.exporter.exporter import Exporter, parts
from lake.manifests import put_manifest
from lake.names import manifest_key
from lake.objects import ObjectStore
from lake.tables import DeltaTables, definitions, scan
from lake.verify import verify
from orchestration.health import gauge, newest_batch
from orchestration.manifests import streams
from tests.support.broker import Kafka
from tests.support.lake import DAY, TOPIC_ID, Lake, quarantine_rows, receipt_rows
from tests.support.platform import Cloud

pytestmark = pytest.mark.integration

FEED = "store.operations"
As = Callable[[str], DeltaTables]
STORES = pa.table({"store_id": ["330"], "time_zone": ["America/New_York"], "key_generation": pa.array([1], pa.int32())})
TOTAL = {
    "kafka_topic_id": TOPIC_ID,
    "kafka_partition": 0,
    "kafka_offset": 0,
    "ordinal": 0,
    "store_id": "330",
    "register_id": "1",
    "epoch": "0123456789ab",
    "first_seq": 1,
    "last_seq": 3,
    "revision": 1,
    "dt": DAY,
    "hour": 12,
}


@pytest.fixture
def tables_as(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> As:
    """The lake's tables, as a process of a workload opens them: with its token, by web identity."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def opened(workload: str) -> DeltaTables:
        for name, value in cloud.environment(workload).items():
            monkeypatch.setenv(name, value)
        store = ObjectStore(f"s3://{cloud.made.buckets['lake']}", aws=boto3.session.Session())
        # Web identity is read when credentials are first asked for, while the variables still name this workload.
        store.storage_options()
        return DeltaTables(store)

    return opened


def test_the_stream_writes_and_the_proof_reads(tables_as: As, all_contracts: Mapping[str, Contract]) -> None:
    """The stream's role makes tables and commits; the role of the proof finds them sound, and can change nothing."""
    chosen = {FEED: all_contracts[FEED]}
    writer = tables_as("spark-ingest")
    for definition in definitions(chosen.values()):
        writer.ensure(definition)
    lake = Lake(writer.store, writer, chosen)
    lake.begin(FEED)
    lake.ingest(0, {"quarantine": quarantine_rows([0, 1], feed=FEED)}, {0: 2}, feed=FEED)
    following = lake.manifest(1, {"quarantine": quarantine_rows([2], feed=FEED)}, {0: 3}, starts={0: 2}, feed=FEED)

    reader = tables_as("quality")
    report = verify(reader, chosen, None)
    assert report.sound
    assert report.feeds[0].partitions[0].quarantined == 2
    with pytest.raises(LakeError, match=r"could not be written as .*quality"):
        put_manifest(reader.store, following)
    with pytest.raises(LakeError, match="could not be committed to quarantine"):
        commit_batch(reader, chosen[FEED], following)

    put_manifest(writer.store, following)
    commit_batch(writer, chosen[FEED], following)
    assert verify(tables_as("quality"), chosen, None).feeds[0].batch == 1


def test_the_exporter_sees_all_that_it_tells(tables_as: As, all_contracts: Mapping[str, Contract]) -> None:
    """Under its own role the exporter can look at every part of the lake; receipts it cannot read."""
    writer = tables_as("spark-ingest")
    for definition in definitions(all_contracts.values()):
        writer.ensure(definition)
    lake = Lake(writer.store, writer, all_contracts)
    lake.begin("pos.receipts")
    lake.ingest(0, receipt_rows(range(3)), {0: 3})
    lake.begin("store.control-totals")
    lake.ingest(0, {"control_totals": [TOTAL]}, {0: 1}, feed="store.control-totals")
    reference = tables_as("reference-data")
    write_deltalake(
        reference.table_uri("dim_stores"), STORES, storage_options=reference.store.storage_options(), mode="overwrite"
    )

    own = tables_as("lake-exporter")
    registry = CollectorRegistry()
    watched = parts(lambda: DeltaTables(own.store), all_contracts)
    exporter = Exporter(watched, registry)
    assert [part.name for part in watched if not exporter.look(part)] == []
    assert registry.get_sample_value("tillstream_register_days", {"state": "missing"}) is not None
    assert registry.get_sample_value("tillstream_table_objects", {"table": "receipts"}) == 1
    with pytest.raises(Unreadable):
        list(scan(own.table("receipts"), ["total"]))


def test_the_triggerer_measures_every_stream(
    tables_as: As, kafka: Kafka, all_contracts: Mapping[str, Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under its own role and its own user of Kafka Airflow's triggerer measures all streams and sees new batches; rows
    it cannot read.
    """
    writer = tables_as("spark-ingest")
    for definition in definitions(all_contracts.values()):
        writer.ensure(definition)
    lake, feed = Lake(writer.store, writer, all_contracts), "store.inventory"
    lake.begin(feed)
    lake.ingest(0, {"quarantine": quarantine_rows([0, 1], feed=feed)}, {0: 2}, feed=feed)
    tables_as("spark-batch").ensure(SALES)

    own = tables_as("airflow-triggerer")
    monkeypatch.setattr("lake.objects.session", boto3.session.Session)
    for name, value in kafka.broker.workload_environment("airflow-triggerer").items():
        monkeypatch.setenv(name, value)
    assert newest_batch(feed) == manifest_key(feed, 1, 0)
    ingest = {feed for stream in streams() for feed in stream.feeds}
    assert ingest == all_contracts.keys()
    for stream in streams():
        gauge(stream).measure()
    with pytest.raises(LakeError, match=r"could not be listed as .*airflow-triggerer"):
        next(own.store.list("quarantine/"))
    with pytest.raises(LakeError, match=r"could not be written as .*airflow-triggerer"):
        own.store.put("receipts/_delta_log/x", b"x")


def test_many_objects_are_put_whole_and_only_where_the_role_may(cloud: Cloud, tables_as: As) -> None:
    """Objects put side by side are there with their checksum; one outside the role's prefixes is named and refused."""
    store = tables_as("spark-ingest").store
    objects = {f"quarantine/dt=2026-11-24/feed={number}.parquet": bytes([number]) * 1000 for number in range(20)}
    store.put_all(list(objects.items()))
    assert {key: store.get(key) for key in objects} == objects
    first = cloud.administrator().head_object(Bucket=store.bucket, Key=next(iter(objects)), ChecksumMode="ENABLED")
    assert first["ChecksumSHA256"]
    with pytest.raises(LakeError, match=r"sales_per_minute/x could not be written as .*spark-ingest"):
        store.put_all([("quarantine/y", b"y"), ("sales_per_minute/x", b"x")])
