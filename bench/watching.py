"""What it costs to watch a fleet: the exporter's series for each store, scraped and judged by a real Prometheus.

    python -m bench.watching [--stores 500 --stores 5000] [--rounds 60]

For each number of stores a new Prometheus, with the rules of alerts/, scrapes made-up stores (bench.exposition) each
second for so many rounds; nothing else is scraped. Prints the table of bench/README.md: ratios within one run.
"""

import argparse
import gzip
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from local import processes
from local.environment import ROOT
from local.monitoring.alertmanager import await_ready
from local.monitoring.pace import Pace
from local.monitoring.prometheus import Prometheus
from local.ports import free_ports

PACE = Pace(scrape_seconds=1)
# The first scrapes make the series; the rest only add to them.
COLD_ROUNDS = 5
WORTH_A_ROW_MS = 2


@dataclass(frozen=True)
class Cost:
    """`groups_ms`: by group of rules, what one evaluation takes, the median. CPU is of a round: one scrape and one
    evaluation of all rules.
    """

    stores: int
    scrape_bytes: int
    gzip_bytes: int
    samples: int
    scrape_ms: float
    exporter_cpu_ms: float
    prometheus_cpu_ms: float
    head_series: int
    resident_bytes: int
    groups_ms: Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench.watching", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--stores", type=int, action="append", help="how many; may be repeated (500 and 5,000)")
    parser.add_argument("--rounds", type=int, default=60, help="scrapes of each")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        costs = [
            measure(stores, arguments.rounds, Path(directory) / str(stores))
            for stores in arguments.stores or [500, 5000]
        ]
    print(table(costs))


def measure(stores: int, rounds: int, directory: Path) -> Cost:
    """Watch so many stores for so many rounds after the cold ones."""
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command = [sys.executable, "-m", "bench.exposition", str(stores), address.rpartition(":")[2]]
    log = directory / "exposition.log"
    exporter = processes.spawn(command, log, directory=ROOT)
    prometheus = Prometheus(directory / "prometheus", pace=PACE)
    try:
        await_ready(exporter, f"http://{address}/metrics", log)
        text = httpx.get(f"http://{address}/metrics", trust_env=False).content
        prometheus.start()
        prometheus.watch("lake-exporter", {address: {}})
        await_rounds(prometheus, COLD_ROUNDS)
        before = cpu_seconds(exporter.pid), cpu_seconds(prometheus.pid)
        groups = evaluations(prometheus, rounds)
        after = cpu_seconds(exporter.pid), cpu_seconds(prometheus.pid)
        return Cost(
            stores=stores,
            scrape_bytes=len(text),
            gzip_bytes=len(gzip.compress(text)),
            samples=int(value(prometheus, "scrape_samples_scraped")),
            scrape_ms=1000 * value(prometheus, f"quantile_over_time(0.5, scrape_duration_seconds[{rounds}s])"),
            exporter_cpu_ms=1000 * (after[0] - before[0]) / rounds,
            prometheus_cpu_ms=1000 * (after[1] - before[1]) / rounds,
            head_series=int(own(prometheus, "prometheus_tsdb_head_series")),
            resident_bytes=psutil.Process(prometheus.pid).memory_info().rss,
            groups_ms=groups,
        )
    finally:
        prometheus.stop()
        processes.end(exporter)


def await_rounds(prometheus: Prometheus, rounds: int) -> None:
    """Return when there have been so many more scrapes."""
    wanted = count(prometheus) + rounds
    while count(prometheus) < wanted:
        time.sleep(PACE.scrape_seconds)


def evaluations(prometheus: Prometheus, rounds: int) -> dict[str, float]:
    """By group, the median of what its evaluations took in so many rounds, in milliseconds."""
    seen: dict[str, list[float]] = {}
    for _ in range(rounds):
        await_rounds(prometheus, 1)
        for group in httpx.get(f"{prometheus.url}/api/v1/rules", trust_env=False).json()["data"]["groups"]:
            seen.setdefault(group["name"], []).append(1000 * group["evaluationTime"])
    return {name: statistics.median(times) for name, times in seen.items()}


def count(prometheus: Prometheus) -> int:
    found = prometheus.query('count_over_time(up{job="lake-exporter"}[1h])')
    return int(found[0]["value"][1]) if found else 0


def value(prometheus: Prometheus, query: str) -> float:
    return float(prometheus.query(query)[0]["value"][1])


def own(prometheus: Prometheus, name: str) -> float:
    """What Prometheus says of itself."""
    text = httpx.get(f"{prometheus.url}/metrics", trust_env=False).text
    [sample] = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples if sample.name == name
    ]
    return float(sample.value)


def cpu_seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def table(costs: Sequence[Cost]) -> str:
    """Markdown: a column for each number of stores, and the last one's ratio to the first."""
    first, last = costs[0], costs[-1]
    long = [name for name in last.groups_ms if last.groups_ms[name] >= WORTH_A_ROW_MS]
    rest = last.groups_ms.keys() - set(long)
    rows = [
        row("a scrape, kB", [cost.scrape_bytes / 1e3 for cost in costs]),
        row("the same as gzip, kB", [cost.gzip_bytes / 1e3 for cost in costs]),
        row("samples a scrape", [cost.samples for cost in costs]),
        row("a scrape takes, ms", [cost.scrape_ms for cost in costs]),
        row("CPU of the exporter a scrape, ms", [cost.exporter_cpu_ms for cost in costs]),
        row("CPU of Prometheus a scrape and judgement, ms", [cost.prometheus_cpu_ms for cost in costs]),
        row("series in Prometheus' head", [cost.head_series for cost in costs]),
        row("Prometheus resident, MiB", [cost.resident_bytes / 2**20 for cost in costs]),
        *(row(f"rules `{name}`, ms", [cost.groups_ms[name] for cost in costs]) for name in long),
        row(f"the other {len(rest)} groups, ms", [sum(cost.groups_ms[name] for name in rest) for cost in costs]),
    ]
    heads = " | ".join(f"{cost.stores:,} stores" for cost in costs)
    each = (last.samples - first.samples) / (last.stores - first.stores) if last.stores != first.stores else 0
    return "\n".join(
        [f"| | {heads} | ratio |", f"|---|{'---:|' * (len(costs) + 1)}", *rows, "", f"{each:.2f} series a store."]
    )


def row(what: str, values: Sequence[float]) -> str:
    written = " | ".join(f"{number:,.0f}" if number >= 100 else f"{number:.2g}" for number in values)
    return f"| {what} | {written} | {values[-1] / values[0]:.1f} |"


if __name__ == "__main__":
    main()
