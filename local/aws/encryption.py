"""The keys that a writer asks for, as bucket policies see them.

MiniStack evaluates policies without two of the condition keys of a put: which KMS key it names, and that it brings a
key of its own. `install` adds them. It replaces a private function of MiniStack 1.5.33: see `web_identity`.
"""

from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions

HEADERS = ("x-amz-server-side-encryption-aws-kms-key-id", "x-amz-server-side-encryption-customer-algorithm")


def install() -> None:
    known = iam_actions._s3_object_context  # noqa: SLF001 - see the module

    def with_keys(action: str, query: Mapping[str, Any], path: str, headers: Mapping[str, str]) -> dict[str, Any]:
        context: dict[str, Any] = known(action, query, path, headers)
        # A part and the completion of an upload carry no headers: the request that began it decided.
        if action == "s3:PutObject" and "uploadId" not in query:
            context |= {f"s3:{name}": headers[name] for name in HEADERS if headers.get(name)}
        return context

    iam_actions._s3_object_context = with_keys  # noqa: SLF001 - see the module
