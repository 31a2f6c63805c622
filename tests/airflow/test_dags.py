"""The DAG files: what every task must say of itself, and that reading them does nothing."""

import ast
import copy
import json
import shlex
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from airflow.dag_processing.dagbag import DagBag

import contracts
from orchestration.manifests import streams
from orchestration.operators import RunApplication
from orchestration.verbs import RunVerb
from orchestration.workloads import KAFKA_USERS
from tests.support.documented import commands
from tillstream.cli import cli
from topics.users import users_of

DAGS = Path(__file__).resolve().parents[2] / "dags"
# Of reading one file, imports aside. The real bound is a second of wall time; this one is of this process's own time.
CPU_SECONDS = 1.0
# What a person may give to a run.
CONF = {
    "business_date": "2026-11-23",
    "business_dates": ["2026-11-23", "2026-11-24"],
    "feed": "pos.receipts",
    "feeds": ["pos.receipts"],
    "quiet_minutes": 5,
    "remove": True,
    "store": "330",
    "stores": ["330", "367"],
}


@pytest.fixture(scope="module")
def dagbag() -> DagBag:
    return DagBag(dag_folder=str(DAGS))


@pytest.fixture(scope="module")
def tasks(dagbag: DagBag) -> list[Any]:
    return [task for dag in dagbag.dags.values() for task in dag.tasks]


def test_every_dag_can_be_read(dagbag: DagBag):
    """No file fails, and each defines a DAG."""
    assert dagbag.import_errors == {}
    assert {Path(dag.fileloc).name for dag in dagbag.dags.values()} == {file.name for file in DAGS.glob("*.py")}


def test_every_stream_has_a_dag_and_only_streams_do(dagbag: DagBag):
    """One a streaming SparkApplication of argocd/."""
    found = {name for name in dagbag.dags if name.startswith("stream_")}
    assert found == {f"stream_{stream.name}" for stream in streams()}


def test_every_dag_says_what_it_is(dagbag: DagBag):
    """Description, a page of documentation and tags; and it never catches up on its own."""
    for dag in dagbag.dags.values():
        assert dag.description, dag.dag_id
        assert dag.doc_md, dag.dag_id
        assert dag.tags, dag.dag_id
        assert dag.catchup is False, dag.dag_id


def test_every_task_has_an_owner_retries_and_a_limit(tasks: list[Any]):
    """Nothing is owned by the default, tried once or allowed to act without end."""
    for task in tasks:
        assert task.owner == "data-platform", task
        assert task.retries >= 2, task
        assert timedelta(0) < task.execution_timeout <= timedelta(hours=1), task


def test_every_run_but_a_watch_has_a_limit(dagbag: DagBag):
    """A watch over a stream has no end; everything else has one."""
    for dag in dagbag.dags.values():
        assert (dag.dagrun_timeout is None) == dag.dag_id.startswith("stream_"), dag.dag_id


def test_verbs_run_as_a_workload_that_terraform_knows(tasks: list[Any]):
    """Each has a role of its own in terraform/modules/workload_identity."""
    known = (DAGS.parent / "terraform/modules/workload_identity/workloads.tf").read_text()
    for task in tasks:
        if isinstance(task, RunVerb):
            assert f'"{task.workload}"' in known, task


def test_verbs_that_need_kafka_get_to_it(tasks: list[Any]):
    """Those of the workloads to whom a contract opens a topic, and no others."""
    workloads = {task.workload for task in tasks if isinstance(task, RunVerb)}
    assert workloads & users_of(contracts.load().values()) == KAFKA_USERS


@pytest.mark.parametrize(
    "words", [pytest.param(words, id=f"{page}: {' '.join(words)}") for page, words in commands("airflow")]
)
def test_pages_name_dags_and_what_they_may_be_given(dagbag: DagBag, words: list[str]):
    """Each DAG that a page tells to look at or trigger exists, and takes what the page gives it."""
    _, _, name, *rest = words
    if name == "DAG_ID":
        return
    params = copy.deepcopy(dagbag.dags[name].params)
    if rest[:1] == ["--conf"]:
        given = json.loads(rest[1])
        assert given.keys() <= params.keys()
        params.update(given)
        params.validate()


def test_batches_run_an_application_that_is_declared(tasks: list[Any]):
    """There is a suspended SparkApplication of that name to copy."""
    declared = {file.stem for file in (DAGS.parent / "argocd/apps/batch/base").glob("*.yaml")}
    for task in tasks:
        if isinstance(task, RunApplication):
            assert task.application in declared, task


@pytest.mark.parametrize("conf", [{}, CONF], ids=["as scheduled", "by hand"])
def test_verbs_are_called_as_they_can_be(tasks: list[Any], conf: dict[str, Any]):
    """Whatever a run is given, each task's command line is one that its verb takes."""
    for task in tasks:
        if isinstance(task, RunVerb):
            if not conf and task.dag.schedule is None:
                continue
            given = {name: param.value for name, param in task.dag.params.items()} | conf
            command: click.Command = cli
            rest = shlex.split(task.render_template(task.verb, {"params": given, "task": task}))
            if not rest:
                assert task.task_id not in given["feeds"], task
                continue
            while isinstance(command, click.Group):
                name, command, rest = command.resolve_command(click.Context(command), rest)  # type: ignore[assignment]
            command.make_context(name, [*rest, "--json"])


def test_a_delivery_is_asked_for_by_date(dagbag: DagBag):
    """Each date that a run is given becomes an argument of the job."""
    [export] = dagbag.dags["export"].tasks
    for dates in ([], ["2026-11-23", "2026-11-24"]):
        rendered = export.render_template(export.arguments, {"params": {"business_dates": dates}})
        assert shlex.split(rendered) == [f"--business-date={date}" for date in dates]


@pytest.mark.parametrize("file", sorted(DAGS.glob("*.py")), ids=lambda file: file.stem)
def test_reading_a_dag_file_does_nothing(file: Path):
    """At its top a DAG file defines; it opens, connects to and asks nothing. Functions run in tasks only."""
    plain = {"Policy", "globals", "sorted", "stream_dag", "streams", "timedelta"}
    airflow = {"Asset", "AssetAny", "AssetOrTimeSchedule", "AssetWatcher", "CronTriggerTimetable", "DAG", "Param"}
    ours = {"CommitTrigger", "MonitorStream", "ReleaseStream", "RestartStream", "RunApplication", "RunVerb"}
    allowed = plain | airflow | ours | {"StartStream", "StopStream"}
    module = ast.parse(file.read_text())
    functions = {id(each) for node in ast.walk(module) if isinstance(node, ast.FunctionDef) for each in ast.walk(node)}
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and id(node) not in functions:
            assert isinstance(node.func, ast.Name), ast.unparse(node)
            assert node.func.id in allowed, ast.unparse(node)


@pytest.mark.parametrize("file", sorted(DAGS.glob("*.py")), ids=lambda file: file.stem)
def test_a_dag_file_is_read_in_less_than_a_second(file: Path):
    """Of processor time, as a busy machine is nobody's fault; what it imports is imported already."""
    DagBag(dag_folder=str(file))
    began = time.process_time()
    DagBag(dag_folder=str(file))
    assert time.process_time() - began < CPU_SECONDS
