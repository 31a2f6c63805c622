import pytest

from local.aws.recording import place, role_of


@pytest.mark.parametrize(
    ("resource", "context", "expected"),
    [
        ("arn:aws:s3:::a-lake/receipts/dt=2026-11-23/hour=9/x.parquet", {}, "receipts/dt="),
        ("arn:aws:s3:::a-lake/receipts/_delta_log/00000000000000000007.json", {}, "receipts/_delta_log"),
        ("arn:aws:s3:::a-lake", {"s3:prefix": "_batches/pos.receipts/"}, "_batches/pos.receipts"),
        ("arn:aws:s3:::a-lake", {}, ""),
    ],
)
def test_kinds_of_places(resource: str, context: dict[str, str], expected: str):
    """A request is noted by the first two steps of its key or prefix, without the values of partitions."""
    assert place(resource, context) == {"bucket": "a-lake", "prefix": expected}


def test_only_roles_are_noted():
    """Of an assumed role its name is noted; the administrator has none."""
    assert (
        role_of("arn:aws:sts::000000000000:assumed-role/tillstream-local-quality/session") == "tillstream-local-quality"
    )
    assert role_of("arn:aws:iam::000000000000:root") == ""
