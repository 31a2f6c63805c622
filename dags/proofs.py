"""What proves that the lake is whole: offsets against Kafka, money against the tills."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from orchestration.verbs import RunVerb

DEFAULTS = {
    "owner": "data-platform",
    "retries": 2,
    "retry_delay": timedelta(minutes=2),
    "execution_timeout": timedelta(hours=1),
}

with DAG(
    dag_id="verify_lake",
    description="Prove that every offset is in the lake once.",
    doc_md="""
Runs `tillstream verify` as `quality`: every offset of every feed ends as rows, in quarantine or as a recorded
duplicate, once. It reads the tables and the broker alone. Fails when it finds a gap, a second time or an object that
is not what the log says; `tillstream explain` then names what became of an offset.
""",
    schedule=CronTriggerTimetable("30 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["quality", "proof"],
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=3),
):
    RunVerb(task_id="verify", workload="quality", verb="verify")

with DAG(
    dag_id="reconcile_day",
    description="Compare every register's day with its control total, to the cent.",
    doc_md="""
Runs `tillstream reconcile` as `quality`. A day that may still be completed, as its stores' cut-off has not passed, is
pending and no finding. Past the cut-off, the task fails and its log names every missing receipt. `business_date`
narrows it to one date, `store` to one store.
""",
    schedule=CronTriggerTimetable("15 * * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["quality", "money"],
    params={
        "business_date": Param(None, type=["null", "string"], format="date", description="Only this business date."),
        "store": Param(None, type=["null", "string"], description="Only this store."),
    },
    default_args=DEFAULTS,
    dagrun_timeout=timedelta(hours=3),
):
    RunVerb(
        task_id="reconcile",
        workload="quality",
        verb="reconcile"
        "{% if params.business_date %} --business-date={{ params.business_date }}{% endif %}"
        "{% if params.store %} --store={{ params.store }}{% endif %}",
    )
