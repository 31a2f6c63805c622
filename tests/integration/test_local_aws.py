"""The emulated AWS enforces signatures, web-identity tokens and the end of a session: refusals beside what is allowed.

MiniStack itself would let most of what is refused here pass; `local.aws` closes that by replacing private functions.
These tests are what a new version of MiniStack must pass.
"""

import json
import os
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx
import jwt
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from local.authority import Authority
from local.aws import issuer
from local.aws.account import REGION, Account, without_aws
from local.aws.emulator import HEALTH
from local.aws.issuer import AUDIENCE, LOCAL_ISSUER, NAMESPACE, Issuer, TokenFiles
from tests.support.platform import assume, client
from tests.support.waiting import wait_for

pytestmark = pytest.mark.integration

BUCKET = "till"
SUBJECT = "spark-ingest"
# Long enough for a request in time, on a busy machine too; two tests wait until it is over.
SESSION_SECONDS = 20


@dataclass(frozen=True)
class Trusting:
    """An account in which one role trusts one service account of its issuer, and may do all to one bucket."""

    account: Account
    role_arn: str

    def credentials(self) -> dict[str, str]:
        return assume(self.account, self.role_arn, self.account.issuer.mint(SUBJECT))

    def refusal(self, token: str) -> str:
        """The code with which STS refuses the token."""
        with pytest.raises(ClientError) as refused:
            assume(self.account, self.role_arn, token)
        return code(refused.value)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    yield from trusting(tmp_path_factory.mktemp("aws"))


@pytest.fixture(scope="module")
def short_lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trusting]:
    """The same, but no session outlasts SESSION_SECONDS."""
    yield from trusting(tmp_path_factory.mktemp("short-lived"), SESSION_SECONDS)


def trusting(directory: Path, session_seconds: int | None = None) -> Iterator[Trusting]:
    account = Account(directory, Authority.create(directory / "authority"), session_seconds)
    account.start()
    yield Trusting(account, trusting_role(account))
    account.stop()


def trusting_role(account: Account) -> str:
    account.administrator_client().create_bucket(Bucket=BUCKET)
    iam = account.administrator_client("iam")
    provider = iam.create_open_id_connect_provider(Url=account.issuer.url, ClientIDList=[AUDIENCE, "other"])
    host = account.issuer.url.removeprefix("https://")
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": provider["OpenIDConnectProviderArn"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{host}:aud": AUDIENCE,
                f"{host}:sub": f"system:serviceaccount:tillstream:{SUBJECT}",
            }
        },
    }
    role = iam.create_role(RoleName=SUBJECT, AssumeRolePolicyDocument=document(trust))
    everything = {
        "Effect": "Allow",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    iam.put_role_policy(RoleName=SUBJECT, PolicyName="all", PolicyDocument=document(everything))
    arn: str = role["Role"]["Arn"]
    return arn


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def resigned(issuer: Issuer, key: Any, algorithm: str, **changes: Any) -> str:
    """A good token's claims (but for the changes) and key id, under another key or algorithm."""
    good = issuer.mint(SUBJECT)
    claims = jwt.decode(good, options={"verify_signature": False}) | changes
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": jwt.get_unverified_header(good)["kid"]})


def test_good_token_assumes_its_role(aws: Trusting):
    """A token of the issuer for the role's service account gets credentials that S3 takes."""
    client(aws.account, aws.credentials()).put_object(Bucket=BUCKET, Key="good", Body=b"1")


def test_audience_in_one_string(aws: Trusting):
    """An audience that is one string counts as the list of one that Kubernetes projects."""
    key = (aws.account.directory / "issuer" / "issuer.key").read_text()
    assert assume(aws.account, aws.role_arn, resigned(aws.account.issuer, key, "RS256", aud=AUDIENCE))


def test_forged_token(aws: Trusting, tmp_path: Path):
    """A token under the issuer's name and key id, signed by another key, is refused."""
    Issuer(tmp_path)
    stranger = (tmp_path / "issuer.key").read_text()
    assert aws.refusal(resigned(aws.account.issuer, stranger, "RS256")) == "InvalidIdentityToken"
    assert aws.credentials()


def test_unsigned_token(aws: Trusting):
    """A token whose algorithm is `none` is refused."""
    assert aws.refusal(resigned(aws.account.issuer, None, "none")) == "InvalidIdentityToken"
    assert aws.credentials()


def test_public_key_as_a_secret(aws: Trusting):
    """A token signed with the public key as if it were a shared secret is refused."""
    public = json.loads(aws.account.issuer.jwks_file.read_text())["keys"][0]["n"]
    assert aws.refusal(resigned(aws.account.issuer, public, "HS256")) == "InvalidIdentityToken"
    assert aws.credentials()


def test_no_token(aws: Trusting):
    """What is no token at all is refused."""
    assert aws.refusal("not.a.token") == "InvalidIdentityToken"
    assert aws.credentials()


def test_expired_token(aws: Trusting):
    """A token that has expired is refused."""
    assert aws.refusal(aws.account.issuer.mint(SUBJECT, lifetime_seconds=-1)) == "ExpiredTokenException"
    assert aws.credentials()


def test_token_for_an_unknown_audience(aws: Trusting):
    """A token for an audience that the provider does not list is refused."""
    assert aws.refusal(aws.account.issuer.mint(SUBJECT, audience="vault")) == "InvalidIdentityToken"
    assert aws.credentials()


def test_token_for_an_audience_the_role_does_not_trust(aws: Trusting):
    """A token for an audience that the provider lists and the role does not is refused."""
    assert aws.refusal(aws.account.issuer.mint(SUBJECT, audience="other")) == "AccessDenied"
    assert aws.credentials()


def test_token_of_another_service_account(aws: Trusting):
    """A good token of another service account is refused by the role's trust policy."""
    assert aws.refusal(aws.account.issuer.mint("spark-batch")) == "AccessDenied"
    assert aws.credentials()


def test_token_of_an_unknown_issuer(aws: Trusting, tmp_path: Path):
    """A well-made token of an issuer that the account does not know is refused."""
    stranger = Issuer(tmp_path, url="https://oidc.example.invalid/id/other")
    assert aws.refusal(stranger.mint(SUBJECT)) == "InvalidIdentityToken"
    assert aws.credentials()


def test_role_that_does_not_exist(aws: Trusting):
    """A good token opens no role that is not there, and STS does not say which of the two it was."""
    with pytest.raises(ClientError, match="AccessDenied"):
        assume(aws.account, f"{aws.role_arn}-2", aws.account.issuer.mint(SUBJECT))
    assert aws.credentials()


def test_expired_session(short_lived: Trusting):
    """S3 refuses temporary credentials once their session has expired, and takes those of a new session."""
    session = client(short_lived.account, short_lived.credentials())
    session.put_object(Bucket=BUCKET, Key="in-time", Body=b"1")
    assert refused_as(lambda: session.list_objects_v2(Bucket=BUCKET)) == "ExpiredToken"
    client(short_lived.account, short_lived.credentials()).list_objects_v2(Bucket=BUCKET)


def refused_as(request: Callable[[], Any]) -> str:
    """Repeat a request until it is refused."""

    def refusal() -> str:
        try:
            request()
        except ClientError as error:
            return code(error)
        return ""

    return wait_for(refusal, SESSION_SECONDS * 5, "a refusal", poll_seconds=0.5)


def test_boto3_refreshes(short_lived: Trusting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A process that has the variables of a workload keeps its access across the end of a session."""
    for name in set(os.environ) - set(without_aws(os.environ)):
        monkeypatch.delenv(name)
    with TokenFiles(short_lived.account.issuer, tmp_path, {SUBJECT: NAMESPACE}) as tokens:
        for name, value in short_lived.account.workload_environment(short_lived.role_arn, tokens.path(SUBJECT)).items():
            monkeypatch.setenv(name, value)
        session = boto3.session.Session()
        s3 = session.client("s3")
        s3.put_object(Bucket=BUCKET, Key="first", Body=b"1")
        first = session.get_credentials().get_frozen_credentials()
        old = {
            "AccessKeyId": first.access_key,
            "SecretAccessKey": first.secret_key,
            "SessionToken": first.token,
        }
        assert refused_as(lambda: client(short_lived.account, old).list_objects_v2(Bucket=BUCKET)) == "ExpiredToken"
        s3.put_object(Bucket=BUCKET, Key="second", Body=b"2")


def test_signature_of_a_session(aws: Trusting):
    """Temporary credentials with another secret, or without their session token, are refused."""
    good = aws.credentials()
    for changed in ({"SecretAccessKey": "guessed"}, {"SessionToken": "guessed"}):
        with pytest.raises(ClientError, match=r"SignatureDoesNotMatch|InvalidToken"):
            client(aws.account, good | changed).list_objects_v2(Bucket=BUCKET)
    client(aws.account, good).list_objects_v2(Bucket=BUCKET)


@pytest.mark.parametrize("service", ["s3", "iam"])
@pytest.mark.parametrize("key", ["test", "000000000000", "123456789012"])
def test_well_known_keys(aws: Trusting, service: str, key: str):
    """The keys that MiniStack takes for the root of any account open nothing."""
    requests = {"s3": "list_buckets", "iam": "list_roles"}
    stranger = boto3.client(
        service,
        region_name=REGION,
        endpoint_url=aws.account.endpoint,
        verify=str(aws.account.ca_file),
        aws_access_key_id=key,
        aws_secret_access_key="test",
    )
    with pytest.raises(ClientError, match=r"InvalidAccessKeyId|InvalidClientTokenId"):
        getattr(stranger, requests[service])()
    assert getattr(aws.account.administrator_client(service), requests[service])()


def test_unsigned_requests(aws: Trusting):
    """A request without credentials reads nothing; the same request by the role does."""
    client(aws.account, aws.credentials()).put_object(Bucket=BUCKET, Key="closed", Body=b"1")
    nobody = boto3.client(
        "s3",
        region_name=REGION,
        endpoint_url=aws.account.endpoint,
        verify=str(aws.account.ca_file),
        config=Config(signature_version=UNSIGNED),
    )
    for request in (
        lambda s3: s3.get_object(Bucket=BUCKET, Key="closed"),
        lambda s3: s3.put_object(Bucket=BUCKET, Key="open", Body=b"1"),
        lambda s3: s3.list_objects_v2(Bucket=BUCKET),
    ):
        with pytest.raises(ClientError):
            request(nobody)
        request(client(aws.account, aws.credentials()))


def test_no_back_doors(aws: Trusting):
    """MiniStack's own endpoints, which ask for no credentials, are closed but for health."""
    trust = ssl.create_default_context(cafile=str(aws.account.ca_file))
    with httpx.Client(verify=trust, trust_env=False, timeout=60) as http:
        assert http.get(aws.account.endpoint + HEALTH).status_code == httpx.codes.OK
        for path in ("/_ministack/reset", "/_ministack/config", "/_localstack/state/reset"):
            assert http.post(aws.account.endpoint + path).status_code == httpx.codes.FORBIDDEN
    assert client(aws.account, aws.credentials()).list_objects_v2(Bucket=BUCKET)


def test_only_loopback_and_tls(aws: Trusting):
    """The emulator answers by TLS alone, under a certificate of the local authority."""
    with pytest.raises(httpx.ConnectError):
        httpx.get(aws.account.endpoint + HEALTH, trust_env=False, timeout=60)
    with pytest.raises(httpx.HTTPError):
        httpx.get(aws.account.endpoint.replace("https", "http") + HEALTH, trust_env=False)


def test_administrator_is_locked_out_for_good(tmp_path: Path):
    """After set-up nobody has the administrator's keys; roles still work, and a restart keeps objects and roles."""
    account = Account(tmp_path, Authority.create(tmp_path / "authority"))
    account.start()
    try:
        administrator = account.administrator_client()
        role = trusting_role(account)
        account.lock_out_administrator()
        with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
            administrator.list_buckets()
        workload = client(account, assume(account, role, account.issuer.mint(SUBJECT)))
        workload.put_object(Bucket=BUCKET, Key="kept", Body=b"kept")
        # What it does not save in time it does not know afterwards.
        account.stop(timeout_seconds=120)
        account.start()
        with pytest.raises(ClientError):
            administrator.list_buckets()
        workload = client(account, assume(account, role, account.issuer.mint(SUBJECT)))
        assert workload.get_object(Bucket=BUCKET, Key="kept")["Body"].read() == b"kept"
    finally:
        account.stop()


def test_tokens_are_replaced_before_they_expire(aws: Trusting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A token's file is written anew, whole, while its token is still good."""
    assert 0 < issuer.REFRESH_AT < 1
    # So early that even a thread that comes to its turn late is in time.
    monkeypatch.setattr(issuer, "REFRESH_AT", 0.005)
    with TokenFiles(aws.account.issuer, tmp_path, {SUBJECT: NAMESPACE}, lifetime_seconds=300) as tokens:
        first = tokens.path(SUBJECT).read_text()
        second = wait_for(lambda: (new := tokens.path(SUBJECT).read_text()) != first and new, 60, "a new token")
    claims = [jwt.decode(token, options={"verify_signature": False}) for token in (first, second)]
    assert claims[1]["iat"] <= claims[0]["exp"]
    assert {claim["iss"] for claim in claims} == {LOCAL_ISSUER}
