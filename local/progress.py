"""What a run is doing, for whoever waits: live lines on a terminal, one line an event in a log."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, Task, TextColumn
from rich.text import Text

# Where there are no live lines, so often a count is printed.
LOG_EVERY_SECONDS = 5.0


@dataclass(frozen=True)
class Step:
    """A part of the run, in seconds since its beginning."""

    name: str
    begin: float
    end: float


class Steps:
    """Named steps, several at a time, each with its seconds; and bars for what can be counted. Safe between threads."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            _CountedBar(bar_width=24),
            _Counted(),
            _Seconds(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self.finished: list[Step] = []

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """A line of its own, above what is under way."""
        self._console.print(text, highlight=False)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Show a step while it lasts, and keep it in `finished`."""
        with self.counted(name):
            yield

    @contextmanager
    def counted(self, name: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A step of which some part is done: yields the function that takes how much."""
        began = time.monotonic()
        task = self._live.add_task(escape(name), total=total, counted=total is not None)
        reported, last = began, 0
        if not self._console.is_terminal:
            self.say(f"  {escape(name)} …")

        def update(done: int) -> None:
            nonlocal reported, last
            self._live.update(task, completed=done)
            if not self._console.is_terminal and done != last and time.monotonic() - reported > LOG_EVERY_SECONDS:
                reported, last = time.monotonic(), done
                self.say(f"  {escape(name)} … {done:,} of {total or 0:,}")

        try:
            yield update
        except BaseException:
            self.say(f"[red]✗[/] {escape(name)} [dim]failed after {time.monotonic() - began:.1f} s[/]")
            raise
        else:
            with self._lock:
                self.finished.append(Step(name, began - self._began, time.monotonic() - self._began))
            self.say(f"[green]✓[/] {escape(name)} [dim]{time.monotonic() - began:.1f} s[/]")
        finally:
            self._live.remove_task(task)


class _CountedBar(BarColumn):
    def render(self, task: Task) -> Text | object:  # type: ignore[override] # nothing, where there is nothing to count
        return super().render(task) if task.fields["counted"] else Text()


class _Counted(MofNCompleteColumn):
    def render(self, task: Task) -> Text:
        return super().render(task) if task.fields["counted"] else Text()


class _Seconds(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.elapsed or 0:.0f} s", style="dim")
