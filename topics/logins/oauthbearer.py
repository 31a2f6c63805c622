import base64
import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from topics.errors import SettingsError
from topics.logins.base import Variables, jaas_quoted, read_text

MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"


@dataclass(frozen=True)
class OAuthBearer:
    """By a JWT that somebody keeps fresh in a file, as a kubelet does: the principal is `User:<sub>`.

    The file is read again whenever the client needs a new token, so nothing is restarted when it changes.
    """

    token_file: Path

    def librdkafka(self) -> dict[str, Any]:
        # Asked for once here: librdkafka would wait ten seconds for a token and then not say why there is none.
        self.token()
        return {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER", "oauth_cb": self.token}

    def java(self) -> dict[str, str]:
        return {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "OAUTHBEARER",
            # Kafka's own file handler reads its file once and keeps the token when it has long expired.
            "sasl.login.callback.handler.class": "tillstream.TokenFileLogin",
            "sasl.jaas.config": f"{MODULE} required tokenFile={jaas_quoted(str(self.token_file))};",
        }

    def files(self) -> tuple[Path, ...]:
        return ()

    def token(self, _: str = "") -> tuple[str, float]:
        """The token and the second it expires, for librdkafka. The broker verifies it, not its owner."""
        token = read_text(self.token_file, "token").strip()
        try:
            body = token.split(".")[1]
            expires = float(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"])
        except (IndexError, ValueError, KeyError, TypeError) as error:
            # Not its text: whatever it is, it was meant to be a secret.
            raise SettingsError(
                f"{self.token_file} holds no JWT with an expiry. Nobody was logged in; see who writes that file."
            ) from error
        if expires <= time.time():
            raise SettingsError(
                f"The token in {self.token_file} expired at {_utc(expires)}; it is {_utc(time.time())} here. Nobody "
                "was logged in; see who renews that file, and whether this machine's clock is right."
            )
        return token, expires

    @classmethod
    def from_variables(cls, variables: Variables) -> Self:
        return cls(variables.file("TOKEN_FILE"))


def _utc(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"
