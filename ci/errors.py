from contracts.errors import TillstreamError


class CiError(TillstreamError):
    """A workflow's step cannot be done. The message says what is left as it was."""
