"""A stream's life under the real Airflow: real scheduler and triggerer, real Spark, broker and emulated AWS.

Whatever is killed, what counts is the lake: every offset once.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer

from local.airflow.client import AirflowClient
from local.airflow.server import Airflow
from local.lifecycle import State
from local.progress import Steps
from local.stack import Stack
from tests.support.messages import RECEIPTS, Till
from tests.support.waiting import wait_for

# More than all that is waited for in the first test, which has the whole story in its fixture.
pytestmark = [pytest.mark.integration, pytest.mark.timeout(4 * 3600)]

STORES = ("330", "367", "406")
TOPIC = "pos.receipts.v1"
STREAM = "stream_ingest"
STATE_SECONDS = 600
# One that hangs is told by six looks, and ended after its grace; a look that fails costs some more.
ANOTHER_SECONDS = 1800
# So long may messages wait here. The real policy has more; less, and a driver on a busy machine is not warm by then.
STUCK_SECONDS = 180


@dataclass
class Story:
    """The stack under Airflow, and what happened to it, for the tests to look at."""

    stack: Stack
    airflow: Airflow
    steps: Steps
    client: AirflowClient
    tills: dict[str, Till] = field(default_factory=lambda: {store: Till(store) for store in STORES})
    drivers: list[psutil.Process] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    drivers_while_down: set[int] = field(default_factory=set)
    sent: int = 0

    def send(self, count: int) -> None:
        """`count` receipts of every store; returns when the broker has them."""
        for store, till in self.tills.items():
            settings = self.stack.store_settings(store)
            producer = Producer({**settings.librdkafka(), "enable.idempotence": True, "partitioner": "murmur2_random"})
            for message in till.messages(count):
                message.send(producer, TOPIC)
            assert producer.flush(60) == 0
            self.sent += count

    def driver(self) -> int:
        """The driver's process, or 0."""
        return int(self.stack.applications.get("ingest")["status"].get("driverInfo", {}).get("pid") or 0)

    def await_state(self, *wanted: State) -> None:
        wait_for(
            lambda: self.stack.applications.state("ingest") in wanted,
            STATE_SECONDS,
            lambda: f"ingest to be {wanted}: {self.stack.applications.get('ingest')['status']}",
        )

    def await_another_driver(self, than: int) -> int:
        """The driver that has come in the place of another one, once it runs."""
        wait_for(lambda: self.driver() not in (0, than), ANOTHER_SECONDS, f"another driver than {than}")
        self.await_state(State.RUNNING)
        self.remember_driver()
        return self.driver()

    def remember_driver(self) -> None:
        # A process by itself: its number may be another one's later.
        self.drivers.append(psutil.Process(self.driver()))

    def await_in_lake(self) -> None:
        """Until every receipt sent is committed."""

        def arrived() -> bool:
            [feed] = self.ask("verify", RECEIPTS, accept=(0, 1))["feeds"]
            return sum(each["rows"] for each in feed["partitions"]) == self.sent

        wait_for(arrived, STATE_SECONDS, f"{self.sent} receipts in the lake")

    def ask(self, *verb: str, accept: tuple[int, ...] = (0,)) -> Any:
        return json.loads(self.stack.run_as("quality", "-m", "tillstream.cli", *verb, "--json", accept=accept))

    def measure(self, what: str, began: float) -> None:
        self.seconds[what] = time.monotonic() - began


@pytest.fixture(scope="module")
def story(stack: Stack, steps: Steps) -> Iterator[Story]:
    assert stack.airflow is not None
    with stack.airflow.client() as client:
        story = Story(stack, stack.airflow, steps, client)
        _be_strict(stack)
        _live(story)
        yield story


def _be_strict(stack: Stack) -> None:
    """One failure is the runner's to mend, the next one Airflow's; and a driver that hangs is not waited for long."""
    manifest = stack.applications.get("ingest")
    manifest.pop("status")
    manifest["spec"]["restartPolicy"] |= {"onFailureRetries": 1, "onFailureRetryInterval": 1}
    manifest["spec"]["driver"]["terminationGracePeriodSeconds"] = 30
    stack.applications.apply(manifest)


def _live(story: Story) -> None:
    _start(story)
    _lose_drivers(story)
    _lose_airflow(story)
    _hang(story)
    _stop(story)
    _be_marked_failed(story)
    for what, seconds in story.seconds.items():
        story.steps.say(f"{seconds:6.1f} s  {what}")


def _start(story: Story) -> None:
    began = time.monotonic()
    story.runs["first"] = story.client.trigger(STREAM, action="start", stuck_seconds=STUCK_SECONDS)
    story.await_state(State.RUNNING)
    story.measure("start: from the trigger to RUNNING", began)
    story.remember_driver()
    story.client.wait_for_task(STREAM, story.runs["first"], "monitor", {"deferred"}, STATE_SECONDS)
    story.send(10)
    story.await_in_lake()


def _lose_drivers(story: Story) -> None:
    for what in ("crash: until the runner's driver runs", "crash beyond the retries: until Airflow's driver runs"):
        driver, began = story.driver(), time.monotonic()
        os.kill(driver, signal.SIGKILL)
        story.send(10)
        story.await_another_driver(driver)
        story.measure(what, began)
    story.await_in_lake()


def _lose_airflow(story: Story) -> None:
    began = time.monotonic()
    story.client.wait_for_task(STREAM, story.runs["first"], "monitor", {"deferred"}, STATE_SECONDS)
    story.airflow.kill("triggerer", "scheduler")
    killed = datetime.now(UTC)
    story.send(10)

    def healthy() -> bool:
        story.drivers_while_down.add(story.driver())
        return set(story.client.health(killed).values()) == {"healthy"}

    story.await_in_lake()
    wait_for(healthy, STATE_SECONDS, "Airflow to be healthy again")
    story.measure("triggerer and scheduler killed: until both are healthy", began)


def _hang(story: Story) -> None:
    """The driver's JVM lives and does nothing. Only the lake can tell."""
    driver, began = story.driver(), time.monotonic()
    os.kill(driver, signal.SIGSTOP)
    story.send(10)
    story.await_another_driver(driver)
    story.measure("stuck: until another driver runs", began)
    story.await_in_lake()


def _stop(story: Story) -> None:
    story.client.wait_for_task(STREAM, story.runs["first"], "monitor", {"deferred"}, STATE_SECONDS)
    began = time.monotonic()
    story.runs["stop"] = story.client.trigger(STREAM, action="stop")
    story.states["stop"] = story.client.wait_for_run(STREAM, story.runs["stop"], STATE_SECONDS)
    story.measure("stop: from the trigger to the run's end", began)
    story.states["first"] = story.client.wait_for_run(STREAM, story.runs["first"], STATE_SECONDS)
    story.states["application after stop"] = story.stack.applications.state("ingest")
    story.logs["monitor"] = story.client.log(STREAM, story.runs["first"], "monitor")


def _be_marked_failed(story: Story) -> None:
    story.runs["failed"] = story.client.trigger(STREAM)
    story.client.wait_for_task(STREAM, story.runs["failed"], "monitor", {"deferred"}, STATE_SECONDS)
    # That was the wait for its start. Between two waits Airflow would skip the task instead of failing it.
    wait_for(
        lambda: "ingest runs: it runs" in story.client.log(STREAM, story.runs["failed"], "monitor"),
        STATE_SECONDS,
        "the watch of a stream that runs",
    )
    story.client.wait_for_task(STREAM, story.runs["failed"], "monitor", {"deferred"}, STATE_SECONDS)
    story.remember_driver()
    story.send(5)
    began = time.monotonic()
    story.client.mark_failed(STREAM, story.runs["failed"])
    story.await_state(State.SUSPENDED)
    story.measure("marked failed: until the driver is gone", began)
    story.states["failed"] = story.client.wait_for_run(STREAM, story.runs["failed"], STATE_SECONDS)


def test_a_lost_driver_comes_back_by_itself(story: Story) -> None:
    """Killed within and beyond the retries of the runner, hung, and stopped: each time one other driver came."""
    assert len(set(story.drivers)) == len(story.drivers) == 5


def test_no_second_driver_while_airflow_is_away(story: Story) -> None:
    """Killing triggerer and scheduler touches no stream: the same driver goes on, and no other one comes."""
    assert story.drivers_while_down == {story.drivers[2].pid}


def test_the_watch_outlives_triggerer_and_scheduler(story: Story) -> None:
    """The one run of before the kill found the driver that hung after it, and says why it restarted it."""
    assert "it is stuck (pos.receipts" in story.logs["monitor"]


def test_stop_ends_the_stream_and_its_watch_well(story: Story) -> None:
    """The run that stops succeeds, so does the one that watched, and the application is suspended."""
    assert story.states["stop"] == story.states["first"] == "success"
    assert story.states["application after stop"] == State.SUSPENDED


def test_every_offset_is_in_the_lake_once(story: Story) -> None:
    """After all of it: what was sent by the end lies in the lake once, or waits in Kafka for the next start."""
    found = story.ask("verify")
    assert found["sound"], found
    receipts = next(feed for feed in found["feeds"] if feed["feed"] == RECEIPTS)
    rows = sum(each["rows"] for each in receipts["partitions"])
    waiting = sum(each["lag"] for each in receipts["partitions"])
    assert rows + waiting == story.sent
    assert rows >= story.sent - 5 * len(STORES)


def test_no_driver_is_left(story: Story) -> None:
    """Marking the run failed has ended the driver: none of the drivers there ever were is alive."""
    assert story.states["failed"] == "failed"
    assert story.stack.applications.state("ingest") == State.SUSPENDED
    assert not [each for each in story.drivers if each.is_running()]


def test_proofs_run_as_dags(story: Story) -> None:
    """`verify_lake` and `reconcile_day` succeed on a sound lake, under the role `quality`."""
    for dag in ("verify_lake", "reconcile_day"):
        run = story.client.trigger(dag)
        assert story.client.wait_for_run(dag, run, STATE_SECONDS) == "success", dag
