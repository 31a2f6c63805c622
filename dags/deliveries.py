"""The deliveries that contracts ask for: closed business dates as ORC and CSV."""

from datetime import timedelta

from airflow.sdk import DAG, CronTriggerTimetable, Param

from orchestration.operators import RunApplication

with DAG(
    dag_id="export",
    description="Deliver closed business dates as ORC and CSV.",
    doc_md="""
Runs the SparkApplication `export` to its end. Without `business_dates` it delivers every business date that is closed
and not delivered as it is now; with them just those, closed or not. Run twice, it delivers nothing twice: a delivery
whose rows have not changed is passed over.
""",
    schedule=CronTriggerTimetable("0 7 * * *", timezone="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["batch", "delivery"],
    params={"business_dates": Param([], type="array", items={"type": "string", "format": "date"})},
    default_args={
        "owner": "data-platform",
        "retries": 2,
        "retry_delay": timedelta(minutes=2),
        "execution_timeout": timedelta(minutes=5),
    },
    dagrun_timeout=timedelta(hours=6),
):
    RunApplication(
        task_id="export",
        application="export",
        arguments="{% for date in params.business_dates %} --business-date={{ date }}{% endfor %}",
    )
