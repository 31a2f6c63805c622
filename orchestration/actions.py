"""What Airflow does with an application: each sees it, changes it as seen, and looks again where somebody was first."""

from collections.abc import Callable, Sequence

from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from orchestration.runtime import Application, Changed, NoSuchApplication, Runtime

ATTEMPTS = 10
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 2

Act = Callable[[Application], Application]
Where = Callable[[Application], bool]


def start(runtime: Runtime, name: str, watcher: str) -> Application:
    """Claim an application and have it run: a new object of the same spec where it has ended, else by `suspend`."""
    return _change(runtime, name, lambda seen: _run(runtime, seen, watcher))


def stop(runtime: Runtime, name: str, watcher: str) -> Application:
    """Claim an application and ask for its end, which comes in good order."""
    return _change(runtime, name, lambda seen: _end(runtime, seen, watcher))


def stop_own(runtime: Runtime, name: str, watcher: str) -> Application:
    """Ask for the end of what this watcher watches; leave alone what another one has claimed."""
    return _change(runtime, name, lambda seen: _end(runtime, seen, watcher), where=lambda seen: seen.watcher == watcher)


def stop_of_run(runtime: Runtime, name: str, run: str, watcher: str) -> Application:
    """Ask for the end of what this run has claimed last, by any attempt of any of its tasks."""
    return _change(
        runtime, name, lambda seen: _end(runtime, seen, watcher), where=lambda seen: run_of(seen.watcher) == run
    )


def keep_down(runtime: Runtime, name: str, run: str, watcher: str) -> Application:
    """Like `stop`, as a further watcher of the same run; leave alone what another run has claimed."""
    return _change(
        runtime, name, lambda seen: _end(runtime, seen, watcher), where=lambda seen: not _is_anothers(seen, run)
    )


def keep_running(runtime: Runtime, name: str, run: str, watcher: str) -> Application:
    """Like `start`, as a further watcher of the same run; leave alone what another run has claimed."""
    return _change(
        runtime, name, lambda seen: _run(runtime, seen, watcher), where=lambda seen: not _is_anothers(seen, run)
    )


def run_once(runtime: Runtime, template: str, name: str, arguments: Sequence[str], watcher: str) -> Application:
    """Have a batch run of this name: made if there is none, taken up if it runs, made anew if an earlier watcher's
    has ended. So a run whose watcher died is neither lost nor doubled.
    """

    def attempt() -> Application:
        return _take_up(runtime, name, watcher) or runtime.create(template, name, arguments, watcher=watcher)

    return _persist(name, attempt)


def watcher_name(run: str, attempt: int) -> str:
    return f"{run}#{attempt}"


def run_of(watcher: str) -> str:
    return watcher.rpartition("#")[0]


def _run(runtime: Runtime, seen: Application, watcher: str) -> Application:
    if seen.has_ended:
        return runtime.replace(seen, watcher=watcher)
    return runtime.change(seen, suspend=False, watcher=watcher)


def _end(runtime: Runtime, seen: Application, watcher: str) -> Application:
    return runtime.change(seen, suspend=True, watcher=watcher)


def _take_up(runtime: Runtime, name: str, watcher: str) -> Application | None:
    """A batch run of this name that is there for good; None where it has to be made, an ended one being removed."""
    try:
        seen = runtime.get(name)
        if not seen.has_ended:
            return runtime.change(seen, suspend=False, watcher=watcher)
        if seen.watcher == watcher:
            return seen
        runtime.delete(seen)
    except NoSuchApplication:
        return None
    return None


def _is_anothers(seen: Application, run: str) -> bool:
    # Nobody's is not: Argo CD has put back what was removed, to be replaced or by mistake.
    return bool(seen.watcher) and run_of(seen.watcher) != run


def _change(runtime: Runtime, name: str, act: Act, *, where: Where = lambda _: True) -> Application:
    """Act on an application where it is so as it is seen; else leave it."""

    def attempt() -> Application:
        seen = runtime.get(name)
        return act(seen) if where(seen) else seen

    return _persist(name, attempt)


def _persist(name: str, attempt: Callable[[], Application]) -> Application:
    # By chance, and longer each time: two that look again at once would lose to each other again.
    again = Retrying(
        retry=retry_if_exception_type(Changed),
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS),
    )
    try:
        made: Application = again(attempt)
    except RetryError as error:
        raise Changed(
            f"SparkApplication {name} was changed by somebody else {ATTEMPTS} times in a row. It is as they left it; "
            f"see who writes to it (`kubectl get sparkapplication {name} -o yaml --show-managed-fields`), then try "
            "again."
        ) from error
    return made
