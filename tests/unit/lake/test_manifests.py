import json

import pytest

from lake.errors import LakeError
from lake.manifests import BatchManifest, DataObject, Generation, OffsetRange

MANIFEST = BatchManifest(
    feed="pos.receipts",
    generation=2,
    batch=7,
    topic="pos.receipts.v1",
    topic_id="AbCdEfGhIjKlMnOpQrStUv",
    ranges=(OffsetRange(0, 10, 20), OffsetRange(1, 5, 5)),
    objects={
        "receipts": (DataObject("dt=2026-11-23/hour=7/x.parquet", 10, 2, {"dt": "2026-11-23"}, {"numRecords": 2}),)
    },
    sequences={"330:1:0123456789ab": (1, 4, 6, 6)},
    previous="_batches/pos.receipts/2/000000000006.json",
    snapshot=None,
    counts={"receipts": 2},
    batch_time="2026-11-23T12:00:00.000Z",
    writer="0123",
    job_version="0.1.0",
    contract_version="1.0.0",
)


def test_a_manifest_survives_its_json() -> None:
    """What is read back is what was written."""
    assert BatchManifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_a_manifest_knows_where_every_partition_stands() -> None:
    """The end offsets hold partitions that had nothing in the batch, too."""
    assert MANIFEST.end_offsets == {0: 20, 1: 5}
    assert MANIFEST.range_of(1) == OffsetRange(1, 5, 5)
    assert MANIFEST.key == "_batches/pos.receipts/2/000000000007.json"
    assert MANIFEST.application_id == "pos.receipts/2"


@pytest.mark.parametrize(
    ("previous", "batch"),
    [
        ("_batches/pos.receipts/2/000000000006.json", 6),
        ("_batches/pos.receipts/1/000000000040.json", None),
        (None, None),
    ],
)
def test_the_batch_before_is_one_of_the_same_generation(previous: str | None, batch: int | None) -> None:
    """A generation's first batch follows none, though its manifest may name one of the generation before."""
    fields = json.loads(MANIFEST.to_json()) | {"previous": previous}
    assert BatchManifest.from_json(json.dumps(fields).encode()).previous_batch == batch


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"feed": 1}', b"\xff"])
def test_what_is_no_manifest_is_refused(body: bytes) -> None:
    """A broken manifest is an error that says so, never half a batch."""
    with pytest.raises(LakeError, match="manifest cannot be read"):
        BatchManifest.from_json(body)


def test_a_generation_survives_its_json() -> None:
    """Partitions stay numbers, though JSON has only text for keys."""
    generation = Generation("pos.receipts", 2, "pos.receipts.v1", "AbCdEfGhIjKlMnOpQrStUv", 2, {0: 5, 1: 0}, None)
    assert Generation.from_json(generation.to_json()) == generation


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"starting_offsets": {"a": 1}}'])
def test_what_is_no_generation_is_refused(body: bytes) -> None:
    """A broken pointer is an error that says so, never a first generation."""
    with pytest.raises(LakeError, match="generation cannot be read"):
        Generation.from_json(body)
