"""Notices that the files of a log-in were replaced, and knows when a certificate ends."""

import time
from pathlib import Path

from stores.authority import not_after
from topics.logins import Mtls
from topics.settings import KafkaSettings

State = tuple[tuple[int, int, int] | None, ...]


class LoginWatch:
    """Compares the files that a client reads once with what they were when it was made."""

    def __init__(self, settings: KafkaSettings, look_seconds: float) -> None:
        self._files = settings.files()
        self._look_seconds = look_seconds
        self._look_at = 0.0
        self._known: State | None = None

    def note(self) -> None:
        """The files are about to be read, as they are now."""
        self._known = self._state()

    def forget(self) -> None:
        """They could not be used: whatever is found at the next look is new."""
        self._known = None

    def changed(self) -> bool:
        """Whether they are others by now. Looks no more often than it was told to."""
        if time.monotonic() < self._look_at:
            return False
        self._look_at = time.monotonic() + self._look_seconds
        return self._state() != self._known

    def _state(self) -> State:
        return tuple(map(_version, self._files))


def not_after_seconds(settings: KafkaSettings) -> float | None:
    """When the certificate of this log-in ends; None for a log-in without one."""
    login = settings.login
    return not_after(login.certificate_file).timestamp() if isinstance(login, Mtls) else None


def _version(path: Path) -> tuple[int, int, int] | None:
    try:
        # A projected secret is a link to a link: what counts is the file behind them.
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
