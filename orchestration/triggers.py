"""What waits in the triggerer. A trigger only looks; what it finds, an operator acts upon and Airflow writes down.

So a triggerer may be killed at any moment: another one begins to look where the last operator left off.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from contracts.errors import TillstreamError
from orchestration import actions, manifests
from orchestration.runtime import RUNNING, Application, NoSuchApplication, Runtime, Unreachable, connect
from orchestration.supervision import Decision, Health, Outcome, Phase, Policy, Watch, decide

if TYPE_CHECKING:
    from orchestration.health import Gauge


class _ApplicationTrigger(BaseTrigger):
    """Looks at one application again and again, for one watcher."""

    def __init__(self, *, application: str, watcher: str) -> None:
        super().__init__()
        self.application = application
        self.watcher = watcher
        self._runtime: Runtime | None = None

    async def on_kill(self) -> None:
        """Somebody marked the task or its run, or cleared it: end the job in good order, unless another run has it."""
        try:
            seen = await asyncio.to_thread(lambda: actions.stop_own(connect(), self.application, self.watcher))
        except NoSuchApplication:
            return
        self.log.info("%s was asked to end: suspend is %s, watcher %s", seen.name, seen.suspend, seen.watcher)

    async def _look(self) -> Application | None:
        """The application; None where nobody could say."""
        try:
            return await asyncio.to_thread(self._get)
        except Unreachable as error:
            self.log.warning("%s", error)
            return None

    def _get(self) -> Application:
        if self._runtime is None:
            self._runtime = connect()
        return self._runtime.get(self.application)


class StreamTrigger(_ApplicationTrigger):
    """Watches a stream through one phase; its one event is a Decision."""

    def __init__(self, *, application: str, watcher: str, watch: Mapping[str, Any], policy: Mapping[str, Any]) -> None:
        super().__init__(application=application, watcher=watcher)
        self.watch = Watch.of(watch)
        self.policy = Policy(**policy)
        self._gauge: Gauge | None = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        fields = {"watch": self.watch.fields(), "policy": asdict(self.policy)}
        return f"{__name__}.StreamTrigger", {"application": self.application, "watcher": self.watcher, **fields}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        not_running_since: float | None = None
        health: Health | None = None
        measured_at = 0.0
        while True:
            # First of all, too: a wait that is over before the scheduler has heard of it looks to it like a lost task.
            await asyncio.sleep(self.policy.poll_seconds)
            try:
                seen = await self._look()
            except NoSuchApplication as error:
                yield TriggerEvent(_event(Decision(Outcome.GIVE_UP, f"it is gone: {error}", self.watch)))
                return
            if seen:
                runs = seen.state == RUNNING
                not_running_since = None if runs else not_running_since or time.time()
                if self.watch.phase == Phase.WATCHING and time.time() - measured_at > self.policy.health_seconds:
                    health, measured_at = await self._measure(), time.time()
                decision = decide(
                    self.watch,
                    seen,
                    health,
                    watcher=self.watcher,
                    not_running_since=not_running_since,
                    now=time.time(),
                    policy=self.policy,
                )
                if decision:
                    yield TriggerEvent(_event(decision))
                    return

    async def _measure(self) -> Health | None:
        """None where it cannot be known: a stream is not restarted because its broker is away."""
        try:
            found = await asyncio.to_thread(self._gauge_once)
        except Exception as error:  # noqa: BLE001 - whatever keeps it from measuring, the state is still watched
            self._gauge = None
            self.log.warning("The health of %s cannot be measured: %s", self.application, error)
            return None
        self.log.info("%s", found)
        return found

    def _gauge_once(self) -> Health:
        if self._gauge is None:
            stream = next((each for each in manifests.streams() if each.name == self.application), None)
            if stream is None:
                raise TillstreamError(f"{manifests.STREAMS} declares no stream {self.application}.")
            from orchestration.health import gauge  # noqa: PLC0415 - DAG files need not wait for Kafka's and Delta's code

            self._gauge = gauge(stream)
        return self._gauge.measure()


class RunTrigger(_ApplicationTrigger):
    """Waits until a batch application has ended; its event is the end state and its message."""

    def __init__(self, *, application: str, watcher: str, poll_seconds: float) -> None:
        super().__init__(application=application, watcher=watcher)
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        fields = {"application": self.application, "watcher": self.watcher, "poll_seconds": self.poll_seconds}
        return f"{__name__}.RunTrigger", fields

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            # As in StreamTrigger.
            await asyncio.sleep(self.poll_seconds)
            try:
                seen = await self._look()
            except NoSuchApplication as error:
                yield TriggerEvent({"state": "gone", "message": str(error)})
                return
            if seen and (seen.has_ended or seen.suspend or seen.watcher != self.watcher):
                state = seen.state if seen.has_ended else "suspended or claimed by somebody else"
                yield TriggerEvent({"state": state, "message": seen.message})
                return


class CommitTrigger(BaseEventTrigger):
    """Says that a feed has committed since the last time it said so, at most every `pause_seconds`."""

    def __init__(self, *, feed: str, pause_seconds: float) -> None:
        super().__init__()
        self.feed = feed
        self.pause_seconds = pause_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.CommitTrigger", {"feed": self.feed, "pause_seconds": self.pause_seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        last: str | None = None
        while True:
            await asyncio.sleep(self.pause_seconds)
            try:
                newest = await asyncio.to_thread(self._newest_batch)
            except Exception as error:  # noqa: BLE001 - a lake that is away for a while ends no watch
                self.log.warning("The commits of %s cannot be read: %s", self.feed, error)
            else:
                if newest and newest != last:
                    last = newest
                    yield TriggerEvent({"feed": self.feed, "manifest": newest})

    def _newest_batch(self) -> str | None:
        from orchestration.health import newest_batch  # noqa: PLC0415 - as in StreamTrigger

        return newest_batch(self.feed)


def _event(decision: Decision) -> dict[str, Any]:
    return {"outcome": decision.outcome.value, "reason": decision.reason, "watch": decision.watch.fields()}


def decision_of(event: Mapping[str, Any]) -> Decision:
    """What a StreamTrigger's event says."""
    return Decision(Outcome(event["outcome"]), event["reason"], Watch.of(event["watch"]))
