"""Who starts and judges, and what was found."""

from dashboards.model import Board, Panel, Query, Row, red_from
from dashboards.variables import FEED, OF_FEED

BOARD = Board(
    uid="tillstream-airflow-quality",
    title="Airflow and quality",
    told="Does Airflow run, what failed, and what do the tables break?",
    variables=(FEED,),
    rows=(
        Row(
            "Airflow",
            (
                Panel(
                    "Heartbeats of the scheduler",
                    "timeseries",
                    (Query("sum(rate(airflow_scheduler_heartbeat_total[5m]))", "heartbeats"),),
                    "cps",
                    "None for five minutes is a page.",
                    runbook="AirflowSchedulerDown",
                ),
                Panel(
                    "Runs that failed",
                    "timeseries",
                    (
                        Query(
                            "sum by (dag_id) (histogram_count(airflow_dagrun_duration_failed_milliseconds))",
                            "{{dag_id}}",
                        ),
                    ),
                    "short",
                    "Since the scheduler was started, by DAG.",
                    runbook="DagRunFailed",
                ),
                Panel(
                    "How long runs take",
                    "timeseries",
                    (
                        Query(
                            "sum by (dag_id) (histogram_avg(airflow_dagrun_duration_success_milliseconds))",
                            "{{dag_id}}",
                        ),
                    ),
                    "ms",
                    "Those that went well, on average since the scheduler was started.",
                ),
            ),
        ),
        Row(
            "Quality",
            (
                Panel(
                    "Expectations that do not hold",
                    "table",
                    (
                        Query(
                            "max by (table, expectation, severity) (tillstream_quality_expectation_violations"
                            '{feed=~"$feed"}) > 0',
                        ),
                    ),
                    "short",
                    "With how many rows break them.",
                    width=16,
                    runbook="ValidationFailed",
                ),
                Panel(
                    "How far judgement lags behind the rows",
                    "timeseries",
                    (
                        Query(
                            f"max by (feed) (tillstream_feed_newest_event_timestamp_seconds{OF_FEED}) - on (feed) "
                            f"max by (feed) (tillstream_quality_expectation_judged_timestamp_seconds{OF_FEED})",
                            "{{feed}}",
                        ),
                    ),
                    "s",
                    "Above three hours nobody validates. Below zero all is judged.",
                    minimum=None,
                    thresholds=red_from(10800),
                    runbook="ValidationDidNotRun",
                ),
            ),
        ),
    ),
)
