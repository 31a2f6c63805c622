"""Processes of these tests are their own: some tests end everything that this process has started."""

from collections.abc import Iterator

import pytest

from local import processes, watchdog


@pytest.fixture(autouse=True)
def own_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Know only what the test itself starts, and leave nothing of it. Brokers and emulators of earlier files live on
    in this process, and are seen by neither `kill_all` nor the test's watchdog.
    """
    own = processes._Watch()
    monkeypatch.setattr(processes, "_watch", own)
    yield
    for session in own.sessions():
        watchdog.kill(session)
    if own._process is not None:
        own._process.kill()
        own._process.wait()
