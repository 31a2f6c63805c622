"""GitHub's comments, issues and pull requests, as far as `ci.github` asks for them, on loopback."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

TOKEN = "a workflow's token"


class FakeGitHub:
    """Keeps what it was told. `comments` by pull request; `issues` and `pulls` as GitHub lists them."""

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.issues: list[dict[str, Any]] = []
        self.pulls: list[dict[str, Any]] = []
        self.address = ""
        self.refuse = False

    def answer(self, method: str, path: str, body: dict[str, Any]) -> Any:  # noqa: PLR0911 - one return a path
        """The answer to one request; what changes things is kept."""
        url = urlparse(path)
        asked = {key: values[0] for key, values in parse_qs(url.query).items()}
        parts = url.path.removeprefix("/repos/example/tillstream/")
        if comments := re.fullmatch(r"issues/(\d+)/comments", parts):
            if method == "POST":
                return self._add(self.comments, {"on": int(comments[1]), **body})
            return _page([each for each in self.comments if each["on"] == int(comments[1])], asked)
        if comment := re.fullmatch(r"issues/comments/(\d+)", parts):
            return self._change(self.comments, "id", int(comment[1]), body)
        if issue := re.fullmatch(r"issues/(\d+)", parts):
            return self._change(self.issues, "number", int(issue[1]), body)
        if pull := re.fullmatch(r"pulls/(\d+)", parts):
            return self._change(self.pulls, "number", int(pull[1]), body)
        listed = self.issues if parts == "issues" else self.pulls
        if method == "POST":
            return self._add(listed, {"state": "open", **body})
        found = [each for each in listed if each["state"] == asked["state"]]
        if "head" in asked:
            found = [each for each in found if f"example:{each['head']}" == asked["head"]]
        return _page(found, asked)

    def _add(self, listed: list[dict[str, Any]], content: dict[str, Any]) -> dict[str, Any]:
        number = len(listed) + 1
        made = {"id": number, "number": number, "html_url": f"https://github.example/{number}", **content}
        listed.append(made)
        return made

    def _change(self, listed: list[dict[str, Any]], key: str, value: int, body: dict[str, Any]) -> dict[str, Any]:
        found = next(each for each in listed if each[key] == value)
        found.update(body)
        return found


@contextmanager
def github() -> Iterator[FakeGitHub]:
    """A GitHub that listens while the block runs."""
    kept = FakeGitHub()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        do_POST = do_PATCH = do_GET  # noqa: N815 - names of the library

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            allowed = self.headers["Authorization"] == f"Bearer {TOKEN}" and not kept.refuse
            found = kept.answer(self.command, self.path, body) if allowed else {"message": "Resource not accessible"}
            printed = json.dumps(found).encode()
            self.send_response(200 if allowed else 403)
            self.send_header("Content-Length", str(len(printed)))
            self.end_headers()
            self.wfile.write(printed)

        def log_message(self, *_: object) -> None:
            """Tests say enough."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _page(found: list[dict[str, Any]], asked: dict[str, str]) -> list[dict[str, Any]]:
    size, page = int(asked["per_page"]), int(asked["page"])
    return found[size * (page - 1) : size * page]
