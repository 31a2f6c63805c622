"""The fleet as a program of its own: all stores in one process, apart from the platform they send to.

    python -m local.replay DIRECTORY RECEIPTS SEED SECONDS

It prepares at once and prints `{"prepared": N}`, N messages; then waits for one line, the file with the stores'
log-ins; prints `{"appended": M}` while it replays, and at the end `{"ledger": FILE}`.
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import contracts
from stores.files import write_private
from stores.fleet import preparation, trouble
from stores.fleet.fleet import Fleet, Wiring
from stores.keys import read_master_key
from topics.settings import KafkaSettings


def main(directory: Path, receipts: int, seed: int, duration_seconds: float) -> None:
    prepared = preparation.prepare(receipts=receipts, seed=seed, troubles=trouble.parse("all"), now=datetime.now(UTC))
    say({"prepared": prepared.messages.num_rows})
    platform: Mapping[str, Any] = json.loads(Path(sys.stdin.readline().strip()).read_text())
    wiring = Wiring(
        outboxes=directory / "outboxes",
        topics={feed: contract.topic for feed, contract in contracts.load().items()},
        master_key=read_master_key(Path(platform["master_key_file"])),
        settings_of=lambda store_id: KafkaSettings.from_env(platform["stores"][store_id]),
    )
    with Fleet(prepared, wiring, seed) as fleet:
        ledger = fleet.replay(duration_seconds, lambda appended, _: say({"appended": appended}))
    say({"ledger": str(write_private(directory / "ledger.json", json.dumps(ledger)))})


def say(what: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
