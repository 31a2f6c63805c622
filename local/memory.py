"""Samples the resident memory of this process and of all that it has started, by part."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import numpy as np
import psutil

from local.report.data import Memory

EVERY_SECONDS = 1.0
OTHERS = "set-up and proof"


class MemorySampler:
    """`run` samples, beside what is measured. `names` gives the parts by their process ids."""

    def __init__(self, names: Callable[[], Mapping[int, str]]) -> None:
        self._names = names
        self._began = time.monotonic()
        self._samples: list[tuple[float, dict[str, int]]] = []

    def run(self, stop: threading.Event) -> None:
        while not stop.wait(EVERY_SECONDS):
            self._samples.append((time.monotonic() - self._began, self._sample()))

    def measured(self) -> Memory:
        """All samples until now."""
        samples = list(self._samples)
        parts = sorted({name for _, sample in samples for name in sample})
        return Memory(
            np.array([second for second, _ in samples]),
            {name: np.array([sample.get(name, 0) for _, sample in samples], dtype=np.int64) for name in parts},
        )

    def _sample(self) -> dict[str, int]:
        this = psutil.Process()
        names = self._names()
        used = {"this program": this.memory_info().rss}
        for each in this.children(recursive=True):
            # A process may end between being listed and being asked.
            with suppress(psutil.NoSuchProcess, ProcessLookupError):
                # Every part leads a session of its own.
                name = names.get(os.getsid(each.pid), OTHERS)
                used[name] = used.get(name, 0) + each.memory_info().rss
        return used
