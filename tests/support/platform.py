"""The emulated AWS with everything Terraform makes in it, once a test session."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

from local.authority import Authority
from local.aws.account import REGION, Account
from local.aws.issuer import TokenFiles
from local.aws.provision import Outputs, Provisioning


@dataclass(frozen=True)
class Cloud:
    """Buckets are there and roles enforced. Lifecycle rules may still settle: `provisioning.finish()` awaits them."""

    account: Account
    provisioning: Provisioning
    made: Outputs
    tokens: TokenFiles

    def environment(self, workload: str) -> dict[str, str]:
        """What a process of this workload is started with."""
        own = self.account.workload_environment(self.made.role_arns[workload], self.tokens.path(workload))
        return own | self.made.environment()

    def client(self, workload: str, service: str = "s3") -> Any:
        """A client with the rights of one workload, by a token of its own."""
        return client(self.account, assume(self.account, self.made.role_arns[workload], self.token(workload)), service)

    def token(self, workload: str, **changes: Any) -> str:
        """A token as a pod of this workload finds it, but for the changes."""
        namespace, name = self.made.subjects[workload].split(":")
        return self.account.issuer.mint(name, **({"namespace": namespace} | changes))

    def administrator(self, service: str = "s3") -> Any:
        """A client with every right, to look behind the roles."""
        return self.account.administrator_client(service)


def assume(account: Account, role_arn: str, token: str) -> dict[str, str]:
    """Exchange a token for the temporary credentials of a role. Raises botocore's ClientError where STS refuses."""
    sts = _anonymous_sts(account.endpoint, str(account.ca_file))
    answer = sts.assume_role_with_web_identity(RoleArn=role_arn, RoleSessionName="test", WebIdentityToken=token)
    credentials: dict[str, str] = answer["Credentials"]
    return credentials


@cache
def _anonymous_sts(endpoint: str, ca_file: str) -> Any:
    """A client without credentials: who has a token needs none."""
    return boto3.client(
        "sts",
        region_name=REGION,
        endpoint_url=endpoint,
        verify=ca_file,
        config=Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}),
    )


def client(account: Account, credentials: dict[str, str], service: str = "s3") -> Any:
    """A client with exactly these temporary credentials, which does not refresh them."""
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=account.endpoint,
        verify=str(account.ca_file),
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        config=Config(retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    directory = tmp_path_factory.mktemp("cloud")
    account = Account(directory / "aws", Authority.create(directory / "authority"))
    account.start()
    try:
        with Provisioning(account, directory / "terraform", keep_administrator=True) as provisioning:
            made = provisioning.outputs()
            with TokenFiles(account.issuer, directory / "tokens", made.service_accounts()) as tokens:
                yield Cloud(account, provisioning, made, tokens)
    finally:
        account.stop()
