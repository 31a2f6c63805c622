"""A contract's file as data that still knows its line numbers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from contracts.errors import Finding

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """The data of one YAML file, the line of each of its values, and what was found wrong so far."""

    file: Path
    data: Any
    lines: Mapping[Place, int]
    findings: list[Finding] = field(default_factory=list)

    def fault(self, place: Place, reason: str) -> None:
        """Record a finding at the value of this path, or at the nearest one above that exists."""
        known = next((place[:size] for size in range(len(place), 0, -1) if place[:size] in self.lines), ())
        self.findings.append(Finding(self.file, self.lines.get(known, 1), dotted(place), reason))


def dotted(place: Place) -> str:
    """A path as people write it: `schema[0].properties[3].name`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return text.removeprefix(".") or "(file)"


def read(file: Path) -> Document:
    """Read one file. What is no YAML, or says a key twice, becomes a finding of an otherwise empty document."""
    try:
        loader = yaml.CSafeLoader(file.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        data = loader.construct_document(root) if root else {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        reason = getattr(error, "problem", None) or str(error)
        return Document(file, {}, {}, [Finding(file, line, "(file)", f"cannot be read as YAML: {reason}")])
    lines: dict[Place, int] = {}
    document = Document(file, data, lines)
    for place, node, repeated in _walk(root, ()):
        if repeated:
            reason = "stands twice; YAML would keep only the last one"
            document.findings.append(Finding(file, node.start_mark.line + 1, dotted(place), reason))
        lines[place] = node.start_mark.line + 1
    return document


def _walk(node: yaml.Node | None, place: Place) -> Iterator[tuple[Place, yaml.Node, bool]]:
    """Every value with its path; the third part says whether its key stood in the same mapping before."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            yield (*place, key.value), key, key.value in seen
            seen.add(key.value)
            yield from _walk(value, (*place, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield (*place, index), item, False
            yield from _walk(item, (*place, index))
