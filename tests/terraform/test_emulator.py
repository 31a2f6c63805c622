from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_root import client, emulated_aws

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]


def test_what_is_asked_again_is_made_once(tmp_path: Path) -> None:
    """A request that comes again under its id gets its first answer; under another id, moto's own."""
    with emulated_aws(tmp_path) as aws:
        iam, ids = client(aws, "iam"), iter(["first", "first", "second"])
        iam.meta.events.register(
            "before-send.iam", lambda request, **_: request.headers.__setitem__("amz-sdk-invocation-id", next(ids))
        )
        made, again = (iam.create_group(GroupName="tills")["Group"] for _ in range(2))
        assert made == again
        with pytest.raises(ClientError, match="EntityAlreadyExists"):
            iam.create_group(GroupName="tills")
