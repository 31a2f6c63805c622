"""Is what was committed as its contract says? Asked when a feed has committed, and every hour."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable

from orchestration.manifests import streams
from orchestration.triggers import CommitTrigger
from orchestration.verbs import RunVerb

# What is committed within this time is judged together.
PAUSE_SECONDS = 900
FEEDS = sorted({feed for stream in streams() for feed in stream.feeds})

with DAG(
    dag_id="validate_lake",
    description="Judge what was committed since the last time by the suites of its contract.",
    doc_md="""
Runs `tillstream validate FEED` as `quality`, a task a feed, when the feed has committed and every hour. Only what has
changed since is judged, together with what failed then, so a run costs what is new. Results go to the lake's quality
ledger and to Data Docs. An expectation of severity `fail` fails the task: its log holds what was expected, how many rows
are otherwise, some of them, and where the page is. `tillstream explain` says where such a row came from.
""",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 * * * *", timezone="UTC"),
        assets=[
            Asset(
                name=f"commits_{feed}",
                uri=f"tillstream://lake/{feed}",
                watchers=[
                    AssetWatcher(
                        name=f"commits_{feed}", trigger=CommitTrigger(feed=feed, pause_seconds=PAUSE_SECONDS)
                    )
                ],
            )
            for feed in FEEDS
        ],
    ),
    catchup=False,
    max_active_runs=1,
    tags=["quality", "validation"],
    default_args={
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(minutes=55),
    },
    dagrun_timeout=timedelta(hours=3),
):
    for feed in FEEDS:
        RunVerb(
            task_id=f"validate_{feed}", workload="quality", verb=["validate", feed, "--docs=$TILLSTREAM_DATA_DOCS_URI"]
        )
