"""Stores: a region without a line, receipts that wait, an outbox nearly full, a certificate near its end."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from drill.pace import short
from drill.registers import INVENTORY, MOVEMENT, OPERATIONS
from drill.scene import Scene
from local import processes
from local.ports import free_ports
from local.submission import inherited
from stores.files import write_private
from stores.outbox import Draft, Outbox
from stores.reporting import Reporter

SHORT_LIFE = timedelta(hours=10)
# The rule allows half an hour.
OLD_SECONDS = short(2000)
NEARLY_FULL = 800_001
AT_ONCE = 50_000
UTC_ZONE = ZoneInfo("UTC")


@contextmanager
def region_silent(scene: Scene) -> Iterator[None]:
    """More than a tenth of all stores is cut off. All but one come back at first, and that one when it was missed."""
    region, since = scene.stores.region, time.time()
    scene.stores.silent |= set(region)
    try:
        yield
        scene.stores.silent -= set(region[1:])
        scene.patience.await_(lambda: not scene.firing("StoresSilent"), 600, "StoresSilent resolves")
        # Somebody may have been told before this program has seen that.
        scene.await_told("StoreSilent", since)
    finally:
        scene.stores.silent.clear()
        scene.stores.report()
        scene.await_in_lake(OPERATIONS)


def cut_off(scene: Scene) -> None:
    """A store's line is cut, and a movement waits in its outbox from now on."""
    with scene.stores.outbox(scene.stores.others[9], "cut-off") as outbox:
        outbox.append(_movement())


@contextmanager
def receipts_wait(scene: Scene) -> Iterator[None]:
    """The line of the store that is cut off carries for a moment what the store says of itself then."""
    with scene.stores.outbox(scene.stores.others[9], "cut-off") as outbox:
        reporter = Reporter(outbox, UTC_ZONE)
        scene.patience.await_(
            lambda: outbox.oldest_age_seconds() > OLD_SECONDS, 2 * OLD_SECONDS, "a message that is old"
        )
        _report(scene, outbox, reporter)
        try:
            yield
        finally:
            _report(scene, outbox, reporter)


@contextmanager
def outbox_nearly_full(scene: Scene) -> Iterator[None]:
    """A store that nobody has connected for long: its outbox counts what waits, and a report of that comes through.

    What waits is not sent: the lake would be busy with it for minutes.
    """
    store_id = scene.stores.others[4]
    with scene.stores.outbox(store_id, "nearly-full") as outbox:
        reporter = Reporter(outbox, UTC_ZONE)
        # Drilled once more, the outbox is the one that there was.
        for _ in range(outbox.depth(), NEARLY_FULL, AT_ONCE):
            outbox.append_many([_movement()] * AT_ONCE)
        (oldest,), waiting = outbox.pending(1), outbox.depth()
        reporter.report(datetime.now(UTC))
        outbox.mark_sent(range(oldest.id, oldest.id + waiting))
        _send(scene, outbox)
        try:
            yield
        finally:
            _report(scene, outbox, reporter)


@contextmanager
def certificate_ends(scene: Scene) -> Iterator[None]:
    """A sender's certificate soon ends. It is renewed, and the sender takes that up by itself."""
    store_id = scene.stores.others[5]
    folder = scene.directory / "short-lived"
    identity = scene.stack.authority.issue_store(store_id, 1, directory=folder, lifetime=SHORT_LIFE)
    (port,) = free_ports(1)
    key = write_private(folder / "signing.key", scene.stores.seal(store_id).key)
    environment = inherited() | scene.stack.broker.store_environment(identity)
    command = [
        *(sys.executable, "-m", "tillstream.cli", "stores", "send"),
        *(f"--outbox={folder / 'outbox'}", f"--store-id={store_id}", f"--key-file={key}", f"--metrics-port={port}"),
    ]
    process = processes.spawn(command, folder / "sender.log", environment=environment)
    # It goes on with the renewed one, and tells so.
    scene.until_the_end(lambda: processes.end(process))
    scene.watch(f"127.0.0.1:{port}", job="stores")
    renewal = [
        *(sys.executable, "-m", "tillstream.cli", "stores", "certificates", "renew", "--json"),
        *(f"--authority={scene.stack.authority.directory}", f"--stores-dir={folder}"),
        *(f"--store-id={store_id}", "--generation=1"),
    ]
    try:
        yield
    finally:
        processes.run(renewal, folder / "renewal.log", environment=inherited())


def _movement() -> Draft:
    now = datetime.now(UTC)
    when = {"event_time": f"{now:%Y-%m-%dT%H:%M:%S}.000Z", "business_date": f"{now:%Y-%m-%d}"}
    return Draft(INVENTORY, "1", json.dumps({**when, **MOVEMENT}).encode())


def _report(scene: Scene, outbox: Outbox, reporter: Reporter) -> None:
    reporter.report(datetime.now(UTC))
    _send(scene, outbox)


def _send(scene: Scene, outbox: Outbox) -> None:
    """Bring all that is in the outbox to Kafka, by the store's own sender, and what it reports into the lake."""
    with scene.stores.sender(outbox) as sender:
        scene.patience.await_(lambda: (sender.pump(), outbox.depth())[1] == 0, 600, "an empty outbox")
    scene.await_in_lake(OPERATIONS)
