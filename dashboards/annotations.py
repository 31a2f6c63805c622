"""What happened, as lines across every panel of every board."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Annotation:
    """It happened whenever `expr` has a value."""

    name: str
    expr: str
    colour: str


ANNOTATIONS = (
    Annotation(
        "Deploys",
        'sum by (name) (increase(argocd_app_sync_total{phase="Succeeded"}[3m])) > 0',
        "blue",
    ),
    Annotation(
        "Streams started",
        "max by (feed) (time() - tillstream_stream_started_timestamp_seconds) < 60",
        "purple",
    ),
    Annotation(
        "DAG runs failed",
        "sum by (dag_id) (histogram_count(airflow_dagrun_duration_failed_milliseconds)"
        " - (histogram_count(airflow_dagrun_duration_failed_milliseconds offset 3m)"
        " or 0 * histogram_count(airflow_dagrun_duration_failed_milliseconds))) > 0",
        "red",
    ),
)
