"""Start and stop the emulated AWS account, and say how a workload or an administrator reaches it."""

import os
import secrets
import signal
import ssl
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
from botocore.exceptions import BotoCoreError, ClientError

from contracts.errors import TillstreamError
from local import processes
from local.authority import Authority
from local.aws.emulator import HEALTH
from local.aws.issuer import Issuer
from local.ports import free_ports

if TYPE_CHECKING:
    from subprocess import Popen

REGION = "us-east-1"
# Names a file that is to hold which role asked S3 for what.
RECORD = "TILLSTREAM_AWS_RECORD"
LOCK_OUT_SECONDS = 120
POLL_SECONDS = 0.05
ROOT = Path(__file__).resolve().parents[2]
# A truststore of public certificates keeps no secret; Java's format wants a password nevertheless.
TRUSTSTORE_PASSWORD = "changeit"  # noqa: S105 - see above


class AccountError(TillstreamError):
    """The emulated AWS does not run."""


class Account:
    """One emulated account on a free port of loopback, served by TLS, its objects and state below `directory`.

    The administrator's keys are new at every start and known to this object alone.
    """

    def __init__(self, directory: Path, authority: Authority, session_seconds: int | None = None) -> None:
        """Take up the account of this directory, or prepare a new one.

        `session_seconds` shortens every session of a workload (tests); by default sessions last as long as on AWS.
        """
        self.directory = directory
        self.log_file = directory / "emulator.log"
        self.ca_file = authority.certificate_file
        self.issuer = Issuer(directory / "issuer")
        self.endpoint = f"https://127.0.0.1:{free_ports(1)[0]}"
        self._truststore = authority.java_truststore(directory / "truststore.p12", TRUSTSTORE_PASSWORD)
        self._server = authority.issue_server("aws")
        self._session_seconds = session_seconds
        self._administrator: dict[str, str] = {}
        self._process: Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while the emulator runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout_seconds: float = 180) -> None:
        """Start the emulator and return when it answers. Raise AccountError if that takes too long."""
        if self.pid:
            return
        self._administrator = {
            "AWS_ACCESS_KEY_ID": f"ADMIN{secrets.token_hex(8).upper()}",
            "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
        }
        command = [
            *(sys.executable, "-m", "local.aws.emulator"),
            *(f"--directory={self.directory}", f"--port={httpx.URL(self.endpoint).port}"),
            *(f"--certificate={self._server.certificate_file}", f"--key={self._server.key_file}"),
            *(f"--issuer={self.issuer.url}", f"--jwks={self.issuer.jwks_file}"),
        ]
        if self._session_seconds is not None:
            command.append(f"--session-seconds={self._session_seconds}")
        if record := os.environ.get(RECORD):
            command.append(f"--record={record}")
        environment = {**without_aws(os.environ), **self._administrator}
        self._process = processes.spawn(command, self.log_file, environment=environment, directory=ROOT)
        self._await_answer(timeout_seconds)

    def lock_out_administrator(self) -> None:
        """End the administrator's keys: from here on only roles reach the account, until a restart makes new keys.

        Returns when the keys have been tried and refused. Raises AccountError where they are not.
        """
        if self._process is None or not self._administrator:
            return
        administrator = self.administrator_client("sts")
        self._process.send_signal(signal.SIGUSR1)
        self._administrator = {}
        deadline = time.monotonic() + LOCK_OUT_SECONDS
        while time.monotonic() < deadline:
            try:
                administrator.get_caller_identity()
            except (ClientError, BotoCoreError):
                # Refused; or the emulator is gone, and its keys with it.
                return
            time.sleep(POLL_SECONDS)
        raise AccountError(
            f"The administrator's keys still work {LOCK_OUT_SECONDS} s after they were ended. Nothing else was "
            "changed; `make down` ends the emulated AWS."
        )

    def stop(self, timeout_seconds: float = 60) -> None:
        """Stop the emulator in good order, so that it saves its state, or kill it after the time-out."""
        if self._process is not None:
            processes.end(self._process, timeout_seconds)
            self._process = None

    def administrator_environment(self) -> dict[str, str]:
        """The AWS variables of Terraform's run."""
        return {
            **self._administrator,
            "AWS_REGION": REGION,
            "AWS_CA_BUNDLE": str(self.ca_file),
            **{f"AWS_ENDPOINT_URL_{service}": self.endpoint for service in ("S3", "STS", "IAM")},
        }

    def administrator_client(self, service: str = "s3") -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """A boto3 client with every right, for set-up and for tests that look behind the roles."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            verify=str(self.ca_file),
            aws_access_key_id=self._administrator["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._administrator["AWS_SECRET_ACCESS_KEY"],
        )

    def workload_environment(self, role_arn: str, token_file: Path) -> dict[str, str]:
        """The variables by which a process finds its role, as EKS sets them in a pod, and S3 and STS.

        Start from `without_aws(os.environ)`: an AWS_ACCESS_KEY_ID that is left over would come before the role.
        """
        return {
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ROLE_ARN": role_arn,
            "AWS_ROLE_SESSION_NAME": role_arn.rsplit("/", 1)[-1],
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(token_file),
            "AWS_ENDPOINT_URL_S3": self.endpoint,
            "AWS_ENDPOINT_URL_STS": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            # boto3 reads the first, pyarrow and delta-rs the second, every JVM the third.
            "AWS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
            "JAVA_TOOL_OPTIONS": (
                f"-Djavax.net.ssl.trustStore={self._truststore} "
                f"-Djavax.net.ssl.trustStorePassword={TRUSTSTORE_PASSWORD}"
            ),
        }

    def _await_answer(self, timeout_seconds: float) -> None:
        deadline = time.monotonic() + timeout_seconds
        trust = ssl.create_default_context(cafile=str(self.ca_file))
        with httpx.Client(verify=trust, trust_env=False) as client:
            while True:
                try:
                    client.get(self.endpoint + HEALTH).raise_for_status()
                except httpx.HTTPError as error:
                    if not self.pid or time.monotonic() > deadline:
                        self.stop()
                        raise AccountError(
                            f"The emulated AWS did not answer within {timeout_seconds:.0f} s ({error}) "
                            f"and was stopped; its data are as they were. {processes.end_of_log(self.log_file)}"
                        ) from error
                    time.sleep(POLL_SECONDS)
                else:
                    return


def without_aws(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what the user's own AWS account left in it."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}
