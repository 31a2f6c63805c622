"""The report as one HTML file that needs no network."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from local.report import plots
from local.report.data import GIB, Report


def write_report(report: Report, path: Path) -> None:
    """Write the page, whole or not at all."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {}
    environment.filters["money"] = lambda cents: f"{cents / 100:,.2f}"
    environment.filters["whole"] = lambda number: f"{number:,.0f}"
    figures = {
        "per_minute": plots.receipts_per_minute(report.arrivals),
        "progress": plots.progress(report.arrivals),
        "latency": plots.latency(report.arrivals),
        "money": plots.money(report.stores),
        "timeline": plots.timeline(tuple(report.steps)),
        "memory": plots.memory(report.memory),
    }
    page = environment.get_template("page.html.j2").render(
        report=report, figures=figures, peak=report.memory.peak_bytes / GIB
    )
    draft = path.with_name(f".{path.name}")
    draft.write_text(page)
    draft.replace(path)
