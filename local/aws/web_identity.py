"""Verification of web-identity tokens, which MiniStack leaves out: it believes any token.

`install` puts it in front of MiniStack's own STS. It replaces a private function of MiniStack 1.5.33, so that pin moves
only together with `tests/integration/test_local_aws.py`. Errors carry the codes and words of AWS.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import jwt
from ministack.core.iam_evaluator import EvalContext, evaluate_trust_policy
from ministack.services import iam, sts

# What EKS signs with. Anything else in a token's header, `none` above all, is refused unread.
ALGORITHMS = ["RS256"]
ACTION = "sts:AssumeRoleWithWebIdentity"

Response = tuple[int, dict[str, str], bytes]


class TokenRefusedError(Exception):
    """STS answers with this status, code and message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def install(issuers: Mapping[str, Path], session_seconds: int | None) -> None:
    """Let STS accept only tokens of these issuers (URL: file with its JSON Web Key Set).

    `session_seconds` shortens every session, whatever was asked for: AWS has no session under 15 minutes, and a test
    that streams across an expiry cannot wait for that.
    """

    def trust_denied(role_arn: str, parameters: dict[str, Any], _use_json: object) -> Response | None:
        try:
            claims = verify(sts._p(parameters, "WebIdentityToken") or "", issuers)  # noqa: SLF001 - see the module
            authorize(role_arn, claims)
        except TokenRefusedError as refused:
            answer: Response = sts._error(refused.status, refused.code, escape(str(refused)), ns="sts")  # noqa: SLF001 - see the module
            return answer
        if session_seconds is not None:
            parameters["DurationSeconds"] = [str(session_seconds)]
        return None

    sts._web_identity_trust_denied = trust_denied  # noqa: SLF001 - see the module


def verify(token: str, issuers: Mapping[str, Path]) -> dict[str, Any]:
    """The claims of a token whose signature, issuer and times are right. Raise TokenRefusedError otherwise."""
    try:
        unverified = jwt.decode(token, options={"verify_signature": False})
        issuer = str(unverified.get("iss", ""))
        if issuer not in issuers:
            raise TokenRefusedError(400, "InvalidIdentityToken", f"No OpenIDConnect provider found for {issuer}")
        keys = jwt.PyJWKSet.from_dict(json.loads(issuers[issuer].read_text()))
        key = keys[jwt.get_unverified_header(token).get("kid", "")]
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            issuer=issuer,
            # The audience is compared with the provider's client ids and the role's trust policy in `authorize`.
            options={"verify_aud": False, "require": ["iss", "sub", "aud", "exp", "iat"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenRefusedError(400, "ExpiredTokenException", "Token expired") from error
    except (jwt.PyJWTError, KeyError) as error:
        raise TokenRefusedError(400, "InvalidIdentityToken", f"The token cannot be verified: {error}") from error
    return claims


def authorize(role_arn: str, claims: Mapping[str, Any]) -> None:
    """Raise TokenRefusedError unless the account knows the issuer and audience, and the role trusts the subject."""
    _, partition, _, _, account, resource = role_arn.split(":", 5)
    address = urlsplit(str(claims["iss"]))
    host = f"{address.netloc}{address.path}".rstrip("/")
    provider_arn = f"arn:{partition}:iam::{account}:oidc-provider/{host}"
    provider = iam._oidc_providers.get_scoped(account, None, provider_arn)  # noqa: SLF001 - see the module
    if provider is None:
        raise TokenRefusedError(
            400, "InvalidIdentityToken", f"No OpenIDConnect provider found in your account for {claims['iss']}"
        )
    # Kubernetes projects `aud` as a list; conditions of a trust policy compare one string.
    named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    audiences = [audience for audience in named if audience in provider["ClientIDList"]]
    if not audiences:
        raise TokenRefusedError(400, "InvalidIdentityToken", "Incorrect token audience")
    role = iam._roles.get_scoped(account, None, resource.rsplit("/", 1)[-1])  # noqa: SLF001 - see the module
    context = EvalContext(
        principal_arn=provider_arn,
        principal_type="WebIdentityUser",
        principal_account=account,
        action=ACTION,
        resource_arn=role_arn,
        region="",
        service_context={f"{host}:aud".lower(): audiences[0], f"{host}:sub".lower(): str(claims["sub"])},
    )
    if role is None or not evaluate_trust_policy(role["AssumeRolePolicyDocument"], provider_arn, context):
        raise TokenRefusedError(403, "AccessDenied", f"Not authorized to perform {ACTION}")
