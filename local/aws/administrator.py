"""One administrator whose signature is checked.

MiniStack takes the key `test`, and any key of twelve digits, for the root of the account, and checks no signature of
it. `install` leaves one root key, that of the environment, with its signature checked. It replaces private functions
of MiniStack 1.5.33: see `web_identity`.
"""

import os
import secrets
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import sts

from local.aws import web_identity


def install() -> None:
    def is_administrator(access_key_id: str) -> bool:
        return access_key_id == os.environ["AWS_ACCESS_KEY_ID"]

    iam_evaluator.is_root_access_key = is_administrator
    sts.is_root_access_key = is_administrator
    # This one exempts a key from the check of its signature.
    iam_evaluator._is_root_key = lambda _: False  # noqa: SLF001 - see above
    enforce = iam_evaluator.enforce

    def enforce_but_web_identity(access_key_id: str, iam_action: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - passed through
        # The one action whose caller has no credentials yet: the token is checked in `web_identity`.
        if iam_action == web_identity.ACTION:
            return None
        return enforce(access_key_id, iam_action, *arguments, **options)

    iam_evaluator.enforce = enforce_but_web_identity


def lock_out() -> None:
    """Replace the administrator's secret by one that nobody knows. MiniStack looks it up at every request."""
    os.environ["AWS_SECRET_ACCESS_KEY"] = secrets.token_urlsafe(30)
