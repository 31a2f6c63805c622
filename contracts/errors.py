class TillstreamError(Exception):
    """Something a person must know: what failed, what state is left, what to type next."""
