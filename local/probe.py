"""Whether something that was started answers yet."""

import httpx

_TIMEOUT_SECONDS = 60


def answers(url: str) -> bool:
    """Whether a GET is answered with success; nobody there, or an answer of trouble, is no answer."""
    try:
        return httpx.get(url, trust_env=False, timeout=_TIMEOUT_SECONDS).is_success
    except httpx.HTTPError:
        return False
