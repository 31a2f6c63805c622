"""What judges the lake: the suites built from the contracts, over what was committed since they were last asked."""

from datetime import timedelta

from airflow.sdk import DAG, Asset, AssetAny, AssetOrTimeSchedule, AssetWatcher, CronTriggerTimetable, Param

from orchestration.manifests import streams
from orchestration.triggers import CommitTrigger
from orchestration.verbs import RunVerb

FEEDS = [feed for stream in streams() for feed in stream.feeds]
# A partition takes commits all day: not each of them is worth a run.
PAUSE_SECONDS = 600.0
COMMITS = [
    Asset(
        f"commits of {feed}",
        uri=f"tillstream://commits/{feed}",
        watchers=[
            AssetWatcher(name=f"commits of {feed}", trigger=CommitTrigger(feed=feed, pause_seconds=PAUSE_SECONDS))
        ],
    )
    for feed in FEEDS
]

with DAG(
    dag_id="validate_lake",
    description="Judge what was committed by the suites built from the contracts.",
    doc_md="""
Runs `tillstream validate` as `quality`, feed by feed, when one has committed, and every hour. It judges the parts whose
rows have changed since the last run, and those that failed then: so it fails until the data is right again. The task's
log names each expectation that does not hold, with some of its rows, and the page of Data Docs; the failing parts are
marked in the table `quality_partitions`, so that consumers may pass over them. `business_dates` judges all
of these dates, `feeds` only these feeds.
""",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("5 * * * *", timezone="UTC"), assets=AssetAny(*COMMITS)
    ),
    catchup=False,
    max_active_runs=1,
    # Each takes up to 2 GiB.
    max_active_tasks=1,
    tags=["quality", "validation"],
    params={
        "business_dates": Param([], type="array", items={"type": "string", "format": "date"}),
        "feeds": Param([], type="array", items={"type": "string", "enum": FEEDS}),
    },
    default_args={
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(hours=1),
    },
    dagrun_timeout=timedelta(hours=3),
):
    for each in FEEDS:
        RunVerb(
            task_id=each,
            workload="quality",
            verb=f"{{% if '{each}' in (params.feeds or ['{each}']) %}}"
            f"validate {each} --docs=$TILLSTREAM_ARTIFACTS_URI/data-docs"
            "{% for date in params.business_dates %} --business-date={{ date }}{% endfor %}{% endif %}",
        )
