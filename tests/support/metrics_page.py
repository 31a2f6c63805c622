"""docs/metrics.md, from the code: every metric that Tillstream's own programs export.

python -m tests.support.metrics_page      # writes it
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

import contracts
from jobs.ingest.metrics import StreamMetrics
from lake.exporter.exporter import Exporter, parts
from lake.request_metrics import RequestMetrics
from stores.metrics import StoreMetrics

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
_HEAD = """\
# What is measured, and by whom?

<!-- Written by `make render` from the code; do not edit. -->

Metrics of Tillstream's own programs. Kafka's are MSK's open monitoring (`kafka_…`), Spark's the PrometheusServlet of \
driver and executors, Airflow's come by OTLP (`airflow_…`); [monitoring.md](monitoring.md) says how Prometheus comes \
by them.
"""


@dataclass(frozen=True)
class Described:
    name: str
    kind: str
    labels: tuple[str, ...]
    told: str


def sections() -> Iterator[tuple[str, str, list[Described]]]:
    """Each program: its title, where it serves its metrics, and what they are."""
    registry = CollectorRegistry()
    # Nothing is looked at: the parts only say what they would tell.
    Exporter(parts(lambda: None, contracts.load()), registry)  # type: ignore[arg-type,return-value]
    yield "The lake exporter", "`tillstream exporter`; Deployment `lake-exporter`.", described(registry)
    registry = CollectorRegistry()
    StreamMetrics(registry)
    yield "The streams into the lake", "The driver of `ingest`, at `TILLSTREAM_METRICS_LISTEN`.", described(registry)
    registry = CollectorRegistry()
    RequestMetrics(registry)
    yield "Requests to S3", "Both of them.", described(registry)
    registry = CollectorRegistry()
    StoreMetrics(registry).watch([])
    where = "`tillstream stores send --metrics-port` and the door's `/metrics`, on the store's own computer."
    yield "A store", where, described(registry)


def described(registry: CollectorRegistry) -> list[Described]:
    found: dict[str, Described] = {}
    for collector in registry._collector_to_names:
        own: Any = collector
        for metric in own.describe():
            family = metric if hasattr(metric, "_labelnames") else own
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            found[name] = Described(name, metric.type, tuple(family._labelnames), metric.documentation)
    return [found[name] for name in sorted(found)]


def page() -> str:
    lines = [_HEAD]
    for title, where, metrics in sections():
        lines += [f"\n## {title}\n{where}\n", "| metric | type | labels | what it says |", "|---|---|---|---|"]
        lines += [
            f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.told} |"
            for each in metrics
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
