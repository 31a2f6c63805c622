"""Applies `terraform/environments/local` to the emulated account.

The provider reads a bucket's lifecycle rules back ten times in 50 seconds before it calls them made, on AWS as here,
and offers no way around. Nothing needs those rules to begin: `outputs` returns once the buckets are closed and the
roles made, `finish` when everything is. Then the administrator's keys end.
"""

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from contracts.errors import TillstreamError
from local import processes
from local.aws.account import ROOT, Account, without_aws
from local.aws.issuer import NAMESPACE

ENVIRONMENT = ROOT / "terraform" / "environments" / "local"
# In the state before the lifecycle rules are: see the environment's main.tf.
USABLE = "terraform_data.usable"
# Of the workloads that one machine runs, too.
NAMESPACES = (NAMESPACE, "airflow")
PLUGIN_CACHE = ROOT / ".tools" / "terraform"
MIRROR = "registry.terraform.io"
POLL_SECONDS = 0.1
# So much of what Terraform said last stands in an error.
TOLD_LINES = 20
NEXT = (
    "What was made until then is in its state, and `make up` goes on from there. If it fails again, `make clean` "
    "removes all that was made here, and the next start is from nothing."
)


class ProvisionError(TillstreamError):
    """Terraform failed."""


@dataclass(frozen=True)
class Outputs:
    """What Terraform made: names of buckets by what they hold; by workload, the ARN of its role, and the service
    account that the role trusts, as `namespace:name`.
    """

    buckets: Mapping[str, str]
    role_arns: Mapping[str, str]
    subjects: Mapping[str, str]

    def service_accounts(self) -> dict[str, str]:
        """The workloads of the pipeline and of Airflow, whose service accounts are called as they are: by workload, the
        account's namespace.
        """
        return {
            workload: namespace
            for workload in self.role_arns
            for namespace in NAMESPACES
            if self.subjects[workload] == f"{namespace}:{workload}"
        }

    def environment(self) -> dict[str, str]:
        """Where a workload finds the buckets: `TILLSTREAM_LAKE_URI` and the like."""
        return {f"TILLSTREAM_{name.upper()}_URI": f"s3://{bucket}" for name, bucket in self.buckets.items()}


@dataclass(frozen=True)
class Progress:
    """So many of Terraform's changes are done; `address` is the newest."""

    done: int
    total: int
    address: str


class Provisioning:
    """One run of `terraform init` and `apply`, with its state and log in `directory`. May be repeated there."""

    def __init__(
        self,
        account: Account,
        directory: Path,
        *,
        report: Callable[[Progress], None] = lambda _: None,
        keep_administrator: bool = False,
    ) -> None:
        """Run init (seconds) and begin to apply. Raise ProvisionError where init fails."""
        self._account = account
        self._directory = directory
        self._report = report
        self._keep_administrator = keep_administrator
        self._environment = terraform_environment(account, directory)
        self._errors: list[str] = []
        self._usable = threading.Event()
        self.log_file = directory / "apply.log"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.log_file.unlink(missing_ok=True)
        state = f"-backend-config=path={directory / 'terraform.tfstate'}"
        with filling_cache(self._environment):
            self._terraform("init", "-input=false", "-no-color", state)
        command = [*_TERRAFORM, "apply", "-json", "-input=false", "-auto-approve", *variables(account)]
        self._process = processes.spawn(command, self.log_file, environment=self._environment)
        self._thread = threading.Thread(target=self._follow, name="terraform", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def outputs(self) -> Outputs:
        """Wait until the buckets and roles can be used. Raise ProvisionError where it does not come to that."""
        self._usable.wait()
        return self._outputs()

    def finish(self) -> Outputs:
        """Wait until all is made and the administrator's keys have ended. Raise ProvisionError where it failed."""
        self._thread.join()
        return self._outputs()

    def stop(self) -> None:
        """End Terraform if it still runs; what it has made by then is in its state."""
        processes.end(self._process)
        self._thread.join()

    def plan_is_empty(self) -> bool:
        """Whether another apply would change nothing. Raise ProvisionError where the plan fails."""
        code = self._terraform("plan", "-input=false", "-no-color", "-detailed-exitcode", *variables(self._account))
        return code == 0

    def _outputs(self) -> Outputs:
        while not self._errors:
            ended = not self._thread.is_alive()
            if found := self._usable_in_state():
                return found
            if ended:
                self._errors.append(f"It ended, and {USABLE} is not in its state.")
            # Terraform says that a resource is made a moment before it writes it down.
            time.sleep(POLL_SECONDS)
        failed = "\n".join(self._errors)
        raise ProvisionError(
            f"terraform apply failed:\n{failed}\nIt said at the end (all of it is in {self.log_file}):\n"
            f"{_end_of_events(self.log_file)}\n{NEXT}"
        )

    def _usable_in_state(self) -> Outputs | None:
        """Outputs stand in the state at the very end of an apply; the resource that holds their value does before."""
        _, pulled = processes.outcome(
            [*_TERRAFORM, "state", "pull"], self._directory / "state.log", environment=self._environment
        )
        try:
            resources = json.loads(pulled)["resources"]
        except (ValueError, KeyError):
            return None
        for resource in resources:
            if f"{resource['type']}.{resource['name']}" == USABLE:
                return Outputs(**resource["instances"][0]["attributes"]["output"]["value"])
        return None

    def _follow(self) -> None:
        steps = [self._follow_apply]
        if not self._keep_administrator:
            steps.append(self._account.lock_out_administrator)
        for step in steps:
            try:
                step()
            except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits is told
                self._errors.append(f"{type(error).__name__}: {error}")
        self._usable.set()

    def _follow_apply(self) -> None:
        done = total = 0
        for event in self._events():
            match event["type"]:
                case "change_summary" if event["changes"]["operation"] == "plan":
                    total = event["changes"]["add"] + event["changes"]["change"] + event["changes"]["remove"]
                case "apply_complete":
                    done += 1
                    address = event["hook"]["resource"]["addr"]
                    self._report(Progress(done, total, address))
                    if address == USABLE:
                        self._usable.set()
                case "diagnostic" if event["diagnostic"]["severity"] == "error":
                    self._errors.append(f"{event['diagnostic']['summary']}: {event['diagnostic'].get('detail', '')}")
        if (code := processes.end(self._process)) and not self._errors:
            self._errors.append(f"It ended with exit code {code}.")

    def _events(self) -> Iterator[dict[str, Any]]:
        """What Terraform says, as it says it, until it ends."""
        with self.log_file.open() as log:
            line = ""
            while True:
                ended = self._process.poll() is not None
                while piece := log.readline():
                    line += piece
                    if line.endswith("\n"):
                        # A few lines of its start-up are no events.
                        if line.startswith("{"):
                            yield json.loads(line)
                        line = ""
                if ended:
                    return
                time.sleep(POLL_SECONDS)

    def _terraform(self, verb: str, *arguments: str) -> int:
        log = self._directory / f"{verb}.log"
        log.unlink(missing_ok=True)
        code, printed = processes.outcome([*_TERRAFORM, verb, *arguments], log, environment=self._environment)
        # Of all verbs only `plan -detailed-exitcode` ends with 2: it went well, and there are changes.
        if code not in (0, 2):
            said = "\n".join(printed.splitlines()[-TOLD_LINES:])
            raise ProvisionError(
                f"terraform {verb} failed:\n{said}\n{processes.end_of_log(log, TOLD_LINES)}\nNothing was changed. A "
                "machine without network needs a mirror of the provider: TF_CLI_ARGS_init=-plugin-dir=DIR."
            )
        return code


def _end_of_events(log_file: Path) -> str:
    """What Terraform said last, as it would have said it to a person: its log is JSON, but for what broke it."""

    def told(line: str) -> str:
        try:
            return str(json.loads(line)["@message"])
        except (ValueError, KeyError, TypeError):
            return line

    try:
        lines = log_file.read_text(errors="replace").splitlines()
    except OSError as error:
        return f"(no log: {error})"
    return "\n".join(told(line) for line in lines[-TOLD_LINES:])


_TERRAFORM = ("terraform", f"-chdir={ENVIRONMENT}")


def variables(account: Account) -> list[str]:
    return [f"-var=endpoint={account.endpoint}", f"-var=issuer={account.issuer.url}"]


def terraform_environment(account: Account, directory: Path) -> dict[str, str]:
    """The environment of every terraform command on the emulated account."""
    return terraform_without_aws(directory) | account.administrator_environment()


def terraform_without_aws(directory: Path) -> dict[str, str]:
    """The environment of a terraform command, as the user has it, but for AWS; its own data below `directory`."""
    environment = {
        **without_aws(os.environ),
        "TF_DATA_DIR": str(directory / "data"),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        # Most of Terraform's time here is the collecting of garbage: a third less for 300 MB more, while it runs.
        "GOGC": "400",
    }
    if not _says_where_providers_are(environment):
        if mirror := find_mirror():
            environment["TF_CLI_ARGS_init"] = f"-plugin-dir={mirror}"
        else:
            # 700 MB: once a working tree, not once a run.
            PLUGIN_CACHE.mkdir(parents=True, exist_ok=True)
            environment["TF_PLUGIN_CACHE_DIR"] = str(PLUGIN_CACHE)
    return environment


@contextmanager
def filling_cache(environment: Mapping[str, str]) -> Iterator[None]:
    """One `terraform init` at a time, where it may fill this tree's cache of providers: two at once spoil it."""
    if environment.get("TF_PLUGIN_CACHE_DIR") != str(PLUGIN_CACHE):
        yield
        return
    with PLUGIN_CACHE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def find_mirror(root: Path = Path("/")) -> Path | None:
    """A mirror of Terraform's registry near the root of the disk, as machines without network have it.

    That is a folder with a `registry.terraform.io/hashicorp/aws` in it, at most two folders below the root.
    """
    for pattern in (MIRROR, f"*/{MIRROR}", f"*/*/{MIRROR}"):
        for found in sorted(root.glob(pattern)):
            if (found / "hashicorp" / "aws").is_dir():
                return found.parent
    return None


def _says_where_providers_are(environment: Mapping[str, str]) -> bool:
    """Whether the user has chosen: by a variable, or by a configuration file that exists."""
    if "TF_CLI_ARGS_init" in environment or "TF_PLUGIN_CACHE_DIR" in environment:
        return True
    named = environment.get("TF_CLI_CONFIG_FILE")
    return Path(named).is_file() if named else (Path.home() / ".terraformrc").is_file()
