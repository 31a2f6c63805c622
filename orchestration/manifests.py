"""The streams that `argocd/` declares: what the DAGs are made from."""

from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
STREAMS = ROOT / "argocd" / "apps" / "streams" / "base"


@dataclass(frozen=True)
class Stream:
    """A streaming SparkApplication. `feeds` are those it ingests; none for one that follows other tables."""

    name: str
    feeds: tuple[str, ...]
    description: str


def streams(directory: Path = STREAMS) -> list[Stream]:
    found = []
    for file in sorted(directory.glob("*.yaml")):
        text = file.read_text()
        for document in yaml.load_all(text, Loader=yaml.CSafeLoader):
            if document and document.get("kind") == "SparkApplication":
                arguments = [str(each) for each in document["spec"].get("arguments", [])]
                feeds = tuple(each for each in arguments if not each.startswith("--"))
                found.append(Stream(document["metadata"]["name"], feeds, _first_comment(text)))
    return found


def _first_comment(text: str) -> str:
    line = text.partition("\n")[0]
    return line.removeprefix("#").strip() if line.startswith("#") else ""
