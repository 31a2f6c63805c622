"""The committed record of requests is what the pipeline asks for today."""

from pathlib import Path

import pytest

from tests.support.permissions import Requested, parse_record, recorded
from tests.support.recorded_run import run

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(3600)]


def test_a_run_asks_for_what_is_recorded(tmp_path: Path):
    """A new run of the whole pipeline asks for the same places by the same workloads as the committed record, and is
    refused the same.
    """
    record = run(tmp_path)
    for allowed in (True, False):
        assert _cells(parse_record(record, allowed=allowed)) == _cells(recorded(allowed=allowed))


def _cells(requests: set[Requested]) -> set[str]:
    return {f"{each.workload} {each.letter} {each.place}" for each in requests}
