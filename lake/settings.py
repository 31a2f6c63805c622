"""Where the lake is: the same variables on AWS and on one machine."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from lake.errors import SettingsError

LAKE_URI = "TILLSTREAM_LAKE_URI"
CHECKPOINTS_URI = "TILLSTREAM_CHECKPOINTS_URI"
_URI = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])/?")


@dataclass(frozen=True)
class LakeSettings:
    """Two buckets, as `s3://<bucket>` without a slash at the end."""

    lake_uri: str
    checkpoints_uri: str

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the variables. Raise SettingsError that names every missing or wrong one at once."""
        values = {name: environ.get(name, "").strip() for name in (LAKE_URI, CHECKPOINTS_URI)}
        findings = [
            f"{name} is {value!r}, not s3://<bucket>" if value else f"{name} is not set"
            for name, value in values.items()
            if not _URI.fullmatch(value)
        ]
        if findings:
            raise SettingsError(
                f"The lake's settings are not usable: {'; '.join(findings)}. Set them; nothing was read."
            )
        return cls(*(value.rstrip("/") for value in values.values()))


def bucket_of(uri: str) -> str:
    """The bucket in `s3://<bucket>`. Raise SettingsError where it is anything else."""
    if not (match := _URI.fullmatch(uri)):
        raise SettingsError(f"{uri!r} is not s3://<bucket>; nothing was read.")
    return match[1]
