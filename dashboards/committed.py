"""The boards as they lie in `json`, for whoever draws or asks them without a Grafana."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

JSON = Path(__file__).parent / "json"
ORDER = Path(__file__).parent / "page" / "boards.json"
Made = dict[str, Any]


def committed() -> dict[str, Made]:
    """Every board by its uid, in the order in which they are shown."""
    uids = json.loads(ORDER.read_text(encoding="utf-8"))
    return {uid: json.loads((JSON / f"{uid}.json").read_text(encoding="utf-8")) for uid in uids}


def panels(board: Made) -> list[Made]:
    """All that draw something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Made) -> Iterator[tuple[str, str]]:
    """Where each query stands, and the query with every choice at All, as Prometheus would be asked."""
    for panel in panels(board):
        for target in panel["targets"]:
            yield panel["title"], all_of(target["expr"])
    for annotation in board["annotations"]["list"]:
        yield annotation["name"], all_of(annotation["expr"])


def all_of(query: str) -> str:
    """The query with every choice at All."""
    return re.sub(r"\$\w+", ".*", query)
