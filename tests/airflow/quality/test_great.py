"""Great Expectations on what was counted: its verdicts, and its pages. No table is needed for that."""

import datetime as dt
import re
from dataclasses import replace
from pathlib import Path

import pytest

import contracts
from quality.errors import QualityError
from quality.validation import great
from quality.validation.checks import Expectation, Found, Part, TableReport
from quality.validation.publishing import publish
from quality.validation.suites import suites

CONTRACT = contracts.load()["pos.receipts"]
SUITE = suites(CONTRACT)[-1]
NOON, ONE = Part(dt.date(2026, 11, 20), 12), Part(dt.date(2026, 11, 20), 13)
AT = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def report(*broken: str) -> TableReport:
    """Every expectation of the suite over two hours; those named are broken in the second one."""
    expectations = [Expectation(each.name, each.description, each.severity) for each in (*SUITE.checks, *SUITE.groups)]
    found = [Found(each, NOON, 0) for each in expectations]
    found += [
        Found(each, ONE, 3, sample=({"event_id": "330:1:0123456789ab:7"},))
        if each.name in broken
        else Found(each, ONE, 0)
        for each in expectations
    ]
    return TableReport(SUITE, 17, 40, (NOON, ONE), tuple(found))


def pages(directory: Path) -> str:
    return "".join(page.read_text() for page in (directory / "validations").rglob("*.html"))


def test_what_is_broken_stands_in_the_data_docs(tmp_path: Path):
    """The page of a run names what is broken, where, and a row that breaks it."""
    index = great.judge([report("rule.lines_sum_to_total")], tmp_path, "run-1", AT)
    assert index.is_file()
    page = pages(tmp_path)
    for part in ("The lines add up to the total", "2026-11-20 hour 13", "330:1:0123456789ab:7", "Failed"):
        assert part in page


def test_the_first_page_needs_no_script(tmp_path: Path):
    """It names what is broken and leads to the page of the table, with nothing loaded from anywhere."""
    index = great.judge([report("rule.lines_sum_to_total")], tmp_path, "run-1", AT).read_text()
    assert "failed" in index
    assert "rule.lines_sum_to_total (3)" in index
    assert "<script" not in index
    [link] = re.findall('href="([^"]+)"', index)
    assert "lines_sum_to_total" in (tmp_path / link).read_text()


def test_a_sound_table_passes(tmp_path: Path):
    """Where nothing is violated Great Expectations is content, and its page says so."""
    great.judge([report()], tmp_path, "run-1", AT)
    assert "Succeeded" in pages(tmp_path)


def test_two_judges_must_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Counts and Great Expectations are compared: a verdict that differs is an error, not a result."""
    lenient = property(lambda each: [replace(outcome, holds=True) for outcome in each._true_outcomes])
    monkeypatch.setattr(TableReport, "_true_outcomes", TableReport.outcomes, raising=False)
    monkeypatch.setattr(TableReport, "outcomes", lenient)
    with pytest.raises(QualityError, match="disagree on unique"):
        great.judge([report("unique")], tmp_path, "run-1", AT)


def test_pages_are_published_whole(tmp_path: Path):
    """What is published is found by its first page, in a folder of the run."""
    site = tmp_path / "site"
    great.judge([report()], site, "run-1", AT)
    address = publish(site, str(tmp_path / "docs"), "run-1")
    assert address == (tmp_path / "docs" / "run-1" / "index.html").as_uri()
    assert pages(tmp_path / "docs" / "run-1") == pages(site)


def test_every_suite_of_every_contract_can_be_judged(tmp_path: Path):
    """Each table of each feed has a suite that Great Expectations takes; no two expectations share a name."""
    for contract in contracts.load().values():
        made = []
        for suite in suites(contract):
            expectations = [
                Expectation(each.name, each.description, each.severity) for each in (*suite.checks, *suite.groups)
            ]
            assert len({each.name for each in expectations}) == len(expectations)
            found = tuple(Found(each, NOON, 0) for each in expectations)
            made.append(TableReport(suite, 1, 1, (NOON,), found))
        great.judge(made, tmp_path / contract.feed, "run-1", AT)
