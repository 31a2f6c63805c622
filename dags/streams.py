"""One DAG a stream of argocd/: `stream_<name>` starts, watches, restarts and stops it."""

from datetime import timedelta

from airflow.sdk import DAG, Param, task

from orchestration.manifests import Stream, streams
from orchestration.operators import MonitorStream, ReleaseStream, RestartStream, StartStream, StopStream
from orchestration.supervision import Policy

POLICY = Policy()
DOC = """
**{description}**

A run is one watch over the SparkApplication `{name}`. Trigger it with `action`:

| action | what the run does |
|---|---|
| `start` (default) | starts the stream where it does not run, then watches it |
| `restart` | ends it in good order, starts it again, then watches it |
| `stop` | ends it in good order; the run that watched it ends, too |

`airflow dags trigger stream_{name} --conf '{{"action": "stop"}}'` does the same from a shell. There is one watch at a
time: the newest run takes over from the one before, which then ends well. The watch restarts what has failed or is
stuck, {restarts} times in a row with growing delays; then it ends the stream and fails, and a person has to look.
Marking the run failed ends the stream in good order.
"""


def stream_dag(stream: Stream) -> DAG:
    with DAG(
        dag_id=f"stream_{stream.name}",
        description=stream.description,
        doc_md=DOC.format(name=stream.name, description=stream.description, restarts=POLICY.restarts),
        schedule=None,
        tags=["stream", "lifecycle"],
        params={
            "action": Param(
                "start",
                type="string",
                enum=["start", "restart", "stop"],
                description="What is to become of the stream.",
            ),
            "stuck_seconds": Param(
                POLICY.stuck_seconds,
                type="number",
                exclusiveMinimum=0,
                description="So long may messages wait with nothing committed before the stream is restarted.",
            ),
            "restarts": Param(
                POLICY.restarts, type="integer", minimum=0, description="So many in a row before a person has to look."
            ),
        },
        default_args={
            "owner": "data-platform",
            # Of losing a worker or the API, not of what the watch gives up on.
            "retries": 5,
            "retry_delay": timedelta(seconds=15),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=5),
            # Of acting; waiting is the trigger's, and a stream has no end.
            "execution_timeout": timedelta(minutes=5),
        },
        max_active_runs=8,
        catchup=False,
    ) as dag:

        @task.branch
        def choose(params: dict[str, str]) -> str:
            """The task of the action that was asked for."""
            return params["action"]

        start = StartStream(task_id="start", application=stream.name)
        restart = RestartStream(task_id="restart", application=stream.name)
        stop = StopStream(task_id="stop", application=stream.name)
        monitor = MonitorStream(
            task_id="monitor",
            application=stream.name,
            trigger_rule="none_failed_min_one_success",
            # A watch of months loses a worker now and then; hours of losing them are a person's matter.
            retries=50,
        )
        release = ReleaseStream(task_id="release", application=stream.name)
        choose() >> [start, restart, stop]
        [start, restart] >> monitor
        # A teardown runs even where a person has marked the run failed.
        [monitor, stop] >> release.as_teardown()
    return dag


for each in streams():
    globals()[f"stream_{each.name}"] = stream_dag(each)
