"""The identity of an event and the names of the headers that repeat it."""

import re

EVENT_ID = "event_id"
SCHEMA_VERSION = "schema_version"
SIGNATURE = "signature"
KEY_GENERATION = "key_generation"

STORE_WIDE_REGISTER = "store"
"""The register of feeds that belong to the store and not to one till."""

_PART = re.compile(r"[A-Za-z0-9_.]+")


def event_id(store_id: str, register_id: str, epoch: str, seq: int) -> str:
    """The four parts of an event's identity in one string.

    Raises ValueError where a part holds anything but letters, digits, `_` and `.`, or where seq is below 1:
    two events could then share one id.
    """
    for part in (store_id, register_id, epoch):
        if not _PART.fullmatch(part):
            raise ValueError(f"{part!r} cannot be part of an event_id: letters, digits, _ and . only")
    if seq < 1:
        raise ValueError(f"seq {seq} cannot be part of an event_id: the first one is 1")
    return f"{store_id}:{register_id}:{epoch}:{seq}"
