"""`tillstream reconcile` on Delta tables in the emulated AWS."""

import json

import pytest
from click.testing import CliRunner, Result

from quality.cli import reconcile
from tests.support.lake_rows import (
    EPOCH,
    ControlTotal,
    Refused,
    day_of_receipts,
    quarantine_table,
    receipt_tables,
    total_tables,
)
from tests.support.scratch_lake import ScratchLake

pytestmark = pytest.mark.integration

RUNG_UP = day_of_receipts(30)
OTHER_STORE = day_of_receipts(4, store_id="331", partition=1)
LATER = "--now=2026-11-25T00:00:00Z"


@pytest.fixture
def lake(scratch_lake: ScratchLake) -> ScratchLake:
    """Two registers' totals; of the first one's receipts 7 is in quarantine and 12 has not come."""
    arrived = [receipt for receipt in RUNG_UP if receipt.seq not in {7, 12}]
    totals = [ControlTotal(RUNG_UP), ControlTotal(OTHER_STORE, revision=2)]
    for name, rows in (receipt_tables([*arrived, *OTHER_STORE]) | total_tables(totals)).items():
        scratch_lake.append(name, rows)
    scratch_lake.append("quarantine", quarantine_table([Refused(header=f"330:1:{EPOCH}:7".encode())]))
    return scratch_lake


def run(*arguments: str) -> Result:
    return CliRunner().invoke(reconcile, arguments, catch_exceptions=False)


def test_missing_receipts_are_named_and_late_ones_close_the_day(lake: ScratchLake):
    """What is missing is named and exits 1; once it came, only the quarantined receipt is listed, and exits 0."""
    found = run("--json", LATER)
    data = json.loads(found.stdout)
    assert (found.exit_code, data["clean"]) == (1, False)
    assert data["states"] == {"agreed": 1, "quarantined": 0, "pending": 0, "missing": 1, "unexplained": 0}
    [day] = data["days"]
    assert [(each["event_id"], each["state"]) for each in day["absent"]] == [
        (f"330:1:{EPOCH}:7", "quarantined"),
        (f"330:1:{EPOCH}:12", "missing"),
    ]

    for name, rows in receipt_tables([RUNG_UP[11]]).items():
        lake.append(name, rows)
    found = run("--json", LATER)
    data = json.loads(found.stdout)
    assert (found.exit_code, data["states"]["quarantined"], data["states"]["missing"]) == (0, 1, 0)
    short = RUNG_UP[6].total
    assert data["amounts"]["USD"]["till"] - data["amounts"]["USD"]["lake"] == short


@pytest.mark.usefixtures("lake")
def test_people_see_the_same():
    """The table for people names state, figures and receipt."""
    shown = run(LATER).stdout.replace("\n", " ")
    assert "missing" in shown
    assert "1 agreed" in shown
    assert f"{len(RUNG_UP)} / {len(RUNG_UP) - 2}" in shown


@pytest.mark.usefixtures("lake")
def test_before_the_cutoff_nothing_is_missing():
    """Judged before the cut-off, what has not come is pending, and exits 0."""
    found = run("--json", "--now=2026-11-21T12:00:00Z")
    assert (found.exit_code, json.loads(found.stdout)["states"]["pending"]) == (0, 1)


@pytest.mark.usefixtures("lake")
def test_one_store_can_be_asked_for():
    """Asked for the store that agrees, there is no finding."""
    found = run("--json", LATER, "--store=331", "--business-date=2026-11-20")
    assert (found.exit_code, json.loads(found.stdout)["states"]["agreed"]) == (0, 1)


@pytest.mark.parametrize("now", ["yesterday", "2026-11-25T00:00:00"])
def test_a_moment_without_zone_is_refused(now: str):
    """A time that could mean several moments is wrong use."""
    assert run(f"--now={now}").exit_code == 2
