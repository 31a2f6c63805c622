"""The port to where SparkApplications run: the Kubernetes API on EKS, the runner of `local` on one machine.

A driver is started by whoever runs SparkApplications (the Spark Operator, or `local`), at most one an object. Airflow
only says what is wanted, so nothing here can start a second one.

A stream has one watcher at a time: the run of its DAG whose name stands in the object. Who acts on a stream claims it
with the same change; who finds another's name there has been relieved.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, cast

from contracts.errors import TillstreamError

# `package.module:Class`, made without arguments.
RUNTIME = "TILLSTREAM_RUNTIME"
KUBERNETES = "orchestration.kubernetes:KubernetesRuntime"
WATCHER = "tillstream.io/watcher"
# On EKS: where the SparkApplications are, and the tasks that do a workload's work.
NAMESPACE = "TILLSTREAM_NAMESPACE"
PIPELINE = "tillstream"

# Of the operator's states (v1beta2), those that are told apart here.
RUNNING, SUSPENDED, COMPLETED, FAILED = "RUNNING", "SUSPENDED", "COMPLETED", "FAILED"


class OrchestrationError(TillstreamError):
    """Airflow could not do with an application what it was asked to."""


class NoSuchApplication(OrchestrationError):  # noqa: N818 - an answer more than a fault
    """There is no such SparkApplication, or no longer."""


class Changed(OrchestrationError):  # noqa: N818 - an answer more than a fault
    """Somebody changed or made the object first: look at it again."""


class Unreachable(OrchestrationError):  # noqa: N818 - an answer more than a fault
    """Nobody answers, or not now. What runs goes on running; ask again."""


@dataclass(frozen=True)
class Application:
    """A SparkApplication as it was at one look. `version` changes with every change of the object."""

    name: str
    uid: str
    version: str
    suspend: bool
    state: str
    message: str
    watcher: str

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """The object as the Kubernetes API gives it; without a status where nobody has run it yet."""
        metadata, state = found["metadata"], found.get("status", {}).get("applicationState", {})
        return cls(
            name=metadata["name"],
            uid=metadata["uid"],
            version=metadata["resourceVersion"],
            suspend=bool(found["spec"].get("suspend")),
            state=state.get("state", ""),
            message=state.get("errorMessage", ""),
            watcher=metadata.get("annotations", {}).get(WATCHER, ""),
        )

    @property
    def has_ended(self) -> bool:
        """For good: clearing `suspend` starts it no more."""
        return self.state in {COMPLETED, FAILED}

    @property
    def is_down(self) -> bool:
        """Without a driver, and nobody about to start one."""
        return self.state == SUSPENDED or self.has_ended


class Runtime(Protocol):
    """Every method may raise Unreachable, and NoSuchApplication where it needs the object.

    What changes an object takes it as it was seen, and raises Changed where it is no longer so.
    """

    def get(self, name: str) -> Application: ...

    def change(self, seen: Application, *, suspend: bool, watcher: str) -> Application:
        """Ask for its end or its start, and claim it."""
        ...

    def replace(self, seen: Application, *, watcher: str) -> Application:
        """Put an object of the same spec, to be started, in the place of one that has ended."""
        ...

    def create(self, template: str, name: str, arguments: Sequence[str], *, watcher: str) -> Application:
        """Make a copy of the suspended application `template`, to be started, with arguments of its own."""
        ...

    def delete(self, seen: Application) -> None:
        """Remove the object; its driver, if it has one, ends. Fine where it is gone already."""
        ...


def connect() -> Runtime:
    """The runtime that this process was started for."""
    module, _, name = os.environ.get(RUNTIME, KUBERNETES).partition(":")
    return cast("Runtime", getattr(importlib.import_module(module), name)())
