import fnmatch
import json
from typing import Any

import xmltodict
from moto.s3 import responses
from moto.s3.models import FakeBucket
from moto.s3.responses import S3Response


class S3(S3Response):
    """aws_s3_bucket_metric: kept as it was written.

    aws_s3_bucket_logging: the form of the objects' names, and whether the target's policy lets S3 deliver (moto's own
    check knows one form of policy only).
    """

    metrics: dict[tuple[str, str], bytes] = {}  # noqa: RUF012 - kept as long as the emulator runs

    def get_bucket_logging(self) -> Any:
        answer = super().get_bucket_logging()
        form = self.backend.get_bucket_logging(self.bucket_name).get("TargetObjectKeyFormat")
        if not form:
            return answer
        status, headers, body = answer
        xml = xmltodict.unparse({"TargetObjectKeyFormat": form}, full_document=False)
        return status, headers, body.replace("</LoggingEnabled>", f"{xml}</LoggingEnabled>")

    def _bucket_response_get(self, bucket_name: str, querystring: dict[str, Any]) -> Any:
        if "metrics" not in querystring:
            return super()._bucket_response_get(bucket_name, querystring)
        found = self.metrics.get((bucket_name, querystring["id"][0]))
        return (200, {}, found) if found else (404, {}, "<Error><Code>NoSuchConfiguration</Code></Error>")

    def _bucket_response_put(self, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
        if "metrics" not in querystring:
            return super()._bucket_response_put(request, bucket_name, querystring)
        self.metrics[bucket_name, querystring["id"][0]] = self.body
        return 200, {}, ""

    def _bucket_response_delete(self, bucket_name: str, querystring: dict[str, Any]) -> Any:
        if "metrics" not in querystring:
            return super()._bucket_response_delete(bucket_name, querystring)
        del self.metrics[bucket_name, querystring["id"][0]]
        return 204, {}, ""


def may_deliver(target_bucket: FakeBucket, target_prefix: str | None) -> bool:
    """Whether the bucket's policy lets S3 put its logs under this prefix."""
    example = f"{target_bucket.arn}/{target_prefix or ''}log"
    for statement in json.loads(target_bucket.policy or "{}").get("Statement", []):
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        if (
            statement["Effect"] == "Allow"
            and statement["Principal"] == {"Service": "logging.s3.amazonaws.com"}
            and any(fnmatch.fnmatchcase(example, resource) for resource in resources)
        ):
            return True
    return False


def install() -> None:
    FakeBucket._log_permissions_enabled_policy = staticmethod(may_deliver)
    # The service's urls are imported anew when it is first asked.
    responses.S3Response = S3
