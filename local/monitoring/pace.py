"""How fast the clock of monitoring runs, and how often it looks."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """As in the cluster, unless a run has less time.

    `factor`: rules and routes are so many times as fast: the clock of a drill. `scrape_seconds`: so often is scraped
    and judged, and Airflow sends. `look_factor`: the lake exporter looks so many times as often, but no more often than
    it is scraped.
    """

    factor: int = 1
    scrape_seconds: float = 15.0
    look_factor: int = 1

    @property
    def scrape_ms(self) -> int:
        return round(self.scrape_seconds * 1000)
