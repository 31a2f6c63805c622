"""The tasks of the DAGs that are about SparkApplications: start, watch, restart and stop a stream; run a batch."""

import hashlib
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred

from orchestration import actions
from orchestration.runtime import COMPLETED, Application, NoSuchApplication, Runtime, connect
from orchestration.supervision import Outcome, Phase, Policy, Watch
from orchestration.triggers import RunTrigger, StreamTrigger, decision_of

Context = Mapping[str, Any]
# Of the application of this name, in the name of a watcher; the second kind, only where no other run has it.
Action = Callable[[Runtime, str, str], Application]
ActionOfRun = Callable[[Runtime, str, str, str], Application]


class _StreamOperator(BaseOperator):
    """A task on one stream. It holds no worker while it waits."""

    def __init__(self, *, application: str, policy: Mapping[str, Any] | None = None, **options: Any) -> None:  # noqa: ANN401 - Airflow's
        super().__init__(**options)
        self.application = application
        self.policy = dict(policy or {})
        self._watcher = ""

    def on_kill(self) -> None:
        """Somebody ended the task while it acted. While it waits, the trigger's own on_kill does the same."""
        if self._watcher:
            actions.stop_own(connect(), self.application, self._watcher)

    def _wait(self, context: Context, watch: Watch) -> NoReturn:
        # What the person who triggered the run has set counts before what the DAG says.
        chosen = {each.name: context["params"][each.name] for each in fields(Policy) if each.name in context["params"]}
        policy = asdict(Policy(**self.policy | chosen))
        trigger = StreamTrigger(
            application=self.application, watcher=_watcher(context), watch=watch.fields(), policy=policy
        )
        raise TaskDeferred(trigger=trigger, method_name="resume")

    def _take(self, context: Context, act: Action, watch: Watch) -> NoReturn:
        """Claim the stream from whoever has it, then wait: what a person has just asked for."""
        self._watcher = _watcher(context)
        seen = act(connect(), self.application, self._watcher)
        self.log.info("%s: suspend is %s (it was %s)", seen.name, seen.suspend, seen.state or "NEW")
        self._wait(context, watch)

    def _go_on(self, context: Context, act: ActionOfRun, watch: Watch) -> str:
        """Act for the run that has the stream, then wait; another run may have come first since somebody looked."""
        self._watcher = _watcher(context)
        seen = act(connect(), self.application, context["run_id"], self._watcher)
        if seen.watcher != self._watcher:
            return self._relieved(f"{seen.watcher or 'nobody'} watches it now")
        return self._wait(context, watch)

    def resume(self, context: Context, event: Mapping[str, Any]) -> str:
        """Act on what the trigger found: wait on, be done (by returning why), or fail for good."""
        found = decision_of(event)
        self.log.info("%s %s: %s", self.application, found.outcome, found.reason)
        match found.outcome:
            case Outcome.STOPPED:
                return found.reason
            case Outcome.RELIEVED:
                return self._relieved(found.reason)
            case Outcome.RUNS:
                return self._runs(context, found.watch)
            case Outcome.RESTART:
                self.log.warning("%s is restarted: %s", self.application, found.reason)
                return self._go_on(context, actions.keep_down, found.watch)
            case Outcome.START:
                return self._go_on(context, actions.keep_running, found.watch)
            case Outcome.GIVE_UP:
                return self._give_up(context, found.reason)

    def _runs(self, _context: Context, _watch: Watch) -> str:
        return "it runs"

    def _relieved(self, reason: str) -> str:
        raise AirflowFailException(f"{self.application}: {reason}. It was left to that run.")

    def _give_up(self, context: Context, reason: str) -> NoReturn:
        """Leave nothing that restarts itself: a person has to look first."""
        with suppress(NoSuchApplication):
            actions.stop_own(connect(), self.application, _watcher(context))
        raise AirflowFailException(
            f"{self.application} needs a person: {reason}. It was asked to end and is not started again; what is "
            f"committed stays. Find the cause in its driver's log, then trigger stream_{self.application}."
        )


class StartStream(_StreamOperator):
    """Have a stream run, and return when it does."""

    def execute(self, context: Context) -> str:
        self._take(context, actions.start, Watch(Phase.STARTING, time.time()))


class RestartStream(_StreamOperator):
    """End a stream in good order, start it again, and return when it runs."""

    def execute(self, context: Context) -> str:
        self._take(context, actions.stop, Watch(Phase.RESTARTING, time.time()))


class StopStream(_StreamOperator):
    """End a stream in good order, and return when it is down."""

    def execute(self, context: Context) -> str:
        self._take(context, actions.stop, Watch(Phase.STOPPING, time.time()))


class MonitorStream(_StreamOperator):
    """Watch a stream that this run has started, and restart it as its policy says. Ends well when another run takes
    the stream over or stops it; fails, and so pages, when restarting does not help.
    """

    def execute(self, context: Context) -> str:
        return self._go_on(context, actions.keep_running, Watch(Phase.STARTING, time.time()))

    def _runs(self, context: Context, watch: Watch) -> str:
        self._wait(context, watch)

    def _relieved(self, reason: str) -> str:
        return reason


class ReleaseStream(_StreamOperator):
    """However the watch of this run has ended, marked failed by a person while nobody looked included: leave no stream
    running that nobody watches. What another run has taken over is left alone.
    """

    def execute(self, context: Context) -> str:
        return self._go_on(context, actions.stop_of_run, Watch(Phase.STOPPING, time.time()))

    def _relieved(self, reason: str) -> str:
        return reason


class RunApplication(BaseOperator):
    """Run a batch application to its end, as a copy of the suspended one of that name, once a DAG run. `arguments` are
    written as they would be typed; no shell reads them.
    """

    template_fields: Sequence[str] = ("arguments",)

    def __init__(
        self,
        *,
        application: str,
        arguments: str = "",
        poll_seconds: float = 5,
        **options: Any,  # noqa: ANN401 - Airflow's
    ) -> None:
        super().__init__(**options)
        self.application = application
        self.arguments = arguments
        self.poll_seconds = poll_seconds
        self._watcher = ""

    def execute(self, context: Context) -> str:
        self._watcher = _watcher(context)
        name = self._name(context)
        seen = actions.run_once(connect(), self.application, name, shlex.split(self.arguments), self._watcher)
        self.log.info("%s runs %s %s", seen.name, self.application, self.arguments)
        trigger = RunTrigger(application=name, watcher=self._watcher, poll_seconds=self.poll_seconds)
        raise TaskDeferred(trigger=trigger, method_name="resume")

    def resume(self, context: Context, event: Mapping[str, str]) -> str:
        name = self._name(context)
        if event["state"] != COMPLETED:
            raise AirflowException(
                f"{name} is {event['state']}: {event['message'] or 'no reason is given'}. It left nothing half done; "
                "its driver's log says why, and a retry runs it anew."
            )
        return name

    def on_kill(self) -> None:
        if self._watcher:
            actions.stop_own(connect(), self._name_of(self._watcher), self._watcher)

    def _name(self, context: Context) -> str:
        return self._name_of(_watcher(context))

    def _name_of(self, watcher: str) -> str:
        """The same for every attempt of a run, and short enough for the label of a pod."""
        key = f"{self.dag_id}/{actions.run_of(watcher)}/{self.task_id}"
        return f"{self.application}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def _watcher(context: Context) -> str:
    """The name under which a task claims an application: another one each attempt."""
    return actions.watcher_name(context["run_id"], context["ti"].try_number)
