"""Runs MiniStack as an AWS that enforces: `python -m local.aws.emulator`, started by `local.aws.account`.

MiniStack's own entry point is not used: it writes a file into the machine's temporary directory and opens port 443
where it can. What it reads from the environment is set here, before its modules are imported.
"""

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

# What ASGI calls an application; its messages are too many to spell here.
App = Any

HEALTH = "/_ministack/health"


class Loop(asyncio.SelectorEventLoop):
    """An event loop whose TLS servers do not wait half a minute for the farewell of clients that were killed."""

    async def create_server(self, *arguments: Any, **options: Any) -> asyncio.Server:  # noqa: ANN401 - passed through
        return await super().create_server(*arguments, ssl_shutdown_timeout=1, **options)


def configure(directory: Path, port: int) -> None:
    """Set MiniStack's environment. The administrator's keys are there already: whoever starts this chose them."""
    os.environ.update(
        AUTH="true",
        SERVICES="s3,sts,iam",
        GATEWAY_PORT=str(port),
        MINISTACK_HOST="localhost",
        MINISTACK_REGION="us-east-1",
        S3_PERSIST="1",
        S3_DATA_DIR=str(directory / "s3"),
        PERSIST_STATE="1",
        STATE_DIR=str(directory / "state"),
        # It would look for containers of its own to remove; there are none, and the machine's Docker is not ours.
        DOCKER_HOST=f"unix://{directory}/no-docker.sock",
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        LOG_LEVEL="WARNING",
    )


def without_back_doors(app: App) -> App:
    """Refuse MiniStack's own endpoints, which reset or reconfigure it without any credentials; health remains."""

    async def guarded(scope: MutableMapping[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        path = scope.get("path", "")
        if path.startswith(("/_ministack", "/_localstack")) and path != HEALTH:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    return guarded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="where objects and state are kept")
    parser.add_argument("--port", type=int, required=True, help="on loopback")
    parser.add_argument("--certificate", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--issuer", required=True, help="URL of the issuer whose tokens STS accepts")
    parser.add_argument("--jwks", type=Path, required=True, help="its public keys")
    parser.add_argument("--session-seconds", type=int, help="shorten every session (tests)")
    parser.add_argument("--record", type=Path, help="append to this file which role asks S3 for what")
    arguments = parser.parse_args()
    configure(arguments.directory, arguments.port)

    from hypercorn.asyncio import serve  # noqa: PLC0415 - see the module
    from hypercorn.config import Config  # noqa: PLC0415 - see the module
    from ministack.app import app  # noqa: PLC0415 - see the module

    from local.aws import administrator, encryption, recording, web_identity  # noqa: PLC0415 - see the module

    administrator.install()
    encryption.install()
    if arguments.record:
        recording.install(arguments.record)
    signal.signal(signal.SIGUSR1, lambda *_: administrator.lock_out())
    web_identity.install({arguments.issuer: arguments.jwks}, arguments.session_seconds)
    # A client that is killed leaves its connection without TLS's farewell: on this machine no error.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    config = Config()
    config.bind = [f"127.0.0.1:{arguments.port}"]
    config.certfile, config.keyfile = str(arguments.certificate), str(arguments.key)
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(serve(without_back_doors(app), config))


if __name__ == "__main__":
    main()
