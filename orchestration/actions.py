"""What Airflow does with an application: each sees it, changes it as seen, and looks again where somebody was first."""

from collections.abc import Callable, Sequence

from orchestration.runtime import Application, Changed, NoSuchApplication, Runtime

ATTEMPTS = 10


def start(runtime: Runtime, name: str, watcher: str) -> Application:
    """Claim an application and have it run: a new object of the same spec where it has ended, else by `suspend`."""
    return _persist(runtime, name, lambda seen: _run(runtime, seen, watcher))


def stop(runtime: Runtime, name: str, watcher: str) -> Application:
    """Claim an application and ask for its end, which comes in good order."""
    return _persist(runtime, name, lambda seen: runtime.change(seen, suspend=True, watcher=watcher))


def stop_own(runtime: Runtime, name: str, watcher: str) -> Application:
    """Ask for the end of what this watcher watches; leave alone what another one has claimed."""

    def attempt(seen: Application) -> Application:
        return runtime.change(seen, suspend=True, watcher=watcher) if seen.watcher == watcher else seen

    return _persist(runtime, name, attempt)


def stop_of_run(runtime: Runtime, name: str, run: str, watcher: str) -> Application:
    """Ask for the end of what this run has claimed last, by any attempt of any of its tasks."""

    def attempt(seen: Application) -> Application:
        return runtime.change(seen, suspend=True, watcher=watcher) if run_of(seen.watcher) == run else seen

    return _persist(runtime, name, attempt)


def keep_down(runtime: Runtime, name: str, run: str, watcher: str) -> Application:
    """Like `stop`, as a further watcher of the same run; leave alone what another run has claimed."""

    def attempt(seen: Application) -> Application:
        return seen if _is_anothers(seen, run) else runtime.change(seen, suspend=True, watcher=watcher)

    return _persist(runtime, name, attempt)


def keep_running(runtime: Runtime, name: str, run: str, watcher: str) -> Application:
    """Like `start`, as a further watcher of the same run; leave alone what another run has claimed."""

    def attempt(seen: Application) -> Application:
        return seen if _is_anothers(seen, run) else _run(runtime, seen, watcher)

    return _persist(runtime, name, attempt)


def run_once(runtime: Runtime, template: str, name: str, arguments: Sequence[str], watcher: str) -> Application:
    """Have a batch run of this name: made if there is none, taken up if it runs, made anew if an earlier watcher's
    has ended. So a run whose watcher died is neither lost nor doubled.
    """
    for _ in range(ATTEMPTS):
        try:
            seen = runtime.get(name)
            if not seen.has_ended:
                return runtime.change(seen, suspend=False, watcher=watcher)
            if seen.watcher == watcher:
                return seen
            runtime.delete(seen)
        except NoSuchApplication:
            pass
        except Changed:
            continue
        try:
            return runtime.create(template, name, arguments, watcher=watcher)
        except Changed:
            continue
    raise _gave_up(name)


def watcher_name(run: str, attempt: int) -> str:
    return f"{run}#{attempt}"


def run_of(watcher: str) -> str:
    return watcher.rpartition("#")[0]


def _run(runtime: Runtime, seen: Application, watcher: str) -> Application:
    if seen.has_ended:
        return runtime.replace(seen, watcher=watcher)
    return runtime.change(seen, suspend=False, watcher=watcher)


def _is_anothers(seen: Application, run: str) -> bool:
    # Nobody's is not: Argo CD has put back what was removed, to be replaced or by mistake.
    return bool(seen.watcher) and run_of(seen.watcher) != run


def _persist(runtime: Runtime, name: str, attempt: Callable[[Application], Application]) -> Application:
    for _ in range(ATTEMPTS):
        try:
            return attempt(runtime.get(name))
        except Changed:
            continue
    raise _gave_up(name)


def _gave_up(name: str) -> Changed:
    return Changed(
        f"SparkApplication {name} was changed by somebody else {ATTEMPTS} times in a row. It is as they left it; see "
        f"who writes to it (`kubectl get sparkapplication {name} -o yaml --show-managed-fields`), then try again."
    )
