"""Great Expectations judges what was counted, and makes its Data Docs of it.

The batch of a table is one row, made at one version of it: for each expectation the violations in the parts where it
does not hold. Every row of the table is behind those numbers, which no data frame of the table itself could hold.
This module is the only one that needs Great Expectations, and is imported only where it is asked for.
"""

import logging
import os
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

import great_expectations as gx
import pandas as pd
from great_expectations.checkpoint import UpdateDataDocsAction
from great_expectations.expectations import ExpectColumnMaxToBeBetween

from quality.errors import QualityError
from quality.validation.checks import Outcome, TableReport

_SEVERITIES = {"error": "critical", "warning": "warning"}
_SITE = "lake"


def judge(reports: Sequence[TableReport], directory: Path, run: str, at: datetime) -> Path:
    """Judge every table, write the Data Docs below `directory` and return their first page.

    Raise QualityError where Great Expectations' verdict is another than the counts': one of the two is wrong then.
    """
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    context.delete_data_docs_site("local_site")
    context.add_data_docs_site(
        _SITE,
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(directory)},
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    source = context.data_sources.add_pandas(_SITE)
    for report in reports:
        outcomes = report.outcomes
        suite = context.suites.add(gx.ExpectationSuite(name=report.suite.name))
        for outcome in outcomes:
            suite.add_expectation(_expectation(outcome))
        batch = source.add_dataframe_asset(report.suite.name).add_batch_definition_whole_dataframe(
            f"version {report.version}"
        )
        definition = context.validation_definitions.add(
            gx.ValidationDefinition(name=report.suite.name, data=batch, suite=suite)
        )
        checkpoint = context.checkpoints.add(
            gx.Checkpoint(
                name=report.suite.name,
                validation_definitions=[definition],
                actions=[UpdateDataDocsAction(name="docs", site_names=[_SITE])],
                result_format="BASIC",
            )
        )
        counted = pd.DataFrame({each.expectation.name: [each.violations] for each in outcomes})
        result = checkpoint.run(
            batch_parameters={"dataframe": counted}, run_id=gx.RunIdentifier(run_name=run, run_time=at)
        )
        _compare(report, result)
    index = directory / "index.html"
    index.write_text(_index(reports, directory, run))
    return index


_INDEX = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{run}</title>
<style>body {{ font-family: sans-serif; margin: 2rem }}
td, th {{ padding: .3rem 1rem .3rem 0; text-align: left }}</style>
<h1>{run}</h1>
<table><tr><th>table<th>version<th>rows<th>verdict<th>what does not hold</tr>
{rows}
</table></html>
"""


def _index(reports: Sequence[TableReport], directory: Path, run: str) -> str:
    """The first page. Great Expectations' own is made by scripts of other hosts: in a closed network it stays empty."""
    rows = []
    for report in reports:
        [page] = (directory / "validations").rglob(f"{run}/*/*-{report.suite.name}.html")
        failed = ", ".join(
            f"{each.expectation.name} ({each.violations:,})" for each in report.outcomes if not each.holds
        )
        link = f'<a href="{escape(page.relative_to(directory).as_posix())}">{escape(report.suite.table)}</a>'
        verdict = "sound" if report.sound else "failed"
        cells = (link, f"{report.version}", f"{report.rows:,}", verdict, escape(failed))
        rows.append("<tr>" + "".join(f"<td>{cell}" for cell in cells) + "</tr>")
    return _INDEX.format(run=escape(run), rows="\n".join(rows))


def _expectation(outcome: Outcome) -> ExpectColumnMaxToBeBetween:
    return ExpectColumnMaxToBeBetween(
        column=outcome.expectation.name,
        min_value=0,
        max_value=0,
        severity=_SEVERITIES[outcome.expectation.severity],
        description=_told(outcome),
        meta={"table": outcome.table, "version": outcome.version, "severity": outcome.expectation.severity},
    )


def _told(outcome: Outcome) -> str:
    told = outcome.expectation.description
    if outcome.holds:
        return f"{told} ({outcome.judged:,} parts)"
    where = ", ".join(str(part) for part in outcome.failing[:10]) or "the table"
    samples = "; ".join(
        ", ".join(f"{name} {value}" for name, value in row.items() if value is not None) for row in outcome.sample
    )
    return f"{told}: {outcome.violations:,} violation(s) in {where}. For example: {samples or 'none shown'}"


def _compare(report: TableReport, result: gx.checkpoint.CheckpointResult) -> None:
    [validated] = result.run_results.values()
    verdicts = {each.expectation_config.kwargs["column"]: bool(each.success) for each in validated.results}
    counted = {outcome.expectation.name: outcome.holds for outcome in report.outcomes}
    if verdicts != counted:
        differing = sorted(name for name in counted.keys() | verdicts.keys() if counted.get(name) != verdicts.get(name))
        raise QualityError(
            f"{report.suite.name}: Great Expectations and the counts disagree on {', '.join(differing)}. Nothing was "
            "recorded; this is a fault of the program: keep the Data Docs and report it."
        )
