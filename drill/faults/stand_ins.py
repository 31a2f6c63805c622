"""Parts that one machine does not have: a small server tells Prometheus what the real one would."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from prometheus_client import CollectorRegistry, Gauge, start_http_server

from drill.scene import Scene

APPLICATION = "streams"
DISK_BYTES = 100 * 2**30
FULL_SHARE, EMPTY_SHARE = 0.65, 0.2
FILLS_PER_SECOND = 0.0005


def argo_cd(*, sync: str = "Synced", health: str = "Healthy") -> Callable[[Scene], AbstractContextManager[None]]:
    """What Argo CD says of an Application while something is wrong with it, and that all is well afterwards."""

    @contextmanager
    def wrong(scene: Scene) -> Iterator[None]:
        registry = CollectorRegistry()
        told = Gauge("argocd_app_info", "As Argo CD's.", ["name", "sync_status", "health_status"], registry=registry)
        told.labels(APPLICATION, sync, health).set(1)
        _serve(scene, registry, job="argocd")
        try:
            yield
        finally:
            told.clear()
            told.labels(APPLICATION, "Synced", "Healthy").set(1)

    return wrong


@contextmanager
def disk_fills(scene: Scene) -> Iterator[None]:
    """What the node exporter of a broker's machine says of a disk that fills, and then of a larger one."""
    registry = CollectorRegistry()

    def gauge(name: str) -> Gauge:
        made = Gauge(f"node_filesystem_{name}_bytes", "As the node exporter's.", ["mountpoint"], registry=registry)
        return made.labels("/kafka/datavolume1")

    size, available = gauge("size"), gauge("avail")
    began = time.monotonic()
    size.set(DISK_BYTES)
    available.set_function(lambda: DISK_BYTES * (1 - FULL_SHARE - FILLS_PER_SECOND * (time.monotonic() - began)))
    _serve(scene, registry, job="kafka-node")
    try:
        yield
    finally:
        size.set(2 * DISK_BYTES)
        available.set_function(lambda: 2 * DISK_BYTES * (1 - EMPTY_SHARE))


def _serve(scene: Scene, registry: CollectorRegistry, job: str) -> None:
    """Until the scene ends: what has been mended is still looked at."""
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    scene.until_the_end(stop)
    scene.watch(f"127.0.0.1:{server.server_port}", job=job)
