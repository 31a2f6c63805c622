"""What S3 answers, counted: by a process's own requests, so that a refusal is seen before its consequences are."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from lake.objects import session

# Answers to a question that was asked, and no errors: is it there, has it changed?
_ANSWERS = frozenset({"NoSuchKey", "404", "PreconditionFailed", "412", "304"})


class RequestMetrics:
    """Counts each try, also one that boto3 repeats by itself. What obstore and delta-rs ask is not among them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tillstream_s3_requests",
            "Requests to S3 by operation. Those that are tried again count again.",
            ["operation"],
            registry=registry,
        )
        self._errors = Counter(
            "tillstream_s3_errors",
            "Requests that S3 refused or did not answer, by operation and code (AccessDenied, SlowDown, …).",
            ["operation", "code"],
            registry=registry,
        )

    def watch(self) -> None:
        """Count what this process asks from now on. Clients that exist already are not heard."""
        session().events.register("response-received.s3", self.count)

    def count(
        self,
        event_name: str,
        parsed_response: Mapping[str, Any] | None = None,
        exception: Exception | None = None,
        **_: object,
    ) -> None:
        operation = event_name.rpartition(".")[2]
        self._requests.labels(operation).inc()
        if exception is not None:
            self._errors.labels(operation, type(exception).__name__).inc()
        elif parsed_response and (code := str(parsed_response.get("Error", {}).get("Code", ""))) not in {"", *_ANSWERS}:
            self._errors.labels(operation, code).inc()
