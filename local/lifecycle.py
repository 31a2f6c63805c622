"""The states of a SparkApplication, as the kubeflow operator keeps them on EKS: a pure function from one to the next.

The names and the transitions are the operator's (v1beta2), so that Airflow, the runbooks and a person on call meet the
same states on one machine and in the cluster:

    NEW -> SUBMITTED -> RUNNING -> SUCCEEDING -> COMPLETED
                               `-> FAILING -> PENDING_RERUN -> SUBMITTED, or FAILED when the retries are spent
    any of them but COMPLETED and FAILED, with `suspend: true`: -> SUSPENDING -> SUSPENDED -> RESUMING -> SUBMITTED
    a changed spec, unless suspended: -> INVALIDATING -> PENDING_RERUN
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Any


class State(StrEnum):
    NEW = ""
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    SUCCEEDING = "SUCCEEDING"
    COMPLETED = "COMPLETED"
    FAILING = "FAILING"
    FAILED = "FAILED"
    SUBMISSION_FAILED = "SUBMISSION_FAILED"
    PENDING_RERUN = "PENDING_RERUN"
    INVALIDATING = "INVALIDATING"
    SUSPENDING = "SUSPENDING"
    SUSPENDED = "SUSPENDED"
    RESUMING = "RESUMING"


class Act(Enum):
    """What the runner has to do beside writing the status down."""

    NOTHING = "nothing"
    SUBMIT = "submit"
    END = "end"


@dataclass(frozen=True)
class Status:
    """What is known of an application's runs. Times are Unix seconds, 0 when there is none."""

    state: State = State.NEW
    message: str = ""
    submission_attempts: int = 0
    execution_attempts: int = 0
    submitted_at: float = 0
    terminated_at: float = 0
    # The spec that the present run was started from.
    generation: int = 0


@dataclass(frozen=True)
class Driver:
    """What the runner sees of the driver's process."""

    running: bool = False
    # It has started its work: on EKS, its pod runs.
    ready: bool = False
    exit_code: int | None = None


TERMINATED = {State.COMPLETED, State.FAILED}
STARTING = {State.NEW, State.PENDING_RERUN, State.RESUMING}


def step(  # noqa: PLR0911 - one return a transition
    spec: Mapping[str, Any], generation: int, status: Status, driver: Driver, now: float
) -> tuple[Status, Act]:
    """The next status and what to do for it. `generation` counts the changes of the spec except of `suspend`.

    After `Act.SUBMIT` the runner applies `submitted` or `submission_failed`; `Act.END` asks for the driver's end, and
    is asked for again until it is gone.
    """
    state = status.state
    suspend = bool(spec.get("suspend"))
    if state == State.SUSPENDED:
        return (status, Act.NOTHING) if suspend else (replace(status, state=State.RESUMING), Act.NOTHING)
    if state == State.SUSPENDING:
        return (status, Act.END) if driver.running else (Status(State.SUSPENDED, generation=generation), Act.NOTHING)
    if suspend and state not in TERMINATED:
        return replace(status, state=State.SUSPENDING), Act.NOTHING
    if state == State.INVALIDATING:
        if driver.running:
            return status, Act.END
        return Status(State.PENDING_RERUN, generation=generation), Act.NOTHING
    if state in STARTING:
        return replace(status, generation=generation), Act.SUBMIT
    if generation != status.generation:
        return replace(status, state=State.INVALIDATING), Act.NOTHING
    return _follow(spec, status, driver, now)


def submitted(status: Status, now: float) -> Status:
    """The status once the driver's process was started."""
    return replace(
        status,
        state=State.SUBMITTED,
        message="",
        submission_attempts=status.submission_attempts + 1,
        execution_attempts=status.execution_attempts + 1,
        submitted_at=now,
        terminated_at=0,
    )


def submission_failed(status: Status, message: str, now: float) -> Status:
    """The status when the driver's process could not be started."""
    return replace(
        status,
        state=State.SUBMISSION_FAILED,
        message=message,
        submission_attempts=status.submission_attempts + 1,
        submitted_at=now,
    )


def _follow(  # noqa: PLR0911 - one return a transition
    spec: Mapping[str, Any], status: Status, driver: Driver, now: float
) -> tuple[Status, Act]:
    """The step of an application that is neither suspended nor about to start."""
    policy: Mapping[str, Any] = spec.get("restartPolicy", {})
    match status.state:
        case State.SUBMITTED | State.RUNNING if not driver.running:
            if driver.exit_code == 0:
                return replace(status, state=State.SUCCEEDING, terminated_at=now), Act.NOTHING
            message = f"the driver ended with exit code {driver.exit_code}"
            return replace(status, state=State.FAILING, message=message, terminated_at=now), Act.NOTHING
        case State.SUBMITTED if driver.ready:
            return replace(status, state=State.RUNNING), Act.NOTHING
        case State.SUCCEEDING:
            following = State.PENDING_RERUN if policy.get("type") == "Always" else State.COMPLETED
            return replace(status, state=following), Act.NOTHING
        case State.FAILING:
            allowed = _retries(policy, "onFailureRetries")
            if status.execution_attempts > allowed:
                return replace(status, state=State.FAILED), Act.NOTHING
            # Growing delays: the n-th failure waits n times the interval.
            due = status.terminated_at + policy.get("onFailureRetryInterval", 0) * status.execution_attempts
            return (replace(status, state=State.PENDING_RERUN), Act.NOTHING) if now >= due else (status, Act.NOTHING)
        case State.SUBMISSION_FAILED:
            if status.submission_attempts > _retries(policy, "onSubmissionFailureRetries"):
                return replace(status, state=State.FAILED, terminated_at=now), Act.NOTHING
            due = status.submitted_at + policy.get("onSubmissionFailureRetryInterval", 0) * status.submission_attempts
            return (status, Act.SUBMIT) if now >= due else (status, Act.NOTHING)
    return status, Act.NOTHING


def _retries(policy: Mapping[str, Any], limit: str) -> float:
    match policy.get("type", "Never"):
        case "Always":
            return float("inf")
        case "OnFailure":
            return float(policy.get(limit, 0))
        case _:
            return 0
