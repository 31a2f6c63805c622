"""`tillstream validate` and what it leaves in the ledger."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import contracts
from lake.tables import DeltaTables
from quality.validation import ledger
from quality.validation.checks import Part, TableReport
from quality.validation.cli import validate
from quality.validation.publishing import publish
from quality.validation.validate import Judged
from quality.validation.validate import validate as judge_feed
from tests.support.lake import Lake, receipt_rows
from tests.support.lake_rows import DAY, Receipt, receipt_tables
from tests.support.scratch_lake import ScratchLake

pytestmark = pytest.mark.integration

NOW = "--now=2026-11-24T12:00:00Z"


@pytest.fixture
def lake(scratch_lake: ScratchLake) -> ScratchLake:
    """Two hours of one day."""
    made = [Receipt(seq, (100, seq), at=dt.time(9 + seq % 2, 10)) for seq in range(1, 21)]
    for name, rows in receipt_tables(made).items():
        scratch_lake.append(name, rows)
    return scratch_lake


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    result: Result = CliRunner().invoke(validate, ["pos.receipts", NOW, "--json", *arguments], catch_exceptions=False)
    return result.exit_code, json.loads(result.stdout)


@pytest.fixture
def lake_of_batches(scratch_lake: ScratchLake) -> Lake:
    return Lake(scratch_lake.store, scratch_lake.tables, contracts.load())


def judged_parts(data: dict[str, Any]) -> set[int]:
    return {table["parts"] for feed in data["feeds"] for table in feed["tables"]}


def marked(lake: ScratchLake) -> dict[tuple[str, Part], str]:
    return {(mark.table, mark.part): mark.verdict for mark in ledger.marks(DeltaTables(lake.store))}


def versions(lake: ScratchLake) -> list[int]:
    return [lake.tables.table(each.name).version() for each in (ledger.PARTITIONS, ledger.RESULTS)]


def test_a_run_judges_what_changed_and_says_so_once(lake: ScratchLake):
    """The first run judges everything; the next one finds nothing new, and leaves the ledger as it is."""
    code, data = run()
    assert (code, data["sound"], judged_parts(data)) == (0, True, {2})
    assert set(marked(lake).values()) == {"pass"}
    before = versions(lake)
    code, data = run()
    assert (code, judged_parts(data), versions(lake)) == (0, {0}, before)

    for name, rows in receipt_tables([Receipt(30, at=dt.time(9, 59))]).items():
        lake.append(name, rows)
    assert judged_parts(run()[1]) == {1}


def test_a_failing_part_is_marked_until_it_is_right(lake: ScratchLake, tmp_path: Path):
    """A failing part is marked, fails each run that follows, and passes as soon as it is right again."""
    lines = lake.tables.table("receipt_lines")
    sound = lines.version()
    lines.update(updates={"amount": "amount + 1"}, predicate=f"dt = '{DAY}' AND hour = 9 AND ordinal = 0")
    for _ in range(2):
        code, data = run(f"--metrics={tmp_path / 'quality.prom'}")
        [failed] = [failed for table in data["feeds"][0]["tables"] for failed in table["failed"]]
        assert (code, failed["expectation"], failed["violations"]) == (1, "rule.lines_sum_to_total", 10)
        assert failed["parts"] == [f"{DAY} hour 9"]
        assert failed["sample"][0]["event_id"].startswith("330:1:")
    assert {key for key, verdict in marked(lake).items() if verdict == "fail"} == {("receipts", Part(DAY, 9))}
    series = (
        'tillstream_quality_expectation_success{feed="pos.receipts",suite="pos.receipts.receipts",table="receipts",'
    )
    exposed = (tmp_path / "quality.prom").read_text()
    assert f'{series}expectation="rule.lines_sum_to_total",severity="error"}} 0\n' in exposed
    assert f'{series}expectation="unique",severity="error"}} 1\n' in exposed

    lake.tables.table("receipt_lines").restore(sound)
    code, data = run()
    assert (code, data["sound"], set(marked(lake).values())) == (0, True, {"pass"})


def test_a_run_over_some_dates_marks_only_those(lake: ScratchLake):
    """What changed or fails elsewhere is left to the next run: neither judged up to now by that, nor said to hold."""
    next_day = DAY + dt.timedelta(days=1)
    for name, rows in receipt_tables([Receipt(50, at=dt.time(9), business_date=next_day)]).items():
        lake.append(name, rows)
    assert judged_parts(run()[1]) == {3}
    lake.tables.table("receipt_lines").update(updates={"amount": "amount + 1"}, predicate=f"dt = '{DAY}' AND hour = 9")
    assert run()[0] == 1
    [before] = (each for each in ledger.latest_results(DeltaTables(lake.store)) if not each["success"])
    lake.tables.table("receipt_lines").update(updates={"amount": "amount + 1"}, predicate=f"dt = '{DAY}' AND hour = 10")

    assert run(f"--business-date={next_day}")[0] == 0
    failing = {key for key, verdict in marked(lake).items() if verdict == "fail"}
    assert failing == {("receipts", Part(DAY, 9))}
    assert [each for each in ledger.latest_results(DeltaTables(lake.store)) if not each["success"]] == [before]

    assert run(f"--business-date={DAY}")[0] == 1
    failing = {key for key, verdict in marked(lake).items() if verdict == "fail"}
    assert failing == {("receipts", Part(DAY, 9)), ("receipts", Part(DAY, 10))}
    code, data = run()
    assert (code, judged_parts(data)) == (1, {2})


def test_a_killed_run_is_made_up_for(lake: ScratchLake, monkeypatch: pytest.MonkeyPatch):
    """A run that dies between the ledger's two tables has judged nothing; the next one does it all, once."""
    append = ledger._append

    def dying(tables: DeltaTables, definition: Any, *rest: Any) -> None:
        if definition is ledger.PARTITIONS:
            raise RuntimeError
        append(tables, definition, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "_append", dying)
        with pytest.raises(RuntimeError):
            run()
    assert marked(lake) == {}
    assert judged_parts(run()[1]) == {2}
    results = lake.rows(ledger.RESULTS.name)
    assert len(results) == len({(row["table_name"], row["expectation"]) for row in results})


def judged_feed(filled: Lake) -> list[TableReport]:
    moment = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
    return judge_feed(DeltaTables(filled.store), filled.contracts["pos.receipts"], now=moment, judged=Judged({}))


def test_what_the_stream_commits_is_judged(lake_of_batches: Lake):
    """Rows that came too late are a warning; lines whose receipts are still being committed are left out."""
    lake_of_batches.begin()
    # Sent at noon of a day that is long over.
    lake_of_batches.ingest(0, receipt_rows(range(10)), {0: 10})
    ahead = receipt_rows(range(10, 12), first_seq=11)
    lake_of_batches.with_rows("receipt_lines", ahead["receipt_lines"])
    reports = judged_feed(lake_of_batches)
    failed = [(report.suite.table, each) for report in reports for each in report.outcomes if not each.holds]
    assert [(table, each.expectation.name, each.violations) for table, each in failed] == [
        ("receipt_lines", "product_is_known", 20),
        ("receipts", "fresh", 10),
    ]
    assert all(report.sound for report in reports)


def test_data_docs_are_put_where_they_are_found(lake: ScratchLake, tmp_path: Path):
    """A site goes below its prefix of a bucket, a folder for each run, as pages that a browser shows."""
    (tmp_path / "validations").mkdir()
    for name in ("index.html", "validations/run.html"):
        (tmp_path / name).write_text(name)
    address = publish(tmp_path, f"{lake.store.uri}/data-docs/", "run-1")
    assert address == f"{lake.store.uri}/data-docs/run-1/index.html"
    assert lake.store.get("data-docs/run-1/validations/run.html") == b"validations/run.html"
    head = lake.store._client.head_object(Bucket=lake.store.bucket, Key="data-docs/run-1/index.html")
    assert head["ContentType"] == "text/html"
