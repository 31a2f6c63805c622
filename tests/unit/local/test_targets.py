"""What Prometheus scrapes of the streams follows what becomes of their drivers."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from local.applications import Applications, Runner, Submission
from local.lifecycle import State
from local.monitoring.targets import drivers
from tests.support.drivers import FOREVER, submission


def submit(manifest: Mapping[str, Any]) -> Submission:
    made = submission([FOREVER])
    # A made-up address: nobody asks it here.
    serves = manifest["metadata"]["name"] == "ingest"
    return replace(made, metrics_address=f"127.0.0.1:{made.ui_port + 1}") if serves else made


def test_a_driver_is_scraped_while_it_runs_at_its_own_ports(tmp_path: Path):
    """From its start to its end it is a target under its application's name; the next one is, at other ports."""
    applications = Applications(tmp_path)
    runner = Runner(applications, submit)
    runner.start()
    try:
        for name in ("ingest", "rollup"):
            applications.apply({"metadata": {"name": name}, "spec": {"suspend": True}})
            while applications.state(name) != State.SUSPENDED:
                assert not any(drivers(applications).values())
        for name in ("ingest", "rollup"):
            applications.suspend(name, suspend=False)
            applications.wait_for(name, {State.RUNNING}, 60)
        first = drivers(applications)
        # One serves nothing but what Spark itself does.
        assert list(first["streams"].values()) == [{"application": "ingest"}]
        for job in ("spark-drivers", "spark-executors"):
            assert list(first[job].values()) == [{"application": "ingest"}, {"application": "rollup"}]

        for name in ("ingest", "rollup"):
            applications.suspend(name)
            applications.wait_for(name, {State.SUSPENDED}, 60)
        assert drivers(applications) == {"streams": {}, "spark-drivers": {}, "spark-executors": {}}

        applications.suspend("ingest", suspend=False)
        applications.wait_for("ingest", {State.RUNNING}, 60)
        again = drivers(applications)
        assert list(again["streams"].values()) == [{"application": "ingest"}]
        assert again["streams"].keys().isdisjoint(first["streams"].keys())
    finally:
        runner.stop()
