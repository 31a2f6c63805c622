"""What each workload may do in S3, by real requests with the roles that Terraform made: a refusal beside each leave.

A row of TABLE reads: this workload may send this request to the first key, and is refused at the second.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

import contracts
from lake.tables import definitions
from local.aws.provision import variables
from tests.support.platform import Cloud, assume

pytestmark = pytest.mark.integration

Request = Callable[[Any, str, str], Any]


def _in_parts(s3: Any, bucket: str, key: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"1")
    s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)


REQUESTS: dict[str, Request] = {
    "get": lambda s3, bucket, key: s3.get_object(Bucket=bucket, Key=key),
    "put": lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key, Body=b"1"),
    "put new": lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key, Body=b"1", IfNoneMatch="*"),
    "put parts": _in_parts,
    "copy": lambda s3, bucket, key: s3.copy_object(Bucket=bucket, Key=f"{key}-copy", CopySource=f"{bucket}/{key}"),
    "delete": lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key),
    "list": lambda s3, bucket, key: s3.list_objects_v2(Bucket=bucket, Prefix=key),
}

DAY = "dt=2026-11-23/hour=9/object.parquet"
LOG = "_delta_log/00000000000000000007.json"
MANIFEST = "_batches/pos.receipts/1/000000000007.json"
OFFSETS = "pos.receipts/1/offsets/7"

# fmt: off
TABLE = [
    # workload        request      bucket         allowed                            refused
    ("spark-ingest",   "put",       "lake",        f"receipts/{DAY}",                 f"sales_per_minute/{DAY}"),
    ("spark-ingest",   "put",       "lake",        f"quarantine/feed=f/{DAY}",        f"quarantine-2/{DAY}"),
    ("spark-ingest",   "put",       "lake",        f"duplicates/feed=f/{DAY}",        f"exports/receipts/{DAY}"),
    ("spark-ingest",   "put new",   "lake",        f"receipts/{LOG}",                 f"dim_stores/{LOG}"),
    ("spark-ingest",   "put new",   "lake",        MANIFEST,                          "_batches/other.feed/1/0.json"),
    ("spark-ingest",   "put parts", "lake",        f"receipts/{DAY}",                 f"dim_stores/{DAY}"),
    ("spark-ingest",   "get",       "lake",        f"receipts/{DAY}",                 f"sales_per_minute/{DAY}"),
    ("spark-ingest",   "get",       "lake",        f"dim_stores/{DAY}",               f"dim_products/{DAY}"),
    ("spark-ingest",   "get",       "lake",        MANIFEST,                          "_batches/other.feed/1/0.json"),
    ("spark-ingest",   "list",      "lake",        "receipts/_delta_log/",            ""),
    ("spark-ingest",   "list",      "lake",        "_batches/pos.receipts/",          "_batches/"),
    ("spark-ingest",   "list",      "lake",        "receipts/",                       "sales_per_minute/"),
    ("spark-ingest",   "put",       "checkpoints", f"ingest/{OFFSETS}",               f"batch/{OFFSETS}"),
    ("spark-ingest",   "get",       "checkpoints", f"ingest/{OFFSETS}",               f"batch/{OFFSETS}"),
    ("spark-ingest",   "copy",      "checkpoints", f"ingest/{OFFSETS}",               f"batch/{OFFSETS}"),
    ("spark-ingest",   "list",      "checkpoints", "ingest/",                         ""),
    ("spark-ingest",   "delete",    "checkpoints", f"ingest/{OFFSETS}",               f"batch/{OFFSETS}"),

    ("spark-batch",    "get",       "lake",        f"receipts/{DAY}",                 MANIFEST),
    ("spark-batch",    "get",       "lake",        f"dim_products/{DAY}",             f"dim_prices/{DAY}"),
    ("spark-batch",    "put",       "lake",        f"sales_per_minute/{DAY}",         f"receipts/{DAY}"),
    ("spark-batch",    "put new",   "lake",        f"sales_per_minute/{LOG}",         f"receipts/{LOG}"),
    ("spark-batch",    "put",       "lake",        f"exports/receipt_lines/{DAY}",    f"quarantine/feed=f/{DAY}"),
    ("spark-batch",    "list",      "lake",        "receipts/",                       ""),

    ("reference-data", "put",       "lake",        f"dim_stores/{DAY}",               f"receipts/{DAY}"),
    ("reference-data", "put new",   "lake",        f"dim_products/{LOG}",             f"receipts/{LOG}"),
    ("reference-data", "get",       "lake",        f"dim_products/{DAY}",             f"receipts/{DAY}"),
    ("reference-data", "list",      "lake",        "dim_stores/",                     "receipts/"),
]
# Workloads that only read, or not even that: the leave beside their refusal is another workload's.
REFUSED = [
    # workload        request      bucket         key                                who may
    ("quality",        "put",       "lake",        f"receipts/{DAY}",                 "spark-ingest"),
    ("quality",        "get",       "lake",        f"exports/receipt_lines/{DAY}",    "spark-batch"),
    ("spark-batch",    "get",       "lake",        f"quarantine/feed=f/{DAY}",        "quality"),
    ("spark-batch",    "get",       "checkpoints", f"ingest/{OFFSETS}",               "spark-ingest"),
    ("spark-batch",    "delete",    "checkpoints", f"ingest/{OFFSETS}",               "spark-ingest"),
    ("quality",        "get",       "checkpoints", f"ingest/{OFFSETS}",               "spark-ingest"),
    ("quality",        "list",      "checkpoints", "ingest/",                         "spark-ingest"),
    ("reference-data", "list",      "checkpoints", "ingest/",                         "spark-ingest"),
    ("topics",         "get",       "lake",        f"receipts/{DAY}",                 "quality"),
    ("topics",         "list",      "lake",        "receipts/",                       "quality"),
    ("topics",         "put",       "lake",        f"dim_stores/{DAY}",               "reference-data"),
]
# fmt: on


def test_reads_of_quality(cloud: Cloud):
    """Quality reads and lists whatever there is to prove, by prefix, but never a bucket as a whole."""
    quality = cloud.client("quality")
    lake = cloud.made.buckets["lake"]
    for key in (
        f"receipts/{DAY}",
        MANIFEST,
        f"dim_stores/{DAY}",
        f"sales_per_minute/{DAY}",
        f"quarantine/feed=f/{DAY}",
    ):
        _seed(cloud, "lake", key)
        quality.get_object(Bucket=lake, Key=key)
        quality.list_objects_v2(Bucket=lake, Prefix=key)
    assert _is_refused(lambda: quality.list_objects_v2(Bucket=lake))


@pytest.mark.parametrize(("workload", "request_name", "bucket", "allowed", "refused"), TABLE)
def test_leave_and_refusal(cloud: Cloud, workload: str, request_name: str, bucket: str, allowed: str, refused: str):
    """The workload's request is granted at its own prefix and refused at its neighbour's."""
    _seed(cloud, bucket, allowed, refused)
    if request_name == "put new":
        cloud.administrator().delete_object(Bucket=cloud.made.buckets[bucket], Key=allowed)
    s3 = cloud.client(workload)
    send = REQUESTS[request_name]
    send(s3, cloud.made.buckets[bucket], allowed)
    assert _is_refused(lambda: send(s3, cloud.made.buckets[bucket], refused))


@pytest.mark.parametrize(("workload", "request_name", "bucket", "key", "permitted"), REFUSED)
def test_refusal_beside_anothers_leave(
    cloud: Cloud, workload: str, request_name: str, bucket: str, key: str, permitted: str
):
    """The same request is refused to one workload and granted to another."""
    _seed(cloud, bucket, key)
    send = REQUESTS[request_name]
    assert _is_refused(lambda: send(cloud.client(workload), cloud.made.buckets[bucket], key))
    send(cloud.client(permitted), cloud.made.buckets[bucket], key)


@pytest.mark.parametrize("table", [each.name for each in definitions(contracts.load().values())])
def test_every_table_of_a_contract(cloud: Cloud, table: str):
    """Ingest writes each table that a contract names, quality reads it, and nobody deletes anything of it."""
    lake, key = cloud.made.buckets["lake"], f"{table}/{DAY}"
    ingest, quality = cloud.client("spark-ingest"), cloud.client("quality")
    ingest.put_object(Bucket=lake, Key=key, Body=b"1")
    assert quality.get_object(Bucket=lake, Key=key)["Body"].read() == b"1"
    for workload in cloud.made.role_arns:
        assert _is_refused(lambda workload=workload: cloud.client(workload).delete_object(Bucket=lake, Key=key))
    cloud.administrator().delete_object(Bucket=lake, Key=key)


def test_what_is_missing_is_missing(cloud: Cloud):
    """An object that is not there is reported as missing within a workload's prefix, and as closed outside."""
    ingest, lake = cloud.client("spark-ingest"), cloud.made.buckets["lake"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        ingest.get_object(Bucket=lake, Key="receipts/_delta_log/_last_checkpoint")
    assert _is_refused(lambda: ingest.get_object(Bucket=lake, Key="sales_per_minute/_delta_log/_last_checkpoint"))


@pytest.mark.parametrize("workload", ["spark-ingest", "spark-batch", "quality", "reference-data", "topics"])
def test_nobody_administers(cloud: Cloud, workload: str):
    """No workload can change a bucket, a version or a role, its own included; the administrator can read them all."""
    s3, iam, lake = cloud.client(workload), cloud.client(workload, "iam"), cloud.made.buckets["lake"]
    key = f"receipts/{DAY}"
    version = cloud.administrator().put_object(Bucket=lake, Key=key, Body=b"1")["VersionId"]
    for request in (
        lambda: s3.put_bucket_policy(Bucket=lake, Policy=json.dumps({"Version": "2012-10-17", "Statement": []})),
        lambda: s3.delete_bucket_policy(Bucket=lake),
        lambda: s3.put_bucket_versioning(Bucket=lake, VersioningConfiguration={"Status": "Suspended"}),
        lambda: s3.delete_object(Bucket=lake, Key=key, VersionId=version),
        lambda: s3.put_public_access_block(Bucket=lake, PublicAccessBlockConfiguration={"BlockPublicAcls": False}),
        lambda: s3.create_bucket(Bucket=f"{lake}-2"),
        s3.list_buckets,
        lambda: iam.put_role_policy(RoleName=f"tillstream-local-{workload}", PolicyName="all", PolicyDocument="{}"),
        iam.list_roles,
    ):
        assert _is_refused(request)
    assert cloud.administrator().get_bucket_policy(Bucket=lake)
    assert cloud.administrator("iam").list_roles()["Roles"]


def test_a_role_is_one_workloads(cloud: Cloud):
    """No service account assumes the role of another, by its token or by its own role."""
    roles = cloud.made.role_arns
    for workload in roles:
        token = cloud.account.issuer.mint(workload)
        assert assume(cloud.account, roles[workload], token)
        for other in roles.keys() - {workload}:
            assert _is_refused(lambda other=other, token=token: assume(cloud.account, roles[other], token))
    sts = cloud.client("spark-ingest", "sts")
    assert sts.get_caller_identity()["Arn"].endswith("tillstream-local-spark-ingest/test")
    assert _is_refused(lambda: sts.assume_role(RoleArn=roles["spark-batch"], RoleSessionName="test"))


@pytest.mark.parametrize("bucket", ["lake", "checkpoints", "artifacts"])
def test_buckets_are_closed(cloud: Cloud, bucket: str):
    """Each bucket keeps versions, encrypts, is closed to the public and owned by its account."""
    s3, name = cloud.administrator(), cloud.made.buckets[bucket]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    [encryption] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    [owner] = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"


def test_tls_only(cloud: Cloud):
    """A request that did not come by TLS is refused, whoever sends it; the same by TLS is granted."""
    ingest, lake = cloud.client("spark-ingest"), cloud.made.buckets["lake"]
    ingest.list_objects_v2(Bucket=lake, Prefix="receipts/")

    # As a proxy says that it took the request in plain text; the emulator itself listens by TLS only.
    def by_http(request: Any, **_: object) -> None:
        request.headers["x-forwarded-proto"] = "http"

    ingest.meta.events.register("before-send.s3.ListObjectsV2", by_http)
    assert _is_refused(lambda: ingest.list_objects_v2(Bucket=lake, Prefix="receipts/"))


def test_lifecycle_and_an_empty_second_plan(cloud: Cloud):
    """When the apply has ended, old versions expire, current ones never, and a second plan has nothing to do."""
    cloud.provisioning.finish()
    for bucket in cloud.made.buckets.values():
        rules = cloud.administrator().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert {rule["ID"]: rule["Status"] for rule in rules} == {
            "expire-old-versions": "Enabled",
            "abort-unfinished-uploads": "Enabled",
        }
        assert all("Days" not in rule.get("Expiration", {}) for rule in rules)
    assert cloud.provisioning.plan_is_empty(), variables(cloud.account)


def _seed(cloud: Cloud, bucket: str, *keys: str) -> None:
    for key in keys:
        if key and not key.endswith("/"):
            cloud.administrator().put_object(Bucket=cloud.made.buckets[bucket], Key=key, Body=b"seed")


def _is_refused(request: Callable[[], Any]) -> bool:
    """Whether the request fails for want of permission. Any other failure is an error of the test."""
    try:
        request()
    except ClientError as error:
        if error.response["Error"]["Code"] != "AccessDenied":
            raise
        return True
    return False
