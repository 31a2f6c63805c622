"""The part of the Kubernetes API that the adapter talks to, over HTTP, with the answers a real API server gives.

Objects live in memory. `answer_next` queues an answer of one's own, as it was recorded.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PREFIX = "/apis/sparkoperator.k8s.io/v1beta2/namespaces/tillstream/sparkapplications"


class ApiServer:
    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, Any]] = []
        # One request at a time, as etcd has it: between the look at a version and the change nobody else writes.
        self.turn = threading.Lock()
        self._answers: list[tuple[int, dict[str, Any]]] = []
        self._versions = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator["ApiServer"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    def answer_next(self, code: int, reason: str, message: str) -> None:
        """As a Status object."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code}
        self._answers.append((code, {**status, "reason": reason, "message": message}))

    def put(self, manifest: dict[str, Any]) -> None:
        """Make or change an object, as Argo CD or the operator would."""
        self._versions += 1
        known = self.objects.get(manifest["metadata"]["name"], {}).get("metadata", {"uid": str(uuid.uuid4())})
        metadata = {**manifest["metadata"], "uid": known["uid"], "resourceVersion": str(self._versions)}
        self.objects[manifest["metadata"]["name"]] = {**manifest, "metadata": metadata}

    def answer(self, method: str, name: str, body: Any) -> tuple[int, dict[str, Any]]:  # noqa: PLR0911 - one a rule
        self.requests.append((method, name, body))
        if self._answers:
            return self._answers.pop(0)
        if method == "POST":
            name = body["metadata"]["name"]
            if name in self.objects:
                return _failure(409, "AlreadyExists", f'sparkapplications "{name}" already exists')
            self.put(body)
            return 201, self.objects[name]
        if name not in self.objects:
            return _failure(404, "NotFound", f'sparkapplications "{name}" not found')
        found = self.objects[name]
        if method == "GET":
            return 200, found
        wanted = body["metadata"] if method == "PATCH" else body["preconditions"]
        if any(found["metadata"][key] != wanted[key] for key in ("uid", "resourceVersion") if key in wanted):
            return _failure(409, "Conflict", "the object has been modified; please apply your changes to the latest")
        if method == "DELETE":
            del self.objects[name]
            return 200, {"kind": "Status", "status": "Success"}
        self.put(_merge(found, {key: value for key, value in body.items() if key != "status"}))
        return 200, self.objects[name]


def _merge(into: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(into) if isinstance(into, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge(merged.get(key), value)
    return merged


def _failure(code: int, reason: str, message: str) -> tuple[int, dict[str, Any]]:
    return code, {"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}


def _handler(api: ApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            path = self.path.partition("?")[0]
            assert path.startswith(PREFIX), path
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            if self.command == "PATCH":
                assert self.headers["Content-Type"] == "application/merge-patch+json", self.headers["Content-Type"]
            with api.turn:
                code, answer = api.answer(self.command, path.removeprefix(PREFIX).lstrip("/"), body)
            content = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class looks for these names

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
