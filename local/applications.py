"""Runs SparkApplications on one machine: what the kubeflow operator and its API server are on EKS.

Each object is a folder: `object.json` is the manifest, which anyone may change by `apply` or `suspend`;
`status.json` is the runner's alone. Both are replaced whole, so a reader never sees half of one.
"""

import datetime as dt
import fcntl
import json
import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import TillstreamError
from local import lifecycle, processes
from local.lifecycle import Act, Driver, State, Status

POLL_SECONDS = 0.1


class ApplicationError(TillstreamError):
    """There is no such application, or it did not reach the state that was waited for."""


class NotFound(ApplicationError):  # noqa: N818 - Kubernetes' 404
    """There is no such application."""


class Conflict(ApplicationError):  # noqa: N818 - Kubernetes' 409
    """The object is there already, or no longer as it was seen."""


@dataclass(frozen=True)
class Submission:
    """One start of a driver: its command line, its whole environment, the port of its web UI, how long it may take to
    end in good order, and where it serves metrics of its own (empty: nowhere).
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    ui_port: int
    grace_seconds: float
    metrics_address: str = ""


class Applications:
    """The objects below a directory, for everyone who asks for something or wants to know."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def names(self) -> list[str]:
        return sorted(path.parent.name for path in self.directory.glob("*/object.json"))

    def get(self, name: str) -> dict[str, Any]:
        """The manifest with its status, as `kubectl get sparkapplication NAME -o json` prints it."""
        try:
            manifest: dict[str, Any] = json.loads((self.directory / name / "object.json").read_text())
        except FileNotFoundError as error:
            known = ", ".join(self.names()) or "none"
            raise NotFound(f"There is no SparkApplication {name}. There are: {known}.") from error
        return self._with_status(manifest)

    def state(self, name: str) -> State:
        return State(self.get(name)["status"].get("applicationState", {}).get("state", ""))

    def log_file(self, name: str) -> Path:
        return self.directory / name / "driver.log"

    def apply(self, manifest: Mapping[str, Any]) -> None:
        """Create or change an object. What stands in `spec.suspend` stays, as Argo CD leaves it to Airflow."""
        name = manifest["metadata"]["name"]
        with self._changing(name) as current:
            spec = dict(manifest["spec"])
            if current:
                spec["suspend"] = current["spec"].get("suspend", False)
            changed = not current or current["spec"] != spec
            known: dict[str, Any] = current.get("metadata", {"generation": 0, "uid": str(uuid.uuid4())})
            metadata = {**known, **manifest["metadata"], "generation": known["generation"] + int(changed)}
            metadata["annotations"] = {**known.get("annotations", {}), **manifest["metadata"].get("annotations", {})}
            current.update({**manifest, "metadata": metadata, "spec": spec})

    def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Make an object; return it as it was made. Raise Conflict where one of that name is there."""
        name = manifest["metadata"]["name"]
        with self._changing(name) as current:
            if current:
                raise Conflict(f"There is a SparkApplication {name} already. It was left as it is.")
            current.update(
                {**manifest, "metadata": {**manifest["metadata"], "generation": 1, "uid": str(uuid.uuid4())}}
            )
        return self._with_status(current)

    def replace(self, name: str, annotations: Mapping[str, str], version: str) -> dict[str, Any]:
        """Put an object of the same spec, not suspended, in the place of one: at no moment is there none. The runner
        ends the old one's driver first. Return it as it was made. Raise Conflict where it is not at this version.
        """
        self.get(name)
        with self._changing(name) as current:
            self._refuse_other_version(name, current, version)
            current["spec"]["suspend"] = False
            current["metadata"] |= {"generation": 1, "uid": str(uuid.uuid4()), "annotations": dict(annotations)}
        return self._with_status(current)

    def delete(self, name: str, version: str) -> None:
        """Remove an object; the runner ends its driver. Raise Conflict where it is not at this version."""
        with self._locked(name):
            self._refuse_other_version(name, self.get(name), version)
            (self.directory / name / "object.json").unlink()

    def suspend(self, name: str, *, suspend: bool = True) -> None:
        """Ask for the application's end (true) or start (false): Airflow's `spec.suspend`."""
        self.patch(name, suspend=suspend)

    def patch(
        self, name: str, *, suspend: bool, annotations: Mapping[str, str] | None = None, version: str | None = None
    ) -> dict[str, Any]:
        """Change `suspend` and annotations; return the object as this change has left it, whoever changes it next.
        Raise Conflict where a version is given and the object is not at it.
        """
        self.get(name)
        with self._changing(name) as current:
            if version is not None:
                self._refuse_other_version(name, current, version)
            current["spec"]["suspend"] = suspend
            current["metadata"]["annotations"] = {**current["metadata"].get("annotations", {}), **(annotations or {})}
        return self._with_status(current)

    def wait_for(self, name: str, wanted: set[State], timeout_seconds: float) -> State:
        """Return when the application is in one of these states; raise ApplicationError after the time-out.

        FAILED, unless wanted, raises at once: nothing leaves it.
        """
        deadline = time.monotonic() + timeout_seconds
        while (state := self.state(name)) not in wanted:
            if state == State.FAILED or time.monotonic() > deadline:
                raise ApplicationError(
                    f"SparkApplication {name} is {state or 'NEW'}, not {' or '.join(sorted(wanted))}. "
                    f"What is committed stays committed. {processes.end_of_log(self.log_file(name))}"
                )
            time.sleep(POLL_SECONDS)
        return state

    def _with_status(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        metadata = manifest["metadata"]
        return {**manifest, "status": self._status(metadata["name"], metadata["uid"])}

    def _status(self, name: str, uid: str) -> dict[str, Any]:
        """What the runner wrote of this very object; nothing of an earlier one of its name."""
        try:
            status: dict[str, Any] = json.loads((self.directory / name / "status.json").read_text())
        except FileNotFoundError:
            return {}
        return status if status.pop("uid") == uid else {}

    def _refuse_other_version(self, name: str, current: Mapping[str, Any], version: str) -> None:
        if not current or current["metadata"]["resourceVersion"] != version:
            raise Conflict(f"SparkApplication {name} is no longer as it was seen. It was left as it is.")

    @contextmanager
    def _changing(self, name: str) -> Iterator[dict[str, Any]]:
        path = self.directory / name / "object.json"
        with self._locked(name):
            manifest = json.loads(path.read_text()) if path.exists() else {}
            yield manifest
            manifest["metadata"]["resourceVersion"] = uuid.uuid4().hex
            _replace(path, manifest)

    @contextmanager
    def _locked(self, name: str) -> Iterator[None]:
        (self.directory / name).mkdir(parents=True, exist_ok=True)
        with (self.directory / name / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Runner:
    """Drives every application to what its spec asks for, in a thread, until `stop`."""

    def __init__(self, applications: Applications, submit: Callable[[Mapping[str, Any]], Submission]) -> None:
        """`submit` turns a manifest into what is started for it; it may raise TillstreamError."""
        self._applications = applications
        self._submit = submit
        # By name: the object that is driven. Another one of its name has to wait until its driver is gone.
        self._uids: dict[str, str] = {}
        self._statuses: dict[str, Status] = {}
        self._drivers: dict[str, _Running] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="applications")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End every driver in good order and the thread. The objects stay and say what they last were."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stopping.wait(POLL_SECONDS):
                present = self._present()
                for name, uid in tuple(self._uids.items()):
                    if name not in present or _uid(present[name]) != uid:
                        self._forget(name)
                for name, manifest in present.items():
                    if self._uids.setdefault(name, _uid(manifest)) == _uid(manifest):
                        self._advance(name, manifest)
        finally:
            # All are asked before any is waited for.
            for running in self._drivers.values():
                running.ask_to_end()
            for running in self._drivers.values():
                running.end()

    def _present(self) -> dict[str, dict[str, Any]]:
        found = {}
        for name in self._applications.names():
            # One may be deleted just now.
            with suppress(NotFound):
                found[name] = self._applications.get(name)
        return found

    def _forget(self, name: str) -> None:
        """End what was started for an object that is gone, and forget it once nothing of it runs."""
        running = self._drivers.get(name)
        if running and running.seen().running:
            running.ask_to_end()
            return
        for known in (self._drivers, self._statuses, self._uids):
            known.pop(name, None)

    def _advance(self, name: str, manifest: Mapping[str, Any]) -> None:
        status = self._statuses.get(name, Status())
        generation = _generation(manifest)
        running = self._drivers.get(name)
        following, act = lifecycle.step(
            manifest["spec"], generation, status, running.seen() if running else Driver(), time.time()
        )
        if act == Act.SUBMIT:
            following = self._start(name, manifest, following)
        elif act == Act.END and running:
            running.ask_to_end()
        if following != status:
            self._statuses[name] = following
            path = self._applications.directory / name / "status.json"
            _replace(path, {"uid": _uid(manifest), **_printed(name, following, self._drivers.get(name))})

    def _start(self, name: str, manifest: Mapping[str, Any], status: Status) -> Status:
        self._drivers.pop(name, None)
        try:
            submission = self._submit(manifest)
            process = processes.spawn(
                submission.command, self._applications.log_file(name), environment=submission.environment
            )
        except (OSError, TillstreamError) as error:
            return lifecycle.submission_failed(status, str(error), time.time())
        self._drivers[name] = _Running(process, submission)
        return lifecycle.submitted(status, time.time())


class _Running:
    """A driver's process."""

    def __init__(self, process: subprocess.Popen[bytes], submission: Submission) -> None:
        self.process = process
        self.ui_port = submission.ui_port
        self.metrics_address = submission.metrics_address
        self.grace_seconds = submission.grace_seconds
        self._kill_after = float("inf")
        self._ready = self._gone = False

    def seen(self) -> Driver:
        if self.process.poll() is None:
            if not self._ready:
                with socket.socket() as probe:
                    self._ready = probe.connect_ex(("127.0.0.1", self.ui_port)) == 0
            return Driver(running=True, ready=self._ready)
        if not self._gone:
            # Its workers may have outlived it, and would be a second driver's hands.
            processes.kill(self.process)
            self._gone = True
        return Driver(exit_code=self.process.returncode)

    def ask_to_end(self) -> None:
        """SIGTERM at the first call, SIGKILL at one after the grace time."""
        if self._kill_after == float("inf"):
            self._kill_after = time.monotonic() + self.grace_seconds
            self.process.terminate()
        elif time.monotonic() > self._kill_after:
            processes.kill(self.process)

    def end(self) -> None:
        """End it in good order, and wait. Of one seen to be gone the number may be another program's by now."""
        if not self._gone:
            processes.end(self.process, self.grace_seconds)


def _generation(manifest: Mapping[str, Any]) -> int:
    return int(manifest["metadata"]["generation"])


def _uid(manifest: Mapping[str, Any]) -> str:
    return str(manifest["metadata"]["uid"])


def _printed(name: str, status: Status, running: _Running | None) -> dict[str, Any]:
    """The status as the operator writes it."""
    driver: dict[str, Any] = {}
    if running:
        driver = {
            "podName": f"{name}-driver",
            "pid": running.process.pid,
            "webUIPort": running.ui_port,
            "webUIAddress": f"127.0.0.1:{running.ui_port}",
            # Not the operator's: in the cluster Prometheus finds a pod's port by its name.
            "metricsAddress": running.metrics_address,
        }
    return {
        "applicationState": {"state": status.state, "errorMessage": status.message},
        "submissionAttempts": status.submission_attempts,
        "executionAttempts": status.execution_attempts,
        "lastSubmissionAttemptTime": _time(status.submitted_at),
        "terminationTime": _time(status.terminated_at),
        "driverInfo": driver,
    }


def _time(seconds: float) -> str | None:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="seconds") if seconds else None


def _replace(path: Path, content: Mapping[str, Any]) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    draft.write_text(json.dumps(content, indent=2))
    draft.replace(path)
