"""DAGs of the project's operators, with the patience of a test."""

from datetime import timedelta

from airflow.sdk import DAG

from orchestration.operators import MonitorStream, ReleaseStream, RestartStream, RunApplication, StartStream, StopStream

# Without a broker nobody can measure a health: these streams are judged by their state.
QUICK = {"poll_seconds": 0.2, "health_seconds": float("inf"), "first_delay_seconds": 0.1, "restarts": 2}
SETTINGS = {"default_args": {"execution_timeout": timedelta(minutes=5)}}

with DAG("start", schedule=None, **SETTINGS):
    StartStream(task_id="start", application="ingest", policy=QUICK)

with DAG("stop", schedule=None, **SETTINGS):
    StopStream(task_id="stop", application="ingest", policy=QUICK)

with DAG("restart", schedule=None, **SETTINGS):
    RestartStream(task_id="restart", application="ingest", policy=QUICK)

with DAG("watch", schedule=None, **SETTINGS):
    (
        StartStream(task_id="start", application="ingest", policy=QUICK)
        >> MonitorStream(task_id="monitor", application="ingest", policy=QUICK)
        >> ReleaseStream(task_id="release", application="ingest", policy=QUICK).as_teardown()
    )

with DAG("release", schedule=None, **SETTINGS):
    (
        StartStream(task_id="start", application="ingest", policy=QUICK)
        >> ReleaseStream(task_id="release", application="ingest", policy=QUICK).as_teardown()
    )

with DAG("batch", schedule=None, params={"does": "sys.exit(0)"}, **SETTINGS):
    RunApplication(task_id="batch", application="export", arguments="{{ params.does }}", poll_seconds=0.2)
