"""A message that is refused when it is judged again."""

from dataclasses import dataclass

from lake.places import Place


@dataclass(frozen=True)
class Refused:
    """Where it is, and why it is refused."""

    place: Place
    reason: str
    detail: str
