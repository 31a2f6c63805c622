import pytest

from lake.errors import SettingsError
from lake.settings import LakeSettings, bucket_of


def test_both_buckets_are_read() -> None:
    """The two variables of the platform are all that is needed; a slash at the end does not matter."""
    environ = {"TILLSTREAM_LAKE_URI": "s3://the-lake/", "TILLSTREAM_CHECKPOINTS_URI": "s3://the-checkpoints"}
    assert LakeSettings.from_env(environ) == LakeSettings("s3://the-lake", "s3://the-checkpoints")
    assert bucket_of("s3://the-lake") == "the-lake"


def test_every_fault_is_named_at_once() -> None:
    """One message names what is missing and what is wrong."""
    with pytest.raises(SettingsError, match=r"LAKE_URI is 'file:///lake'.*CHECKPOINTS_URI is not set"):
        LakeSettings.from_env({"TILLSTREAM_LAKE_URI": "file:///lake"})


@pytest.mark.parametrize("uri", ["s3://", "s3://Lake", "s3://lake/prefix", "lake"])
def test_what_is_no_bucket_is_refused(uri: str) -> None:
    """A lake is a whole bucket."""
    with pytest.raises(SettingsError, match="is not s3"):
        bucket_of(uri)
