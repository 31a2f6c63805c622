"""What keeps the lake small and quick, and what makes rows anew after a fix."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from orchestration.manifests import streams
from orchestration.operators import RunApplication
from orchestration.verbs import RunVerb

DEFAULTS = {
    "owner": "data-platform",
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
    "execution_timeout": timedelta(hours=1),
}
FEEDS = [feed for stream in streams() for feed in stream.feeds]
DATES = {"type": "array", "minItems": 1, "items": {"type": "string", "format": "date"}}
OF_DATES = "{% for date in params.business_dates %} --business-date={{ date }}{% endfor %}"

with DAG(
    dag_id="compact_lake",
    description="Join the small objects of quiet partitions; the rows stay the same, which is proven before and after.",
    doc_md="""
Runs `tillstream compact` as `upkeep`, between two runs of `tillstream verify`. It compares checksums of all rows before
it commits; streams and readers go on meanwhile. Where a stream's commit came first, the task is tried again. Run twice,
it finds nothing to do. `quiet_minutes` is how long ago a partition's newest commit must be.
""",
    schedule=CronTriggerTimetable("0 2 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["upkeep"],
    params={
        "quiet_minutes": Param(
            60, type="integer", minimum=0, description="Leave partitions alone that were written to more recently."
        )
    },
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=6),
):
    before = RunVerb(task_id="verify_before", workload="quality", verb="verify")
    compact = RunVerb(
        task_id="compact",
        workload="upkeep",
        verb="compact --quiet-minutes={{ params.quiet_minutes }}",
        final=False,
    )
    after = RunVerb(task_id="verify_after", workload="quality", verb="verify")
    before >> compact >> after

with DAG(
    dag_id="clean_lake",
    description="Say what nobody needs any more; remove it where a person has said so.",
    doc_md="""
Runs `tillstream clean` as `upkeep`: rows older than their contract keeps them, replaced and abandoned objects, old
checkpoints and states. Its log lists them, and nothing is removed unless `remove` is true.
""",
    schedule=CronTriggerTimetable("0 4 * * 0", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["upkeep"],
    params={"remove": Param(False, type="boolean", description="Remove it, and not only say so.")},  # noqa: FBT003
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=6),
):
    RunVerb(task_id="clean", workload="upkeep", verb="clean{% if params.remove %} --yes{% endif %}")

with DAG(
    dag_id="replay",
    description="Make the rows of some business dates anew, after a fix, or where objects were lost.",
    doc_md="""
Runs `tillstream replay` as `spark-ingest`: each message is decoded again, and its rows take the old ones' place under
the same offset, in one commit a table; every other row stays as it is. From `quarantine` it brings in what was refused;
that ends the feed's stream, which its watch starts again. Run twice, it finds nothing to do. `dry_run` (the default)
only says what would differ.
""",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["upkeep", "repair"],
    params={
        "feed": Param(type="string", enum=FEEDS, description="Of this feed."),
        "business_dates": Param(**DATES, description="Of these business dates."),
        "stores": Param([], type="array", items={"type": "string"}, description="Only of these stores."),
        "source": Param("kafka", type="string", enum=["kafka", "quarantine"], description="Where the messages are."),
        "dry_run": Param(True, type="boolean", description="Only say what would differ."),  # noqa: FBT003
    },
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=6),
):
    RunVerb(
        task_id="replay",
        workload="spark-ingest",
        verb="replay {{ params.feed }} --source={{ params.source }}" + OF_DATES + "{% for store in params.stores %}"
        " --store={{ store }}{% endfor %}{% if params.dry_run %} --dry-run{% endif %}",
    )

with DAG(
    dag_id="backfill_rollup",
    description="Compute business dates of the curated table anew, after a change of the rollup or of the dimensions.",
    doc_md="""
Runs the SparkApplication `rollup-backfill` to its end, as of the receipts that the rollup has come to. Run twice, it
commits nothing.
""",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    tags=["upkeep", "repair"],
    params={"business_dates": Param(**DATES, description="These business dates.")},
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=6),
):
    RunApplication(task_id="backfill", application="rollup-backfill", arguments=OF_DATES)
