"""Drivers that halt at a chosen place, for as long as the test likes: to be killed there, or to come back too late."""

import json
from collections.abc import Mapping
from pathlib import Path

BEFORE_WRITE = "before_write"
BETWEEN_WRITES = "between_writes"
AFTER_WRITE = "after_write"
AFTER_MANIFEST = "after_manifest"
BETWEEN_COMMITS = "between_commits"
AFTER_COMMIT = "after_commit"

# The main file of a driver that halts. It wraps the job's functions where they are used; the job knows nothing of it.
_SCRIPT = """
import json, pathlib, sys, time
from jobs.ingest import __main__ as application, batch, task

POINTS, BATCH, DIRECTORY = json.loads({points!r}), {batch}, pathlib.Path({directory!r})
running = {{}}


def halt(point, feed, *, armed=None):
    if POINTS.get(feed) == point and (running.get(feed) == BATCH if armed is None else armed):
        (DIRECTORY / feed).touch()
        while not (DIRECTORY / "released").exists():
            time.sleep(0.1)


class HaltingTask(task.IngestTask):
    # Defined in the main file, so it travels to the workers by value.
    armed = False

    def __call__(self, batches):
        feed, armed, put_all = self._plan.contract.feed, self.armed, task.put_all

        def halting(store, objects):
            halt("before_write", feed, armed=armed)
            first = [each for each in objects if each.table == objects[0].table]
            put_all(store, first)
            halt("between_writes", feed, armed=armed)
            put_all(store, objects[len(first):])

        task.put_all = halting
        try:
            yield from super().__call__(batches)
        finally:
            task.put_all = put_all


class HaltingWriter(batch.BatchWriter):
    def __call__(self, messages, number):
        running[self._contract.feed] = number
        super().__call__(messages, number)
        halt("after_commit", self._contract.feed)

    def _run(self, messages):
        results = super()._run(messages)
        halt("after_write", self._contract.feed)
        return results


def task_of(plan, *broadcasts):
    made = HaltingTask(plan, *broadcasts)
    made.armed = running[plan.contract.feed] == BATCH
    return made


def commit_batch(tables, contract, manifest, *, adopted, commit_batch=batch.commit_batch):
    halt("after_manifest", contract.feed)
    between = lambda _: halt("between_commits", contract.feed)
    return commit_batch(tables, contract, manifest, adopted=adopted, on_commit=between)


batch.IngestTask = task_of
batch.commit_batch = commit_batch
sys.modules["jobs.ingest.streams"].BatchWriter = HaltingWriter
sys.exit(application.main(sys.argv[1:]))
"""


class Held:
    """A main file whose driver halts in batch `batch` of each feed at its point."""

    def __init__(self, directory: Path, points: Mapping[str, str], batch: int) -> None:
        directory.mkdir()
        self._directory = directory
        self._feeds = tuple(points)
        self.script = directory / "halting_driver.py"
        self.script.write_text(_SCRIPT.format(points=json.dumps(dict(points)), batch=batch, directory=str(directory)))

    def all_halted(self) -> bool:
        return all((self._directory / feed).exists() for feed in self._feeds)

    def release(self) -> None:
        """Let the driver go on."""
        (self._directory / "released").touch()
