"""Tasks that run a verb of the project, each as the workload whose work it is.

On EKS the task's pod runs under that workload's service account. On one machine the verb's process gets the
workload's variables, among them its own token file.
"""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from orchestration.workloads import environment, pod_of

FOUND_A_PROBLEM = 1
SHOWN_CHARACTERS = 20_000
GRACE_SECONDS = 20
_VARIABLE = re.compile(r"\$([A-Z_]+)")


class RunVerb(BaseOperator):
    """Run `tillstream VERB --json` as a workload. What it prints is the task's result.

    `verb` is written as it would be typed, but no shell reads it: `$NAME` is a variable of the workload's, and a word
    with one that is not set is left out. Exit 1, a problem was found, fails the task at once where that is `final`;
    any other but 0 is retried. Where the run's parameters leave nothing of it, the task is skipped.
    """

    template_fields: Sequence[str] = ("verb",)

    def __init__(self, *, verb: str, workload: str, final: bool = True, **options: Any) -> None:  # noqa: ANN401 - Airflow's
        super().__init__(executor_config=pod_of(workload), **options)
        self.verb = verb
        self.workload = workload
        self.final = final
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Mapping[str, Any]) -> Any:  # noqa: ANN401, ARG002 - JSON; Airflow's signature
        if not self.verb:
            raise AirflowSkipException("This run was not asked for it.")
        variables = environment(self.workload)
        command = [sys.executable, "-m", "tillstream.cli", *words(self.verb, variables), "--json"]
        self.log.info("as %s: tillstream %s", self.workload, " ".join(command[3:]))
        self._process = subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        printed, said = self._process.communicate()
        for line in said.splitlines():
            self.log.info("%s", line)
        self.log.info("%s", printed[:SHOWN_CHARACTERS])
        if code := self._process.returncode:
            what = f"`tillstream {' '.join(command[3:])}` ended with exit code {code}"
            if self.final and code == FOUND_A_PROBLEM and printed.strip():
                raise AirflowFailException(f"{what}: it found what stands above. Nothing was changed by looking.")
            raise AirflowException(f"{what}: {said.strip() or 'it said nothing'}")
        return json.loads(printed)

    def on_kill(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()


def words(verb: str, variables: Mapping[str, str]) -> list[str]:
    """The words of a command line, without those that have a variable that is not set."""
    known = [each for each in shlex.split(verb) if all(name in variables for name in _VARIABLE.findall(each))]
    return [_VARIABLE.sub(lambda found: variables[found[1]], each) for each in known]
