"""Who saw what: alerts that fire in Prometheus, those that Alertmanager holds back, and who was told."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from local.monitoring import Monitoring, notifications

Labels = Mapping[str, str]
# Also of a machine that stands still for a while.
ANSWER_SECONDS = 120


@dataclass(frozen=True)
class Notification:
    """`at` is in Unix seconds; `firing` is False where it says that the alert has resolved."""

    at: float
    receiver: str
    firing: bool
    labels: Labels


@dataclass(frozen=True)
class Sight:
    """What is so at one moment: the labels of what fires, by alert held back the alerts that hold it back, and all that
    was told since some moment, oldest first.
    """

    at: float
    firing: Sequence[Labels]
    held_back: Mapping[str, Sequence[Labels]]
    told: Sequence[Notification]


class Witness:
    """Looks at a stack's monitoring. Safe between threads."""

    def __init__(self, monitoring: Monitoring) -> None:
        self._prometheus = f"{monitoring.prometheus.url}/api/v1/alerts"
        self._alertmanager = f"{monitoring.alertmanager.url}/api/v2/alerts"
        self._file = monitoring.receiver.file
        # One for all: each takes longer to make than to be answered, and many threads look several times a second.
        self._client = httpx.Client(trust_env=False, timeout=ANSWER_SECONDS)

    def look(self, since: float) -> Sight:
        alerts = self._ask(self._prometheus)["data"]["alerts"]
        firing = [alert["labels"] for alert in alerts if alert["state"] == "firing"]
        return Sight(time.time(), firing, self.held_back(), self.told(since))

    def held_back(self) -> dict[str, list[Labels]]:
        try:
            alerts = self._ask(self._alertmanager)
        except httpx.TransportError:
            # It is what is broken.
            return {}
        by_fingerprint = {alert["fingerprint"]: alert["labels"] for alert in alerts}
        found: dict[str, list[Labels]] = {}
        for alert in alerts:
            causes = [by_fingerprint[each] for each in alert["status"]["inhibitedBy"] if each in by_fingerprint]
            if causes:
                found.setdefault(alert["labels"]["alertname"], []).extend(causes)
        return found

    def told(self, since: float) -> list[Notification]:
        """What was told since then (Unix seconds)."""
        return [each for each in map(_notification, notifications.told(self._file)) if each.at >= since]

    def _ask(self, url: str) -> Any:  # noqa: ANN401 - JSON
        return self._client.get(url).raise_for_status().json()


def _notification(line: Mapping[str, Any]) -> Notification:
    at = datetime.fromisoformat(line["time"]).timestamp()
    return Notification(at, line["receiver"], line["status"] == "firing", line["labels"])
