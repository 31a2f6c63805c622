"""Runs the fleet: all stores in one process, each with its own outbox, certificate and producer."""

import json
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, Self
from zoneinfo import ZoneInfo

from prometheus_client import CollectorRegistry

from contracts.events import STORE_WIDE_REGISTER, event_id
from contracts.model import Topic
from contracts.signing import store_key
from stores.errors import FleetError
from stores.fleet import ledger
from stores.fleet.intruder import Intruder
from stores.fleet.preparation import Preparation
from stores.fleet.units import DamagingSeal, Unit
from stores.metrics import StoreMetrics
from stores.outbox import Draft, Outbox, ReceiptKey
from stores.sealing import StoreSeal
from topics.settings import KafkaSettings

SLICE_SECONDS = 0.5
DRAIN_SECONDS = 120
DRAIN_PAUSE_SECONDS = 0.05
OPEN_FILES = 16_384
CONNECTING_AT_ONCE = 4
# When trouble strikes, as a share of the replay.
OFFLINE_FROM, OFFLINE_UNTIL = 0.2, 0.6
RESTARTS_AT = (0.3, 0.7)
INTRUDED_AT = 0.5

Progress = Callable[[int, int], None]
"""Told how many messages of how many were appended."""

UnitKey = tuple[str, int]
"""A store's id, and 1, or 2 for a till that came as a replacement."""


@dataclass(frozen=True)
class Wiring:
    """What joins the fleet to a platform. `topics` by feed; `settings_of` says how a store logs in."""

    outboxes: Path
    topics: Mapping[str, Topic]
    master_key: bytes
    settings_of: Callable[[str], KafkaSettings]


class Fleet:
    """One replay of a preparation. Close it, whatever happened."""

    def __init__(self, preparation: Preparation, wiring: Wiring, seed: int) -> None:
        """Open an outbox for every store. Raises FleetError where the directory holds outboxes already."""
        if wiring.outboxes.exists() and any(wiring.outboxes.iterdir()):
            raise FleetError(
                f"{wiring.outboxes} is not empty, and a replay begins with new outboxes. Nothing was sent. "
                "Give another directory, or remove that one."
            )
        _allow_open_files()
        self._preparation = preparation
        self._wiring = wiring
        self._rng = Random(f"{seed}:fleet")  # noqa: S311 - a simulation
        stores = preparation.stores.select(["store_id", "time_zone", "key_generation"]).to_pylist()
        self._zones = {store["store_id"]: store["time_zone"] for store in stores}
        self._seals = {store["store_id"]: self._seal(store["store_id"], store["key_generation"]) for store in stores}
        metrics = StoreMetrics(CollectorRegistry())
        keys = [(store_id, 1) for store_id in self._zones]
        keys += [(each.store_id, 2) for each, _ in preparation.plan.replaced]
        self._units = {key: self._unit(*key, metrics) for key in keys}
        self._intruder = Intruder(
            preparation.plan,
            topics=wiring.topics,
            master_key=wiring.master_key,
            settings_of=wiring.settings_of,
            seal_of=self._seals.__getitem__,
        )
        self._intruded = False
        self._busy: set[UnitKey] = set()
        self._appended: Counter[str] = Counter()
        self._restarts = {store_id: list(RESTARTS_AT) for store_id in preparation.plan.restarted}
        self._resent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._intruder.close()
        for unit in self._units.values():
            unit.close()

    def connect(self) -> None:
        """Let every store log in, a few at a time: all at once they would keep the broker from answering any."""
        with ThreadPoolExecutor(CONNECTING_AT_ONCE) as pool:
            for _ in pool.map(Unit.connect, self._units.values()):
                pass

    def replay(self, duration_seconds: float, progress: Progress) -> dict[str, Any]:
        """Append everything evenly over that time (0: at once) and send it; return the ledger when all was sent.

        Raises SenderError where Kafka refuses a store, FleetError where an outbox does not empty.
        """
        self.connect()
        total = self._preparation.messages.num_rows
        started_at, start, done = datetime.now(UTC), time.monotonic(), 0
        while done < total:
            passed = time.monotonic() - start
            due = total if passed >= duration_seconds else int(total * passed / duration_seconds)
            share = due / total
            offline = self._preparation.plan.offline if OFFLINE_FROM <= share < OFFLINE_UNTIL else ()
            self._append(done, due, offline)
            done = due
            self._strike(share)
            self._pump(self._busy, offline)
            progress(done, total)
            if done < total:
                time.sleep(max(0.0, start + passed + SLICE_SECONDS - time.monotonic()))
        self._report_outboxes()
        self._drain()
        self._intruder.contradict(
            self._preparation.messages, lambda store_id: self._units[store_id, 1].outbox.epoch, self._rng
        )
        return {
            "started_at": started_at.isoformat(),
            "ended_at": datetime.now(UTC).isoformat(),
            **ledger.truth(
                self._preparation,
                epochs={key: unit.outbox.epoch for key, unit in self._units.items()},
                messages=self._appended,
                injected=self._intruder.sent,
                resent=self._resent,
            ),
        }

    def _seal(self, store_id: str, generation: int) -> StoreSeal:
        topics = {feed: topic.name for feed, topic in self._wiring.topics.items()}
        return StoreSeal(store_id, store_key(self._wiring.master_key, store_id, generation), generation, topics)

    def _unit(self, store_id: str, number: int, metrics: StoreMetrics) -> Unit:
        outbox = Outbox(self._wiring.outboxes / f"{store_id}-{number}.db", store_id)
        damages = {
            event_id(store_id, each.register_id, outbox.epoch, each.seq): each.damage
            for each in self._preparation.plan.corrupted
            if (each.store_id, 1) == (store_id, number)
        }
        seal = self._seals[store_id]
        return Unit(
            outbox, self._wiring.settings_of(store_id), DamagingSeal(seal, damages) if damages else seal, metrics
        )

    def _append(self, start: int, end: int, offline: Sequence[str]) -> None:
        drafts: dict[UnitKey, list[Draft]] = defaultdict(list)
        seqs: dict[UnitKey, list[int]] = defaultdict(list)
        columns = self._preparation.messages.slice(start, end - start).to_pydict()
        for feed, store_id, number, register_id, seq, business_date, receipt_no, body in zip(
            *columns.values(), strict=True
        ):
            receipt = ReceiptKey(business_date, receipt_no) if receipt_no else None
            drafts[store_id, number].append(Draft(feed, register_id, body.encode(), receipt))
            seqs[store_id, number].append(seq)
        for key, batch in drafts.items():
            self._units[key].append(batch, seqs[key])
            self._busy.add(key)
            # At once: what the outbox has does not wait until all the others have theirs.
            self._pump([key], offline)
        self._appended.update(columns["feed"])

    def _pump(self, keys: Iterable[UnitKey], offline: Sequence[str] = ()) -> None:
        for key in tuple(keys):
            if key[0] not in offline:
                self._units[key].pump()
                if not self._units[key].waiting:
                    self._busy.discard(key)

    def _strike(self, share: float) -> None:
        """The trouble that happens while the replay runs."""
        for store_id, moments in self._restarts.items():
            # A sender with nothing to lose dies later, when it has.
            if moments and share >= moments[0] and (store_id, 1) in self._busy:
                if resent := self._units[store_id, 1].kill_sender():
                    moments.pop(0)
                self._resent += resent
        if not self._intruded and share >= INTRUDED_AT:
            self._intruder.intrude(self._zones)
            self._intruded = True

    def _report_outboxes(self) -> None:
        """Every store's own reading of its outbox, as it is now."""
        now = datetime.now(UTC)
        for key in [(store_id, 1) for store_id in self._zones]:
            unit = self._units[key]
            when = {
                "event_time": now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z",
                "business_date": str(now.astimezone(ZoneInfo(self._zones[key[0]])).date()),
            }
            readings = (
                {"reading": "outbox_depth", "value": unit.outbox.depth()},
                {"reading": "outbox_age_seconds", "value": round(unit.outbox.oldest_age_seconds(), 3)},
            )
            bodies = [json.dumps(when | reading).encode() for reading in readings]
            unit.append([Draft("store.operations", STORE_WIDE_REGISTER, body) for body in bodies])
            self._appended["store.operations"] += len(bodies)
            self._busy.add(key)

    def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN_SECONDS
        while self._busy:
            self._pump(self._busy)
            if time.monotonic() > deadline:
                raise FleetError(
                    f"{len(self._busy)} outboxes did not empty within {DRAIN_SECONDS} s. What they hold is in "
                    f"{self._wiring.outboxes}. Is the broker up? tillstream status"
                )
            time.sleep(DRAIN_PAUSE_SECONDS)


def _allow_open_files() -> None:
    """Each store has a handful of files and sockets; some systems allow a process 256 unless it asks for more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
