"""What a store says of itself: that it is there, and what waits in its outbox.

It goes through the outbox, as receipts do: a report that arrives proves the whole way, and a store that cannot send
is silent. Depth and age are those of before the report.
"""

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from contracts.events import STORE_WIDE_REGISTER
from stores.errors import OutboxError
from stores.outbox import Draft, Outbox

log = logging.getLogger(__name__)

FEED = "store.operations"
EVERY_SECONDS = 300.0


class Reporter:
    """Reports for one store, whose time zone decides its business date."""

    def __init__(self, outbox: Outbox, time_zone: ZoneInfo) -> None:
        self._outbox = outbox
        self._time_zone = time_zone

    def report(self, now: datetime) -> None:
        """Append a report. Raises OutboxError where the outbox cannot take it."""
        self._outbox.append_many(list(self._drafts(now)))

    def run(self, stop: threading.Event, every_seconds: float = EVERY_SECONDS) -> None:
        """Report at once and then again and again. A full outbox is no reason to stop: it may empty."""
        while True:
            try:
                self.report(datetime.now(UTC))
            except OutboxError as error:
                log.warning("store %s could not report: %s", self._outbox.store_id, error)
            if stop.wait(every_seconds):
                return

    def _drafts(self, now: datetime) -> Iterator[Draft]:
        when = {
            "event_time": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "business_date": now.astimezone(self._time_zone).date().isoformat(),
        }
        readings = {
            "heartbeat": 1,
            "outbox_depth": self._outbox.depth(),
            "outbox_age_seconds": round(self._outbox.oldest_age_seconds(), 3),
        }
        for reading, value in readings.items():
            body = json.dumps({**when, "reading": reading, "value": value}).encode()
            yield Draft(FEED, STORE_WIDE_REGISTER, body)
