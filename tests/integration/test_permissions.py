"""What each workload may do, by real requests with the roles that Terraform made.

tests/support/permissions_table.py is the table. Every workload sends every request to every place of it: what the table
grants succeeds, everything else is refused, each refusal beside a leave (another place's, another workload's, or the
administrator's).
"""

import fnmatch
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import jwt
import pytest
from botocore.exceptions import ClientError

import contracts
from jobs.rollup.sales_per_minute import TABLE as CURATED
from lake.tables import definitions
from local.aws.issuer import Issuer
from local.aws.provision import variables
from tests.support.permissions import Place, expected, in_policy, matrix, rows_of, workloads
from tests.support.platform import Cloud, assume

pytestmark = pytest.mark.integration

Request = Callable[[Any, str, str], Any]


def _in_parts(s3: Any, bucket: str, key: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"1")
    s3.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload)


# What stands behind each letter of the table.
REQUESTS: dict[str, list[Request]] = {
    "L": [lambda s3, bucket, key: s3.list_objects_v2(Bucket=bucket, Prefix=key)],
    "R": [
        lambda s3, bucket, key: s3.get_object(Bucket=bucket, Key=key),
        lambda s3, bucket, key: s3.head_object(Bucket=bucket, Key=key),
    ],
    "W": [
        lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=key, Body=b"1"),
        lambda s3, bucket, key: s3.put_object(Bucket=bucket, Key=f"{key}-new", Body=b"1", IfNoneMatch="*"),
        _in_parts,
    ],
    "D": [lambda s3, bucket, key: s3.delete_object(Bucket=bucket, Key=key)],
}
NOBODY = [place for place, cells in matrix().items() if not any(cells.values())]


@pytest.fixture(scope="module", autouse=True)
def as_found(cloud: Cloud) -> Iterator[None]:
    """Others use these buckets after this module: what it has put there is gone then."""
    before = _objects(cloud)
    yield
    for bucket, key in _objects(cloud) - before:
        cloud.administrator().delete_object(Bucket=bucket, Key=key)


@pytest.fixture(scope="module")
def seeded(cloud: Cloud) -> Mapping[Place, str]:
    """By place, the key of an object in it."""
    administrator = cloud.administrator()
    keys = {place: f"{rows_of(place).removesuffix('dt=')}dt=2026-11-23/object.parquet" for place in matrix()}
    for place, key in keys.items():
        administrator.put_object(Bucket=cloud.made.buckets[place.bucket], Key=key, Body=b"seed")
    return keys


@pytest.mark.parametrize("workload", workloads())
def test_every_request_at_every_place(cloud: Cloud, seeded: Mapping[Place, str], workload: str):
    """A workload's request succeeds where the table has its letter, and is refused everywhere else."""
    s3, administrator = cloud.client(workload), cloud.administrator()
    wrong = []
    for place, cells in matrix().items():
        bucket, key = cloud.made.buckets[place.bucket], seeded[place]
        for letter, requests in REQUESTS.items():
            for number, request in enumerate(requests):
                # A listing asks for the place itself, everything else for an object in it.
                granted = not _is_refused(partial(request, s3, bucket, place.prefix if letter == "L" else key))
                if granted != (letter in cells[workload]):
                    wrong.append(f"{letter} (request {number}) at {place} was {'granted' if granted else 'refused'}")
                if granted and letter in "WD":
                    administrator.put_object(Bucket=bucket, Key=key, Body=b"seed")
                    administrator.delete_object(Bucket=bucket, Key=f"{key}-new")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("place", NOBODY, ids=str)
def test_what_is_closed_to_all_workloads_is_there(cloud: Cloud, seeded: Mapping[Place, str], place: Place):
    """Where every workload is refused, the administrator is not: the refusals are the roles'."""
    administrator, bucket = cloud.administrator(), cloud.made.buckets[place.bucket]
    for letter, requests in REQUESTS.items():
        for request in requests:
            request(administrator, bucket, place.prefix if letter == "L" else seeded[place])
    administrator.put_object(Bucket=bucket, Key=seeded[place], Body=b"seed")
    administrator.delete_object(Bucket=bucket, Key=f"{seeded[place]}-new")


@pytest.mark.parametrize("workload", workloads())
def test_a_policy_is_the_union_of_the_table(cloud: Cloud, workload: str):
    """A role has one policy, as Terraform applied it, and that grants what the table says: no more, no less."""
    iam = cloud.administrator("iam")
    role = cloud.made.role_arns[workload].rsplit("/", 1)[-1]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["permissions"]
    policy = iam.get_role_policy(RoleName=role, PolicyName="permissions")["PolicyDocument"]
    granted, wanted = in_policy(policy), expected(workload, cloud.made.buckets)
    assert sorted(granted - wanted) == []
    assert sorted(wanted - granted) == []


def test_the_table_is_whole(cloud: Cloud):
    """The table names every workload that Terraform made, and every table of the lake with its log."""
    assert sorted(cloud.made.role_arns) == workloads()
    tables = {each.name for each in definitions(contracts.load().values())} | {CURATED, "dim_stores", "dim_products"}
    named = {place.prefix for place in matrix() if place.bucket == "lake"}
    assert named >= {f"{table}/" for table in tables} | {f"{table}/_delta_log/" for table in tables}
    assert named >= {f"_batches/{feed}/" for feed in contracts.load()}


def test_what_is_missing_is_missing(cloud: Cloud):
    """An object that is not there is reported as missing within a workload's prefix, and as closed outside."""
    ingest, lake = cloud.client("spark-ingest"), cloud.made.buckets["lake"]
    with pytest.raises(ClientError, match="NoSuchKey"):
        ingest.get_object(Bucket=lake, Key="receipts/_delta_log/_last_checkpoint")
    assert _is_refused(lambda: ingest.get_object(Bucket=lake, Key="sales_per_minute/_delta_log/_last_checkpoint"))


def test_a_copy_reads_and_writes(cloud: Cloud, seeded: Mapping[Place, str]):
    """A copy within checkpoints, as Hadoop renames, is granted to the stream; one from another's prefix is not."""
    ingest, checkpoints = cloud.client("spark-ingest"), cloud.made.buckets["checkpoints"]
    own, foreign = seeded[Place("checkpoints", "ingest/")], seeded[Place("checkpoints", "rollup/")]
    ingest.copy_object(Bucket=checkpoints, Key=f"{own}-2", CopySource=f"{checkpoints}/{own}")
    for target, source in ((f"{own}-2", foreign), (f"{foreign}-2", own)):
        copy = {"Bucket": checkpoints, "Key": target, "CopySource": f"{checkpoints}/{source}"}
        assert _is_refused(lambda copy=copy: ingest.copy_object(**copy))


@pytest.mark.parametrize("workload", workloads())
def test_nobody_administers(cloud: Cloud, workload: str):
    """No workload can change a bucket, a version or a role, its own included; the administrator can read them all."""
    s3, iam, lake = cloud.client(workload), cloud.client(workload, "iam"), cloud.made.buckets["lake"]
    key = "receipts/dt=2026-11-23/hour=9/kept.parquet"
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


@pytest.mark.parametrize("workload", workloads())
def test_a_role_is_one_workloads(cloud: Cloud, workload: str):
    """A role is assumed with the token of its own service account, and refused to every other workload's."""
    for other in workloads():
        if other == workload:
            assert assume(cloud.account, cloud.made.role_arns[workload], cloud.token(other))
        else:
            assert _refusal_of(cloud, workload, cloud.token(other)) == "AccessDenied"


@pytest.mark.parametrize("workload", workloads())
def test_tokens_that_are_not_good(cloud: Cloud, workload: str, stranger: bytes):
    """Of a good token, another namespace, audience, time or signer is refused, role by role."""
    good = cloud.token(workload)
    assert assume(cloud.account, cloud.made.role_arns[workload], good)
    claims, header = jwt.decode(good, options={"verify_signature": False}), jwt.get_unverified_header(good)
    forged = jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": header["kid"]})
    tokens = {
        cloud.token(workload, namespace="default"): "AccessDenied",
        cloud.token(workload, audience="vault"): "InvalidIdentityToken",
        cloud.token(workload, lifetime_seconds=-1): "ExpiredTokenException",
        forged: "InvalidIdentityToken",
    }
    for token, code in tokens.items():
        assert _refusal_of(cloud, workload, token) == code


def test_no_role_leads_to_another(cloud: Cloud):
    """A role, once assumed, is itself and cannot go on to another one."""
    sts = cloud.client("spark-ingest", "sts")
    assert sts.get_caller_identity()["Arn"].endswith("tillstream-local-spark-ingest/test")
    other = cloud.made.role_arns["spark-batch"]
    assert _is_refused(lambda: sts.assume_role(RoleArn=other, RoleSessionName="test"))


@pytest.mark.parametrize("bucket", ["lake", "checkpoints", "artifacts", "access-logs"])
def test_buckets_are_closed(cloud: Cloud, bucket: str):
    """Each bucket keeps versions, encrypts, is closed to the public and owned by its account."""
    s3, name = cloud.administrator(), cloud.made.buckets[bucket]
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    [encryption] = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    algorithm = encryption["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"]
    # S3 writes access logs under its own keys only.
    assert algorithm == ("AES256" if bucket == "access-logs" else "aws:kms")
    assert encryption["BucketKeyEnabled"] == (bucket != "access-logs")
    assert all(s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"].values())
    [owner] = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"


def test_accesses_are_logged(cloud: Cloud):
    """Every bucket but the log's own logs who asked for what, below its own prefix."""
    s3, target = cloud.administrator(), cloud.made.buckets["access-logs"]
    for name, bucket in cloud.made.buckets.items():
        logging = s3.get_bucket_logging(Bucket=bucket).get("LoggingEnabled")
        if name == "access-logs":
            assert logging is None
        else:
            assert (logging["TargetBucket"], logging["TargetPrefix"]) == (target, f"{name}/")


@pytest.mark.parametrize(
    ("asked", "granted"),
    [
        pytest.param({}, True, id="no header"),
        pytest.param({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "lake"}, True, id="the key"),
        pytest.param({"ServerSideEncryption": "aws:kms"}, False, id="the key that AWS keeps for S3"),
        pytest.param({"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "another"}, False, id="another key"),
        pytest.param({"ServerSideEncryption": "AES256"}, False, id="a key of S3's"),
        pytest.param({"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}, False, id="a key of one's own"),
    ],
)
@pytest.mark.parametrize("in_parts", [False, True], ids=["whole", "in parts"])
def test_only_the_lakes_key_encrypts(cloud: Cloud, asked: dict[str, str], *, granted: bool, in_parts: bool):
    """A put that names no key is taken, as the bucket encrypts; one that names another than the bucket's is refused."""
    ingest, lake = cloud.client("spark-ingest"), cloud.made.buckets["lake"]
    if key := asked.get("SSEKMSKeyId"):
        asked = asked | {"SSEKMSKeyId": f"arn:aws:kms:us-east-1:000000000000:key/{key}"}
    send = ingest.create_multipart_upload if in_parts else ingest.put_object
    assert _is_refused(lambda: send(Bucket=lake, Key="receipts/dt=2026-11-23/encrypted", **asked)) != granted


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
    for name, bucket in cloud.made.buckets.items():
        rules = cloud.administrator().get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert all(rule["Status"] == "Enabled" for rule in rules)
        ids = {rule["ID"] for rule in rules}
        assert ids >= {"expire-old-versions", "abort-unfinished-uploads"}
        expiring = {rule["ID"] for rule in rules if "Days" in rule.get("Expiration", {})}
        assert expiring == ({"expire-access-logs"} if name == "access-logs" else set())
        moving = {rule["Filter"]["Prefix"]: rule["Transitions"] for rule in rules if "Transitions" in rule}
        assert bool(moving) == (name == "lake")
        for prefix, transitions in moving.items():
            # Below the first partition column, so never the table's log.
            assert prefix.endswith(("/dt=", "/feed=", "/judged_on="))
            assert [each["StorageClass"] for each in transitions] == ["INTELLIGENT_TIERING"]
    assert cloud.provisioning.plan_is_empty(), variables(cloud.account)


def test_policies_are_plain(cloud: Cloud):
    """Every policy of a role or bucket passes parliament; no role's names an action by a star. What stars there are
    among resources has a reason: the policies are the table.
    """
    iam, s3 = cloud.administrator("iam"), cloud.administrator()
    for workload, arn in cloud.made.role_arns.items():
        role = arn.rsplit("/", 1)[-1]
        policy = iam.get_role_policy(RoleName=role, PolicyName="permissions")["PolicyDocument"]
        assert _findings(policy) == [], workload
        for statement in policy["Statement"]:
            assert not any("*" in action for action in statement["Action"]), statement
    for bucket in cloud.made.buckets.values():
        assert _findings(json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])) == [], bucket


def _objects(cloud: Cloud) -> set[tuple[str, str]]:
    """Every object by its bucket and key."""
    pages = cloud.administrator().get_paginator("list_objects_v2")
    return {
        (bucket, each["Key"])
        for bucket in cloud.made.buckets.values()
        for page in pages.paginate(Bucket=bucket)
        for each in page.get("Contents", [])
    }


def _findings(policy: Mapping[str, Any]) -> list[str]:
    """What parliament finds. It reads each statement by itself: where an action takes two kinds of resources, each
    under its own condition, what it misses in one statement must stand in another.
    """
    with warnings.catch_warnings():
        # It knows that its way to its own files is an old one.
        warnings.simplefilter("ignore")
        from parliament import analyze_policy_string  # noqa: PLC0415 - see above

    found = []
    for finding in analyze_policy_string(json.dumps(policy)).findings:
        missing = finding.detail if finding.issue == "RESOURCE_MISMATCH" else []
        elsewhere = [
            any(
                each["action"] in statement["Action"] and fnmatch.filter(statement["Resource"], each["required_format"])
                for statement in policy["Statement"]
            )
            for each in missing
        ]
        if not elsewhere or not all(elsewhere):
            found.append(f"{finding.issue}: {finding.detail} {finding.location}")
    return found


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The key of an issuer that the account does not know."""
    directory = tmp_path_factory.mktemp("stranger")
    Issuer(directory)
    return (directory / "issuer.key").read_bytes()


def _refusal_of(cloud: Cloud, workload: str, token: str) -> str:
    with pytest.raises(ClientError) as refused:
        assume(cloud.account, cloud.made.role_arns[workload], token)
    return str(refused.value.response["Error"]["Code"])


def _is_refused(request: Callable[[], Any]) -> bool:
    """Whether the request fails for want of permission. Any other failure is an error of the test."""
    try:
        request()
    except ClientError as error:
        # The answer to a HEAD has no body to say it in.
        if error.response["Error"]["Code"] not in {"AccessDenied", "403"}:
            raise
        return True
    return False
