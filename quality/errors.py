from contracts.errors import TillstreamError


class QualityError(TillstreamError):
    """A check could not be made. It says nothing about the data."""
