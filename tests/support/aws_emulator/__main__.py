"""Runs moto with our answers in it: `.tools/checks/bin/python -m tests.support.aws_emulator --port N`.

moto answers Terraform as AWS would as far as it goes. What it lacks for the environments dev and prod the modules
beside this one answer: each says what, in the docstring of its class. They replace private parts of moto 5.2.5, which
local/tools/requirements.in pins.
"""

import argparse
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple
from werkzeug.wrappers import Response

from tests.support.aws_emulator import acmpca, autoscaling, budgets, ec2, eks, msk, rds, s3

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def one_at_a_time(app: App) -> App:
    """Terraform asks for ten things at once; moto's models are not made for that."""
    turn = threading.Lock()

    def serial(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with turn:
            return app(environ, start_response)

    return serial


def repeating(app: App) -> App:
    """A request that comes again gets its first answer.

    On a busy machine the provider's SDK closes a connection unread if the answer comes before it has itself noted that
    all of its request is written. It asks again, under the same id: what it asked for has been made, and must not be
    made twice.
    """
    answers: dict[str, Response] = {}

    def remembering(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        call = environ.get("HTTP_AMZ_SDK_INVOCATION_ID")
        answer = answers.get(call) or Response.from_app(app, environ, buffered=True)
        # One that went wrong is to be asked for anew.
        if call and answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            answers[call] = answer
        return answer(environ, start_response)

    return remembering


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="on loopback")
    arguments = parser.parse_args()
    for part in (acmpca, autoscaling, budgets, ec2, eks, msk, rds, s3):
        part.install()
    app = one_at_a_time(repeating(DomainDispatcherApplication(create_backend_app)))
    run_simple("127.0.0.1", arguments.port, app, threaded=True, request_handler=MotoRequestHandler)


if __name__ == "__main__":
    main()
