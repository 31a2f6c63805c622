"""Applies the environments dev and prod to an AWS that is answered on loopback.

A copy of terraform/ and contracts/ is applied, with one file more in the root, which tells the provider that it speaks
to an emulator. The state is in S3 with its lock beside it, as on AWS.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from local import processes
from local.aws.account import ROOT, without_aws
from local.aws.provision import one_init_at_a_time, terraform_without_aws
from local.ports import free_ports
from local.probe import answers
from tests.support.waiting import wait_for

REGION = "eu-central-1"
PYTHON = ROOT / ".tools" / "checks" / "bin" / "python"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
STATES = "states"
# What other tests' programs write there meanwhile, and what is no file of Terraform's.
NOT_COPIED = (".terraform*", "*.py", "__pycache__")
# It has no colours, and does not know the word.
PULL = "state pull"

# Five tries, as a busy machine loses answers (tests/support/aws_emulator); not 25, as some requests have none.
OVERRIDE = """
provider "aws" {
  s3_use_path_style           = true
  max_retries                 = 5
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}
"""

BACKEND = """
bucket       = "states"
key          = "{name}/terraform.tfstate"
region       = "{region}"
encrypt      = true
use_lockfile = true

endpoints                   = {{ s3 = "{endpoint}", sts = "{endpoint}", iam = "{endpoint}" }}
use_path_style              = true
skip_credentials_validation = true
skip_metadata_api_check     = true
"""


@contextmanager
def emulated_aws(directory: Path) -> Iterator[str]:
    """An AWS without anything in it but a bucket for states: its endpoint."""
    directory.mkdir(parents=True, exist_ok=True)
    port = free_ports(1)[0]
    endpoint = f"http://127.0.0.1:{port}"
    log = directory / "emulator.log"
    process = processes.spawn(
        [str(PYTHON), "-m", "tests.support.aws_emulator", f"--port={port}"],
        log,
        environment={**without_aws(os.environ), "MOTO_IAM_LOAD_MANAGED_POLICIES": "true"},
        directory=ROOT,
    )
    try:
        wait_for(
            lambda: process.poll() is not None or answers(f"{endpoint}/moto-api/data.json"), 300, "the emulator answers"
        )
        assert process.poll() is None, processes.end_of_log(log)
        client(endpoint, "s3").create_bucket(Bucket=STATES, CreateBucketConfiguration={"LocationConstraint": REGION})
        yield endpoint
    finally:
        processes.end(process)


def client(endpoint: str, service: str) -> Any:
    """Looks at what Terraform made."""
    return boto3.client(
        service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
    )


class Environment:
    """One environment of terraform/environments, copied to `directory` and initialised."""

    def __init__(self, name: str, directory: Path, endpoint: str) -> None:
        self.directory = directory
        self._root = directory / "terraform" / "environments" / name
        self._environment = terraform_without_aws(directory) | KEYS | {"AWS_ENDPOINT_URL": endpoint}
        for folder in ("terraform", "contracts"):
            shutil.copytree(ROOT / folder, directory / folder, ignore=shutil.ignore_patterns(*NOT_COPIED))
        (self._root / "emulator_override.tf").write_text(OVERRIDE)
        backend = directory / "backend.hcl"
        backend.write_text(BACKEND.format(name=name, region=REGION, endpoint=endpoint))
        with one_init_at_a_time():
            self.terraform("init", f"-backend-config={backend}")

    def terraform(self, verb: str, *arguments: str, succeeds: bool = True) -> subprocess.CompletedProcess[str]:
        """One verb of Terraform, as in a workflow: nobody is asked, and no target is named."""
        result = subprocess.run(
            ["terraform", f"-chdir={self._root}", *verb.split(), *([] if verb == PULL else ["-no-color"]), *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if succeeds:
            assert result.returncode == 0, f"terraform {verb} ended with {result.returncode}:\n{result.stderr}"
        return result

    def apply(self, **variables: object) -> None:
        self.terraform("apply", "-input=false", "-auto-approve", *_given(variables))

    def refused(self, **variables: object) -> str:
        """What Terraform says instead of applying. It wraps its lines by the width of a screen; here it is one."""
        result = self.terraform("apply", "-input=false", "-auto-approve", *_given(variables), succeeds=False)
        assert result.returncode == 1
        return " ".join(result.stderr.replace("│", " ").split())

    def plan(self, **variables: object) -> dict[str, Any]:
        """The plan, as data."""
        file = self.directory / "plan"
        self.terraform("plan", "-input=false", f"-out={file}", *_given(variables))
        shown: dict[str, Any] = json.loads(self.terraform("show", "-json", str(file)).stdout)
        return shown

    def changes(self, **variables: object) -> list[str]:
        """What another apply would change."""
        return [
            f"{'/'.join(change['change']['actions'])} {change['address']}"
            for change in self.plan(**variables).get("resource_changes", [])
            if change["change"]["actions"] not in (["no-op"], ["read"])
        ]

    def made(self) -> list[str]:
        """What is in the state, but for what is only read."""
        state = self.terraform(PULL).stdout
        resources = json.loads(state)["resources"] if state.strip() else []
        return [
            f"{made['type']}.{made['name']}"
            for made in resources
            if made["mode"] == "managed"
            for _ in made["instances"]
        ]

    def output(self, name: str) -> str:
        return self.terraform("output", "-raw", name).stdout


def _given(variables: dict[str, object]) -> list[str]:
    return [
        f"-var={name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in variables.items()
    ]
