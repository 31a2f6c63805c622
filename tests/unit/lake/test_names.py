import pytest

from lake import names

TOPIC_ID = "-bCdEfGh_jKl-nOpQrStU-"


def test_a_path_says_what_an_object_holds() -> None:
    """A path names the partition of the table, the offsets and the content; what is parsed is what was named."""
    path = names.object_path({"dt": "2026-11-23", "hour": "7"}, TOPIC_ID, 3, first=10, last=19, body=b"rows")
    assert path == f"dt=2026-11-23/hour=7/{TOPIC_ID}-3-10-19.{names.digest(b'rows')}.parquet"
    assert names.parse(path) == names.ObjectName(TOPIC_ID, 3, 10, 19, names.digest(b"rows"))


def test_other_content_is_another_object() -> None:
    """Two drivers that write the same offsets differently never write the same object."""
    paths = {names.object_path({}, TOPIC_ID, 0, first=0, last=1, body=body) for body in (b"one", b"other")}
    assert len(paths) == 2


@pytest.mark.parametrize(
    "path", ["part-00000-c000.zstd.parquet", "dt=2026-11-23/x.parquet", "_delta_log/00000000000000000000.json", ""]
)
def test_names_of_others_are_not_parsed(path: str) -> None:
    """An object that the ingest job did not name has no offsets in its name."""
    assert names.parse(path) is None


def test_keys_of_batches_sort_as_the_batches() -> None:
    """A listing of a generation's manifests is in the order of its batches."""
    keys = [names.manifest_key("pos.receipts", 2, batch) for batch in (9, 10, 100_000)]
    assert keys == sorted(keys)
    assert names.batch_of(keys[1]) == ("pos.receipts", 2, 10)
    snapshot = names.snapshot_key("pos.receipts", 2, 10, b"state")
    assert snapshot.startswith(keys[1].removesuffix("json"))
    assert names.snapshot_of(snapshot) == ("pos.receipts", 2, 10)
    assert names.generation_key("pos.receipts") == "_batches/pos.receipts/current.json"
    assert names.application_id("pos.receipts", 2) == "pos.receipts/2"
