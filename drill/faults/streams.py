"""The stream from Kafka into the lake: stopped, hanging, too slow, restarted again and again."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from drill.pace import short
from drill.scene import Scene, frozen
from local.beside import meanwhile

# The rule asks for more than two new starts, and the runner starts a driver again five times.
KILLS = 3
# It looks once a minute which start is the newest.
SEEN_SECONDS = short(60) + 1


@contextmanager
def stopped(scene: Scene) -> Iterator[None]:
    with scene.still():
        scene.stop_ingest()
        try:
            yield
        finally:
            scene.start_ingest()


@contextmanager
def hanging(scene: Scene) -> Iterator[None]:
    """The JVM of the driver stands still; the metrics are served by Python beside it."""
    with scene.still():
        with frozen(scene.ingest_pid()):
            yield
        scene.await_ingest()


@contextmanager
def killed_again_and_again(scene: Scene) -> Iterator[None]:
    """Each driver is killed (`kill -9`) as soon as Prometheus has heard that its first query has started; another one
    is started in its place.
    """

    def kill_each(stop: threading.Event) -> None:
        for _ in range(KILLS):
            since = time.time()
            os.kill(scene.ingest_pid(), signal.SIGKILL)
            scene.await_started(since)
            if stop.wait(SEEN_SECONDS):
                return

    with scene.still():
        try:
            with meanwhile(kill_each):
                yield
        finally:
            scene.restart_ingest()
