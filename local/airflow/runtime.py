"""The port of `orchestration` to the SparkApplications of this machine. Imported by Airflow's processes."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from local.applications import Applications, Conflict, NotFound
from orchestration.runtime import WATCHER, Application, Changed, NoSuchApplication

APPLICATIONS = "TILLSTREAM_APPLICATIONS_DIR"
T = TypeVar("T")


class LocalRuntime:
    """The objects below a directory, as `local.applications` runs them."""

    def __init__(self, applications: Applications | None = None) -> None:
        self._applications = applications or Applications(Path(os.environ[APPLICATIONS]))

    def get(self, name: str) -> Application:
        return Application.of(self._read(name))

    def change(self, seen: Application, *, suspend: bool, watcher: str) -> Application:
        def change() -> dict[str, Any]:
            annotations = {WATCHER: watcher}
            return self._applications.patch(seen.name, suspend=suspend, annotations=annotations, version=seen.version)

        return Application.of(_ask(change))

    def replace(self, seen: Application, *, watcher: str) -> Application:
        return Application.of(_ask(lambda: self._applications.replace(seen.name, {WATCHER: watcher}, seen.version)))

    def create(self, template: str, name: str, arguments: Sequence[str], *, watcher: str) -> Application:
        found = self._read(template)
        return self._create({**found, "spec": {**found["spec"], "arguments": list(arguments)}}, name, watcher)

    def delete(self, seen: Application) -> None:
        try:
            _ask(lambda: self._applications.delete(seen.name, seen.version))
        except NoSuchApplication:
            return

    def _read(self, name: str) -> dict[str, Any]:
        return _ask(lambda: self._applications.get(name))

    def _create(self, like: Mapping[str, Any], name: str, watcher: str) -> Application:
        metadata = {"labels": like["metadata"].get("labels", {}), "annotations": {WATCHER: watcher}, "name": name}
        spec = {**like["spec"], "suspend": False}
        made = {"apiVersion": like["apiVersion"], "kind": like["kind"], "metadata": metadata, "spec": spec}
        return Application.of(_ask(lambda: self._applications.create(made)))


def _ask(call: Callable[[], T]) -> T:
    """Say by an error of the port what the objects answered."""
    try:
        return call()
    except NotFound as error:
        raise NoSuchApplication(str(error)) from error
    except Conflict as error:
        raise Changed(str(error)) from error
