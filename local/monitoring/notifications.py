"""Who is told, on one machine: a file with a line for every alert of every notification that Alertmanager sends."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def told(file: Path) -> list[dict[str, Any]]:
    """The lines of a receiver's file. It may be writing one: that one is read next time."""
    *lines, _unfinished = file.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines]


class Receiver:
    """A webhook on loopback for all of Alertmanager's receivers, each by its name: POST /<receiver>.

    A line of the file: {"time", "receiver", "status": "firing" | "resolved", "labels", "annotations", "starts_at"}.
    Times are UTC, ISO 8601.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.take = self._take  # type: ignore[attr-defined] # the way of http.server to its handlers
        self._thread = threading.Thread(target=self._server.serve_forever, name="notifications", daemon=True)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch(mode=0o600)
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def _take(self, receiver: str, notification: dict[str, Any]) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        lines = "".join(f"{json.dumps(line)}\n" for line in _lines(receiver, notification, now))
        with self._lock, self.file.open("a", encoding="utf-8") as file:
            file.write(lines)


def _lines(receiver: str, notification: dict[str, Any], now: str) -> Iterator[dict[str, Any]]:
    for alert in notification["alerts"]:
        yield {
            "time": now,
            "receiver": receiver,
            "status": alert["status"],
            "labels": alert["labels"],
            "annotations": alert["annotations"],
            "starts_at": alert["startsAt"],
        }


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.take(self.path.removeprefix("/"), json.loads(body))  # type: ignore[attr-defined] # set above
        self.send_response(HTTPStatus.NO_CONTENT)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """What comes is in the file."""
