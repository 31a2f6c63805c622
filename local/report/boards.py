"""The boards at the end of a run: one HTML file, the page of `dashboards` with Prometheus' answers in it."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from dashboards.committed import Made, all_of, committed, panels
from local.environment import ROOT
from local.monitoring.prometheus import ask, client
from local.monitoring.rules import faster_query

PAGE = ROOT / "dashboards" / "page"
STYLE = '<link rel="stylesheet" href="page.css">'
IMPORTS = '<script type="importmap">{"imports": {"page/": "./"}}</script>'
# A run takes minutes: in windows made for hours its few peaks would be flat.
FACTOR = 10
STEP_SECONDS = 5
Recording = dict[str, Any]


def record(url: str, begin: float, end: float, *, factor: int = FACTOR, step_seconds: int = STEP_SECONDS) -> Recording:
    """What the page has to know to draw the boards from `begin` to `end` (Unix seconds), as the Prometheus at that
    address says now: {"boards", "answers": by API path and query, "range", "told"}. A board on which there is nothing
    to be seen is left out.
    """
    over = {"from": begin // step_seconds * step_seconds, "to": end // step_seconds * step_seconds}
    times = {
        "query": {"time": over["to"]},
        "query_range": {"start": over["from"], "end": over["to"], "step": step_seconds},
    }
    boards = list(committed().values())
    answers: dict[str, dict[str, Any]] = {path: {} for path in times}
    with client(url) as prometheus:
        for path, query in sorted({each for board in boards for each in _asked(board)}):
            answers[path][query] = ask(prometheus, path, query=faster_query(query, factor), **times[path])
    told = (
        f"recorded from {_minute(begin)} to {_minute(end)} UTC; a window of ten minutes in a query is one of "
        f"{600 // factor} seconds here"
    )
    return {
        "boards": [board for board in boards if any(answers[path][query]["result"] for path, query in _drawn(board))],
        "answers": answers,
        "range": {**over, "step": step_seconds},
        "told": told,
    }


def write_boards(recording: Recording, path: Path) -> None:
    """Write the page, whole or not at all."""
    content = json.dumps(recording, separators=(",", ":")).replace("<", "\\u003c")
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    for old, new in (
        (STYLE, f"<style>\n{(PAGE / 'page.css').read_text(encoding='utf-8')}</style>"),
        (IMPORTS, f'{_imports()}\n    <script type="application/json" id="recording">{content}</script>'),
    ):
        if page.count(old) != 1:
            raise ValueError(f"index.html has no {old}")
        page = page.replace(old, new)
    draft = path.with_name(f".{path.name}")
    draft.write_text(page, encoding="utf-8")
    draft.replace(path)


def _drawn(board: Made) -> set[tuple[str, str]]:
    """Every query of the panels, after the path of Prometheus' API by which the page asks it."""
    return {
        ("query_range" if panel["type"] == "timeseries" else "query", all_of(target["expr"]))
        for panel in panels(board)
        for target in panel["targets"]
    }


def _asked(board: Made) -> set[tuple[str, str]]:
    """Those, and what is marked on all panels."""
    return _drawn(board) | {("query_range", all_of(each["expr"])) for each in board["annotations"]["list"]}


def _imports() -> str:
    """The page's modules, each as an address that holds it."""
    modules = {
        f"page/{file.name}": f"data:text/javascript;base64,{base64.b64encode(file.read_bytes()).decode()}"
        for file in sorted(PAGE.glob("*.js"))
    }
    return f'<script type="importmap">{json.dumps({"imports": modules})}</script>'


def _minute(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
