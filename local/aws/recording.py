"""A record of which role asked S3 for what: one line of JSON for each kind of request, when it is first seen.

`install` puts it around MiniStack's check of permissions, after `administrator`. It replaces a public function of
MiniStack 1.5.33 that is none of its interface: see `web_identity`.
"""

import json
import re
from pathlib import Path
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id

ACTIONS = ("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject")


def install(file: Path) -> None:
    """Append to `file` whatever roles ask for from now on."""
    enforce = iam_evaluator.enforce
    roles: dict[str, str] = {}
    seen: set[str] = set()

    def recorded(access_key_id: str, iam_action: str, service: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        refused = enforce(access_key_id, iam_action, service, *arguments, **options)
        if service == "s3":
            if access_key_id not in roles:
                principal = iam_evaluator.resolve_principal(access_key_id, get_account_id())
                roles[access_key_id] = role_of(getattr(principal, "arn", ""))
            request = {
                "role": roles[access_key_id],
                "action": iam_action,
                "allowed": refused is None,
                **place(options.get("resource_arn", "*"), options.get("service_context") or {}),
            }
            line = json.dumps(request)
            if request["role"] and line not in seen:
                seen.add(line)
                with file.open("a") as record:
                    record.write(f"{line}\n")
        return refused

    iam_evaluator.enforce = recorded


def role_of(arn: str) -> str:
    """The name in the ARN of an assumed role, or "" for anyone else."""
    match = re.fullmatch(r"arn:[a-z-]+:sts::\d+:assumed-role/([^/]+)/.+", arn)
    return match[1] if match else ""


def place(resource_arn: str, context: dict[str, Any]) -> dict[str, str]:
    """Bucket and prefix: the first two steps of the key, values of partitions left out, so that kinds are few."""
    bucket, _, key = resource_arn.removeprefix("arn:aws:s3:::").partition("/")
    key = key or str(context.get("s3:prefix", ""))
    steps = [re.sub(r"=.*", "=", step) for step in key.split("/")]
    return {"bucket": bucket, "prefix": "/".join(steps[:2])}
