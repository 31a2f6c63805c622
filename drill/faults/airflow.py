"""Airflow: the scheduler hangs, and it gives a stream up."""

from collections.abc import Iterator
from contextlib import contextmanager

from drill.scene import DAG_SECONDS, Scene, frozen

STREAM = "rollup"


@contextmanager
def scheduler_hangs(scene: Scene) -> Iterator[None]:
    with frozen(scene.airflow.pid("scheduler")):
        yield


@contextmanager
def stream_given_up(scene: Scene) -> Iterator[None]:
    """Somebody suspends a stream past Airflow, which is no fault that a restart would mend."""
    applications = scene.stack.applications
    with scene.airflow.client() as client:
        client.trigger(f"stream_{STREAM}")
    scene.patience.await_(
        lambda: not applications.get(STREAM)["spec"]["suspend"], DAG_SECONDS, f"Airflow starts {STREAM}"
    )
    applications.suspend(STREAM)
    # Nothing is to be mended: the run has ended, and the stream rests as it did before.
    yield
