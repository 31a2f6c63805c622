"""The report is one page that needs nothing else, and says plainly whether all is well."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from local.progress import Step
from local.report import write_report
from local.report.data import Arrivals, Memory, Report, StoreMoney, Trouble


@pytest.fixture(scope="module")
def report() -> Report:
    random = np.random.default_rng(7)
    appended = 1_790_000_000 + np.sort(random.uniform(0, 50, 20_000))
    rung_up = 1_789_800_000 + random.choice([0, 86_400, 172_800], 20_000) + random.normal(54_000, 9_000, 20_000)
    till = (random.pareto(2, 457) * 100_000).astype(np.int64)
    seconds = np.arange(0, 150.0)
    return Report(
        summary={
            "receipts": 100_312,
            "lines": 943_118,
            "amount_cents": 298_131_877,
            "lake_amount_cents": 298_131_877,
            "missing": 0,
            "duplicates": 0,
            "quarantined": 612,
            "expected_quarantined": 612,
            "events_per_second": 4120.5,
            "latency_p95_seconds": 3.21,
        },
        passed=True,
        findings=(),
        machine="Linux, 2 cores",
        began="2026-11-23 20:00 UTC",
        seconds=158,
        stores=StoreMoney([str(number) for number in range(457)], till, till.copy()),
        arrivals=Arrivals(appended, np.ceil(appended / 2) * 2 + random.uniform(0.5, 1, 20_000), rung_up),
        troubles=(
            Trouble("messages that are not JSON", "quarantine: not_json", 40, 40),
            Trouble("messages sent again by a restarted sender", "recorded as duplicates", 1312, 1312),
        ),
        steps=(Step("Emulated AWS", 0, 2.5), Step("Terraform apply", 2.5, 61), Step("Kafka broker", 0.1, 8.2)),
        memory=Memory(
            seconds,
            {
                "ingest": (np.minimum(seconds * 40, 1900) * 2**20).astype(np.int64),
                "kafka": np.full(150, 480 * 2**20),
                "emulated AWS": np.full(150, 210 * 2**20),
            },
        ),
    )


def test_one_file_without_network(report: Report, tmp_path: Path):
    """The page refers to nothing outside itself: no script, no style sheet, no picture, no font."""
    write_report(report, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 6
    assert not re.search(r"<(script|link|img|iframe)\b|@import|url\((?!#)", page)
    assert all(target.startswith("#") for target in re.findall(r'(?:href|src)="([^"]*)"', page))


def test_the_boards_are_linked_where_there_are_any(report: Report, tmp_path: Path):
    """A run that was watched refers to the file beside it, by its name alone."""
    write_report(replace(report, boards="report-boards.html"), tmp_path / "report.html")
    assert '<a href="report-boards.html">' in (tmp_path / "report.html").read_text()


def test_a_good_run_says_so(report: Report, tmp_path: Path):
    """Heading, figures and table of a run that is as it should be."""
    write_report(report, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "every sale once, to the cent" in page
    assert "2,981,318.77" in page
    assert page.count("as expected") == 2
    assert "differs" not in page


def test_a_bad_run_says_what_is_off(report: Report, tmp_path: Path):
    """A difference stands in the heading, in the list and in the table."""
    trouble = Trouble("forged signatures", "quarantine: bad_signature", 10, 9)
    bad = replace(report, passed=False, findings=("1 forged message <b>was accepted</b>",), troubles=(trouble,))
    write_report(bad, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "something is off" in page
    assert "1 forged message &lt;b&gt;was accepted&lt;/b&gt;" in page
    assert "differs" in page


def test_a_run_without_a_receipt_has_a_report(report: Report, tmp_path: Path):
    """Where nothing arrived, the page still opens and says it."""
    nothing = np.zeros(0)
    empty = replace(
        report,
        arrivals=Arrivals(nothing, nothing, nothing),
        stores=StoreMoney([], nothing.astype(np.int64), nothing.astype(np.int64)),
        memory=Memory(nothing, {}),
        steps=(),
        troubles=(),
    )
    write_report(empty, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text().rstrip().endswith("</html>")
