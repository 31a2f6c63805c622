"""An application goes through the operator's states, whatever happens to its driver."""

from dataclasses import replace
from typing import Any

import pytest

from local import lifecycle
from local.lifecycle import Act, Driver, State, Status

ALIVE, READY = Driver(running=True), Driver(running=True, ready=True)
RESTARTS: dict[str, Any] = {
    "restartPolicy": {
        "type": "OnFailure",
        "onFailureRetries": 2,
        "onFailureRetryInterval": 10,
        "onSubmissionFailureRetries": 1,
        "onSubmissionFailureRetryInterval": 5,
    }
}


def step(
    status: Status,
    driver: Driver | None = None,
    spec: dict[str, Any] | None = None,
    now: float = 100,
    generation: int = 1,
) -> tuple[State, Act]:
    following, act = lifecycle.step(spec if spec is not None else RESTARTS, generation, status, driver or Driver(), now)
    return following.state, act


def status(state: State, **known: float) -> Status:
    return replace(Status(state, generation=1), **known)  # type: ignore[arg-type] # the two counters are ints


def test_a_new_application_is_submitted():
    """An application that is not suspended is started at once."""
    assert step(Status()) == (State.NEW, Act.SUBMIT)


def test_a_new_suspended_application_never_starts():
    """What Git says, `suspend: true`, leads to SUSPENDED without a start."""
    following, act = lifecycle.step({"suspend": True}, 1, Status(), Driver(), 100)
    assert (following.state, act) == (State.SUSPENDING, Act.NOTHING)
    following, act = lifecycle.step({"suspend": True}, 1, following, Driver(), 100)
    assert (following.state, act) == (State.SUSPENDED, Act.NOTHING)


def test_resuming_starts_the_driver():
    """A suspended application whose field is cleared starts."""
    assert step(status(State.SUSPENDED)) == (State.RESUMING, Act.NOTHING)
    assert step(status(State.RESUMING)) == (State.RESUMING, Act.SUBMIT)


def test_running_once_the_driver_is_ready():
    """SUBMITTED becomes RUNNING when the driver answers, not before."""
    assert step(status(State.SUBMITTED), ALIVE) == (State.SUBMITTED, Act.NOTHING)
    assert step(status(State.SUBMITTED), READY) == (State.RUNNING, Act.NOTHING)


@pytest.mark.parametrize(
    "state", [State.SUBMITTED, State.RUNNING, State.FAILING, State.PENDING_RERUN, State.INVALIDATING]
)
def test_suspending_reaches_every_state(state: State):
    """A suspended application stops, whatever it was doing."""
    assert step(status(state), ALIVE, {**RESTARTS, "suspend": True}) == (State.SUSPENDING, Act.NOTHING)


def test_suspended_only_when_the_driver_is_gone():
    """SUSPENDED means that no driver runs."""
    suspended = {"suspend": True}
    assert step(status(State.SUSPENDING), ALIVE, suspended) == (State.SUSPENDING, Act.END)
    assert step(status(State.SUSPENDING), Driver(exit_code=143), suspended) == (State.SUSPENDED, Act.NOTHING)


def test_success_completes():
    """A driver that ends well completes the application."""
    assert step(status(State.RUNNING), Driver(exit_code=0)) == (State.SUCCEEDING, Act.NOTHING)
    assert step(status(State.SUCCEEDING)) == (State.COMPLETED, Act.NOTHING)


def test_always_runs_again_after_success():
    """With `Always`, the end is a new beginning."""
    assert step(status(State.SUCCEEDING), spec={"restartPolicy": {"type": "Always"}})[0] == State.PENDING_RERUN


@pytest.mark.parametrize(("attempts", "due_seconds"), [(1, 10), (2, 20)])
def test_delays_grow(attempts: int, due_seconds: float):
    """The n-th failure waits n times the interval."""
    failing = status(State.FAILING, execution_attempts=attempts, terminated_at=1000)
    assert step(failing, now=1000 + due_seconds - 0.1)[0] == State.FAILING
    assert step(failing, now=1000 + due_seconds)[0] == State.PENDING_RERUN


def test_retries_end():
    """When the retries are spent, the application has failed."""
    assert step(status(State.FAILING, execution_attempts=3, terminated_at=0), now=1e9)[0] == State.FAILED


def test_without_a_policy_nothing_is_tried_again():
    """`Never` is the default, as the operator's."""
    assert step(status(State.FAILING, execution_attempts=1), spec={})[0] == State.FAILED


def test_submission_is_retried_on_its_own_terms():
    """What cannot be started is tried again after its own interval, as often as its own limit says."""
    failed = status(State.SUBMISSION_FAILED, submission_attempts=1, submitted_at=1000)
    assert step(failed, now=1004) == (State.SUBMISSION_FAILED, Act.NOTHING)
    assert step(failed, now=1005) == (State.SUBMISSION_FAILED, Act.SUBMIT)
    assert step(replace(failed, submission_attempts=2), now=1e9)[0] == State.FAILED


def test_a_changed_spec_restarts_the_driver():
    """A new generation ends the driver of the old one, then starts with fresh retries."""
    running = status(State.RUNNING, execution_attempts=2)
    assert step(running, READY, generation=2) == (State.INVALIDATING, Act.NOTHING)
    assert step(status(State.INVALIDATING), READY, generation=2) == (State.INVALIDATING, Act.END)
    following, _ = lifecycle.step(
        RESTARTS, 2, status(State.INVALIDATING, execution_attempts=2), Driver(exit_code=143), 0
    )
    assert following == Status(State.PENDING_RERUN, generation=2)


def test_a_changed_spec_waits_while_suspended():
    """A suspended application takes up the new spec when it resumes."""
    assert step(status(State.SUSPENDED), spec={"suspend": True}, generation=2) == (State.SUSPENDED, Act.NOTHING)
    following, act = lifecycle.step({}, 2, status(State.RESUMING), Driver(), 0)
    assert (following.generation, act) == (2, Act.SUBMIT)


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED])
def test_the_end_is_the_end(state: State):
    """Only a changed spec wakes an application that has ended; suspending it does nothing."""
    assert step(status(state)) == (state, Act.NOTHING)
    assert step(status(state), spec={"suspend": True}) == (state, Act.NOTHING)
    assert step(status(state), generation=2)[0] == State.INVALIDATING
