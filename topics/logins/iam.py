import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from topics.errors import SettingsError
from topics.logins.base import Variables
from topics.logins.oauthbearer import MODULE

REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


@dataclass(frozen=True)
class Iam:
    """By an AWS role, on MSK: a token signed with what AWS's own chain of credentials gives this process.

    IAM policies say what it may do (`kafka-cluster:*`); Kafka's ACLs do not bind it.
    """

    region: str

    def librdkafka(self) -> dict[str, Any]:
        token = _tokens(self.region)
        # Asked for once here: librdkafka would wait ten seconds for a token and then not say why there is none.
        token("")
        return {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": token}

    def java(self) -> dict[str, str]:
        if os.environ.get("AWS_REGION") != self.region:
            raise SettingsError(
                f"Java takes the region from AWS_REGION, and that is not {self.region} in this process. "
                "No client was made; set it before the process starts."
            )
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            "sasl.login.callback.handler.class": "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler",
            "sasl.jaas.config": f"{MODULE} required;",
        }

    def files(self) -> tuple[Path, ...]:
        return ()

    @classmethod
    def from_variables(cls, variables: Variables) -> Self:
        region = variables.text("AWS_REGION", prefix="")
        if region and not REGION.fullmatch(region):
            variables.findings.append(f"AWS_REGION is {region!r}, not a region like eu-central-1")
        return cls(region)


def _tokens(region: str) -> Callable[[str], tuple[str, float]]:
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # noqa: PLC0415 - a store has no boto3
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - as above
    except ImportError as error:
        raise SettingsError(
            "The log-in `iam` needs the package aws-msk-iam-sasl-signer-python, which images/spark has and a store "
            "has not. No client was made; stores log in by mtls."
        ) from error

    def token(_: str) -> tuple[str, float]:
        try:
            signed, expires_ms = MSKAuthTokenProvider.generate_auth_token(region)
        except (AttributeError, ValueError, BotoCoreError, ClientError) as error:
            # Where the chain finds nothing, the signer looks for a key in None.
            reason = "AWS's chain finds none" if isinstance(error, AttributeError) else str(error).rstrip(".")
            raise SettingsError(
                f"There are no credentials to log in to Kafka by IAM: {reason}. Nobody was logged in; see the service "
                "account's role, AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE."
            ) from error
        return signed, expires_ms / 1000

    return token
