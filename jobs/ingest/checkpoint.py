"""What Spark's checkpoint of a feed says, read from its files.

On S3A a checkpoint file is written under a temporary name, copied to its own and the temporary one deleted. A copy in
S3 is atomic, so a file is whole or absent; a kill can leave temporary files, which Spark ignores when told not to
demand an empty directory (`spark.sql.streaming.verifyCheckpointDirectoryEmptyOnStart=false`). That check guarded
against starting over beside a used checkpoint: `jobs.ingest.startup` compares with the tables' log instead.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.errors import CheckpointDisagrees
from lake.objects import ObjectStore


@dataclass(frozen=True)
class Checkpoint:
    """The newest batch planned and the newest committed (-1: none), and each planned batch's end offsets."""

    planned: int
    committed: int
    ends: Mapping[int, Mapping[int, int]]

    @property
    def is_empty(self) -> bool:
        return self.planned < 0


def read(store: ObjectStore, prefix: str) -> Checkpoint:
    """The checkpoint below `prefix` (ends in `/`); only the two newest planned batches' offsets are read."""
    planned = _batches(store, f"{prefix}offsets/")
    committed = _batches(store, f"{prefix}commits/")
    ends = {batch: _ends(store, f"{prefix}offsets/{batch}") for batch in planned[-2:]}
    return Checkpoint(planned[-1] if planned else -1, committed[-1] if committed else -1, ends)


def _batches(store: ObjectStore, prefix: str) -> list[int]:
    names = [found.key.removeprefix(prefix) for found in store.list(prefix)]
    return sorted(int(name) for name in names if name.isdigit())


def _ends(store: ObjectStore, key: str) -> dict[int, int]:
    body = store.get(key).decode()
    try:
        [(_, offsets)] = json.loads(body.removeprefix("v1\n").split("\n")[1]).items()
        return {int(partition): int(offset) for partition, offset in offsets.items()}
    except (ValueError, IndexError, AttributeError) as error:
        raise CheckpointDisagrees(
            f"{store.uri}/{key} is not an offset file of one Kafka source ({error}). Nothing was started; the tables "
            "are whole. Start a new checkpoint from them: tillstream streams rebuild FEED"
        ) from error
