"""What a task tells the driver about its range of offsets."""

import json
from dataclasses import asdict, dataclass
from typing import Self

from lake.manifests import DataObject
from lake.sequences import Intervals


@dataclass(frozen=True)
class TaskResult:
    """One contiguous range of one partition, both offsets included, and what became of its messages.

    messages = accepted + duplicates + the sum of refused. `objects` lie in the lake already, each with its table.
    `oldest_ms`: the earliest of the messages' own timestamps.
    """

    partition: int
    first: int
    last: int
    messages: int
    oldest_ms: int
    accepted: int
    duplicates: int
    refused: dict[str, int]
    objects: list[tuple[str, DataObject]]
    seen: Intervals

    def encode(self) -> bytes:
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @classmethod
    def decode(cls, body: bytes) -> Self:
        values = json.loads(body)
        values["objects"] = [(table, DataObject(**written)) for table, written in values["objects"]]
        values["seen"] = {register: tuple(bounds) for register, bounds in values["seen"].items()}
        return cls(**values)
