"""Which Spark drivers Prometheus scrapes, and where: in the cluster PodMonitors say so."""

from collections.abc import Iterator, Mapping

from local.applications import Applications, NotFound
from local.lifecycle import State

Targets = Mapping[str, Mapping[str, str]]
"""Labels by address."""
# As a pod is scraped: while it lives, also on its way to its end.
ALIVE = {State.RUNNING, State.SUSPENDING, State.INVALIDATING}


def drivers(applications: Applications) -> dict[str, Targets]:
    """By job, where drivers serve what they count, each labelled with its application."""
    alive = list(_alive(applications))
    own = {address: {"application": name} for name, _, address in alive if address}
    sparks = {address: {"application": name} for name, address, _ in alive}
    return {"streams": own, "spark-drivers": sparks, "spark-executors": sparks}


def _alive(applications: Applications) -> Iterator[tuple[str, str, str]]:
    for name in applications.names():
        try:
            status = applications.get(name)["status"]
        except NotFound:
            # Deleted just now.
            continue
        driver = status.get("driverInfo")
        # One that has never run is on its way to its end, too, without a driver.
        if driver and status["applicationState"]["state"] in ALIVE:
            yield name, driver["webUIAddress"], driver["metricsAddress"]
