"""The clock of a drill."""

from local.monitoring import Pace

# An hour of the rules in five minutes. Faster, and a start of Spark would be an outage by itself.
PACE = Pace(factor=12, scrape_seconds=1, look_factor=12)


def short(seconds: float) -> float:
    """How long this clock takes for so many seconds of the rules."""
    return seconds / PACE.factor
