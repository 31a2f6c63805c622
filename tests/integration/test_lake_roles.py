"""The lake under the roles of the workloads: the stream writes it, the proof only reads it."""

from collections.abc import Callable, Mapping

import boto3
import pytest

from contracts import Contract
from lake.commits import commit_batch
from lake.errors import LakeError
from lake.manifests import put_manifest
from lake.objects import ObjectStore
from lake.tables import DeltaTables, definitions
from lake.verify import verify
from tests.support.lake import Lake, quarantine_rows
from tests.support.platform import Cloud

pytestmark = pytest.mark.integration

FEED = "store.operations"
As = Callable[[str], DeltaTables]


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
