"""What a person does in Airflow's UI, by its API."""

import time
from collections.abc import Container, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from contracts.errors import TillstreamError

# Of one answer: longer than whoever answers may have to wait for the database.
TIMEOUT_SECONDS = 120
POLL_SECONDS = 0.5
LONG_AGO = datetime.min.replace(tzinfo=UTC)
ENDED = frozenset({"success", "failed"})
ACTIVE = ("queued", "running")


class RunError(TillstreamError):
    """A DAG run did not come to what was waited for."""


class AirflowClient:
    """Logs in by password; logs in again when its token is refused."""

    def __init__(self, url: str, user: str = "", password: str = "") -> None:
        self._credentials = {"username": user, "password": password}
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def health(self, since: datetime = LONG_AGO) -> dict[str, str]:
        """By part: `healthy` or not. Who was last heard of before `since` is not, whatever Airflow says."""
        answer = self._http.get("/api/v2/monitor/health").raise_for_status().json()
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return {name: _status(answer.get(name) or {}, f"latest_{name}_heartbeat", since) for name in parts}

    def dags(self) -> dict[str, str]:
        """Every DAG that is known, with what it says it does."""
        return {each["dag_id"]: each["description"] for each in self._ask("GET", "/dags")["dags"]}

    def dag_files(self) -> set[str]:
        """The names of the files that the known DAGs are in."""
        return {Path(each["fileloc"]).name for each in self._ask("GET", "/dags")["dags"]}

    def import_errors(self) -> str:
        found = self._ask("GET", "/importErrors")["import_errors"]
        return "\n".join(f"{each['filename']}: {each['stack_trace']}" for each in found)

    def trigger(self, dag: str, **conf: object) -> str:
        """Begin a run; return its id."""
        return str(self._ask("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"])

    def pause(self, dag: str, *, paused: bool) -> None:
        """Whether a DAG rests: nothing of it runs, by the clock or as asked for."""
        self._ask("PATCH", f"/dags/{dag}", {"is_paused": paused})

    def state(self, dag: str, run: str) -> str:
        return str(self._ask("GET", f"/dags/{dag}/dagRuns/{run}")["state"])

    def active_runs(self, dag: str) -> int:
        """How many runs have begun, or wait to begin, and have not ended."""
        return sum(self._ask("GET", f"/dags/{dag}/dagRuns?state={each}")["total_entries"] for each in ACTIVE)

    def tasks(self, dag: str, run: str) -> dict[str, str | None]:
        """The state of each task of a run."""
        found = self._ask("GET", f"/dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        return {each["task_id"]: each["state"] for each in found}

    def mark_failed(self, dag: str, run: str) -> None:
        self._ask("PATCH", f"/dags/{dag}/dagRuns/{run}", {"state": "failed"})

    def log(self, dag: str, run: str, task: str) -> str:
        """What a task said in all of its attempts, as text."""
        path = f"/dags/{dag}/dagRuns/{run}/taskInstances/{task}"
        attempts = range(1, self._ask("GET", path)["try_number"] + 1)
        lines = [line for attempt in attempts for line in self._ask("GET", f"{path}/logs/{attempt}")["content"]]
        return "\n".join(str(each.get("event", each)) for each in lines)

    def wait_for_task(
        self, dag: str, run: str, task: str, wanted: Container[str | None], timeout_seconds: float
    ) -> None:
        """Return when a task is in one of these states. Raise RunError after the time-out, or when the run is over."""
        deadline = time.monotonic() + timeout_seconds
        while (state := self.tasks(dag, run).get(task)) not in wanted:
            if time.monotonic() > deadline or self.state(dag, run) in ENDED:
                if self.tasks(dag, run).get(task) in wanted:
                    return
                raise RunError(
                    f"Task {task} of {dag}, run {run}, is {state}; the run is {self.state(dag, run)}. What the lake "
                    f"holds stays. Look at the run in Airflow's UI: {self._http.base_url}/dags/{dag}/runs/{run}"
                )
            time.sleep(POLL_SECONDS)

    def wait_for_run(self, dag: str, run: str, timeout_seconds: float) -> str:
        """The state in which a run has ended."""
        deadline = time.monotonic() + timeout_seconds
        while (state := self.state(dag, run)) not in ENDED:
            if time.monotonic() > deadline:
                raise RunError(f"{dag}, run {run}, is still {state}: {self.tasks(dag, run)}. It was left running.")
            time.sleep(POLL_SECONDS)
        return state

    def _ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        for may_log_in in (True, False):
            answer = self._http.request(method, f"/api/v2{path}", json=body)
            if answer.status_code == httpx.codes.UNAUTHORIZED and may_log_in:
                token = self._http.post("/auth/token", json=self._credentials).raise_for_status().json()
                self._http.headers["Authorization"] = f"Bearer {token['access_token']}"
                continue
            if answer.is_error:
                raise RunError(f"Airflow refuses {method} {path}: {answer.status_code} {answer.text}")
            return answer.json()
        raise AssertionError


def _status(part: Mapping[str, str | None], heartbeat: str, since: datetime) -> str:
    heard = part.get(heartbeat)
    if heard and datetime.fromisoformat(heard) < since:
        return "not heard of"
    return part.get("status") or "absent"
