"""The boards on a real Prometheus: every panel has something to show, and the page draws it.

The day that they show is made up, so that every series is there: tests/support/synthetic_metrics.py.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest

from dashboards.committed import committed, panels, queries
from local.monitoring.alertmanager import BIN
from local.monitoring.prometheus import Prometheus
from local.report.boards import record, write_boards
from tests.support import synthetic_metrics
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.integration]

MADE = committed()
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@dataclass(frozen=True)
class Day:
    prometheus: Prometheus
    end: int

    def series(self, query: str) -> list[dict[str, object]]:
        """What a query finds in the day's hours."""
        asked = {"query": query, "start": self.end - synthetic_metrics.LENGTH_SECONDS, "end": self.end, "step": 60}
        answer = httpx.get(f"{self.prometheus.url}/api/v1/query_range", params=asked, timeout=120).json()
        assert answer["status"] == "success", answer
        found: list[dict[str, object]] = answer["data"]["result"]
        return found


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    directory = tmp_path_factory.mktemp("day")
    end = int(time.time()) // 60 * 60
    synthetic_metrics.write(directory / "data", end, BIN / "promtool")
    prometheus = Prometheus(directory)
    prometheus.start()
    try:
        synthetic_metrics.send_airflow(prometheus.otlp_url, end)
        made = Day(prometheus, end)
        wait_for(lambda: made.series("airflow_dagrun_duration_failed_milliseconds"), 60, "Airflow's series")
        yield made
    finally:
        prometheus.stop()


@pytest.mark.parametrize("uid", sorted(MADE))
def test_every_query_finds_something(day: Day, uid: str) -> None:
    """No query of a panel and no annotation is empty on a day on which every series is there."""
    assert [where for where, query in queries(MADE[uid]) if not day.series(query)] == []


class _Panels(HTMLParser):
    """Which panels of the drawn page have a picture, and which of them say that something is wrong."""

    def __init__(self) -> None:
        super().__init__()
        self.board = ""
        self.classes: dict[str, str] = {}
        self.pictures: set[str] = set()
        self._panel = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.board = given.get("data-drawn", self.board)
        if "data-panel" in given:
            self._panel = given["data-panel"]
            self.classes[self._panel] = given.get("class", "")
        elif tag in {"polyline", "circle", "td"} or given.get("class") == "tile":
            self.pictures.add(self._panel)


def drawn(address: str, profile: Path) -> _Panels:
    """What Chromium makes of the page at that address."""
    command = [
        *(str(CHROMIUM), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
        *("--window-size=1600,1600", "--virtual-time-budget=20000", f"--user-data-dir={profile}", "--dump-dom"),
        address,
    ]
    page = _Panels()
    page.feed(subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout)
    return page


@needs_chromium
@pytest.mark.parametrize("uid", sorted(MADE))
def test_the_page_draws_every_panel(day: Day, tmp_path: Path, uid: str) -> None:
    """In a browser no panel of a board is empty or broken, and each has lines, tiles or rows."""
    page = drawn(f"{day.prometheus.boards_url}?board={uid}&to={day.end}", tmp_path)
    assert page.board == uid
    assert page.classes == {panel["title"]: "" for panel in panels(MADE[uid])}
    assert page.pictures == page.classes.keys()


@needs_chromium
def test_a_snapshot_draws_the_same_without_a_server(day: Day, tmp_path: Path) -> None:
    """One file has the boards and Prometheus' answers in it: every panel is there, and nothing else is asked for."""
    recording = record(
        day.prometheus.url, day.end - synthetic_metrics.LENGTH_SECONDS, day.end, factor=1, step_seconds=60
    )
    file = tmp_path / "boards.html"
    write_boards(recording, file)
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", file.read_text())
    for uid in ("tillstream-pipeline", "tillstream-stores"):
        page = drawn(f"{file.as_uri()}?board={uid}", tmp_path / "profile")
        assert page.board == uid
        assert page.classes == {panel["title"]: "" for panel in panels(MADE[uid])}
        assert page.pictures == page.classes.keys()


def test_a_snapshot_has_no_board_on_which_nothing_is_to_be_seen(day: Day) -> None:
    """Of a time of which Prometheus knows nothing, only what is zero where nothing is there is left."""
    before = day.end - 10 * synthetic_metrics.LENGTH_SECONDS
    recording = record(day.prometheus.url, before, before + 600)
    shown = {board["uid"] for board in recording["boards"]}
    assert "tillstream-airflow-quality" not in shown
    assert {board["uid"] for board in record(day.prometheus.url, day.end - 600, day.end)["boards"]} == MADE.keys()


def test_a_broken_query_would_be_noticed(day: Day) -> None:
    """Whoever asks for a series that is not there finds nothing: the first of these tests can fail."""
    assert day.series("tillstream_table_object") == []
    assert json.dumps(day.series("tillstream_table_objects"))
