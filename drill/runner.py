"""Runs faults: those side by side that share no part and hold nothing of each other back, in the order of the table.

Side by side saves an hour, and on a busy machine one may disturb another: what looks wrong then is drilled once more,
beside few.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from confluent_kafka import KafkaException
from deltalake.exceptions import DeltaError
from rich.markup import escape

from contracts.errors import TillstreamError
from drill.inhibition import may_hold_back
from drill.model import Fault
from drill.pace import short
from drill.scene import Scene
from drill.story import Story, Stranger, strangers
from drill.waiting import POLL_SECONDS
from local.beside import said

SIDE_BY_SIDE = 8
# Fires as long as somebody looks.
ALWAYS = ("Watchdog",)
# As long as CloudWatch's alarm waits (terraform/modules/paging), on this clock.
SILENCE_SECONDS, LAST_WORD_SECONDS = short(300), 5
# What a fault may fail of: the others are drilled all the same.
FAILURES = (TillstreamError, KafkaException, DeltaError, BotoCoreError, ClientError, httpx.HTTPError, OSError)
# The longest `for` is five minutes of this clock, and the longest pause of a route more than one; and a single scrape
# that is not answered in time has the five minutes begin anew.
PATIENCE_SECONDS = 900.0


@dataclass(frozen=True)
class Outcome:
    """The stories of the faults, in the order of the table, and what was told that none of them explains. `excused` is
    what was wrong beside others, of faults that were drilled once more.
    """

    stories: Sequence[Story]
    strangers: Sequence[Stranger]
    excused: Sequence[str] = ()

    @property
    def doubtful(self) -> list[Fault]:
        """The faults that went wrong, or in whose moment something was told that none of them explains."""
        present = [story for stranger in self.strangers for story in stranger.present]
        return [story.fault for story in self.stories if story.problems or story in present]

    def amended(self, again: "Outcome") -> "Outcome":
        """With what was seen of the doubtful ones when they were drilled once more."""
        anew = {story.fault.told: story for story in again.stories}
        causeless = [each for each in self.strangers if not each.present]
        stay = Outcome([], causeless).problems
        return Outcome(
            [anew.get(story.fault.told, story) for story in self.stories],
            [*causeless, *again.strangers],
            excused=[problem for problem in self.problems if problem not in stay],
        )

    @property
    def problems(self) -> list[str]:
        own = [f"{story.fault.told}: {problem}" for story in self.stories for problem in story.problems]
        return own + [str(each) for each in self.strangers]


def clash(fault: Fault, story: Story, inhibitions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a fault may not begin beside a story that has not ended."""
    other = story.fault
    if fault.falls_silent or other.falls_silent:
        return True
    if not story.repaired and (fault.spoils(other) or other.spoils(fault)):
        return True
    # That it is mended is told by what was sound all the time.
    if fault.breaks & (other.needs - other.breaks):
        return True
    pairs = [pair for one in fault.alerts for two in other.alerts for pair in ((one, two), (two, one))]
    return any(may_hold_back(inhibitions, *pair) for pair in pairs)


class Runner:
    """Drills faults on a scene that is quiet."""

    def __init__(
        self,
        scene: Scene,
        severities: Mapping[str, str],
        inhibitions: Sequence[Mapping[str, Any]],
    ) -> None:
        """`severities`: by alert. `inhibitions`: the rules of the AlertmanagerConfig."""
        self._scene = scene
        self._witness = scene.witness
        self._severities = severities
        self._inhibitions = inhibitions
        self._began = time.time()

    def run(self, faults: Sequence[Fault], side_by_side: int = SIDE_BY_SIDE) -> Outcome:
        """Drill all of them. What fails is mended, too, and says what is wrong in its story."""
        began = time.time()
        waiting, stories = list(faults), []
        active: dict[Future[None], Story] = {}
        with ThreadPoolExecutor(side_by_side, "drill") as pool:
            try:
                while waiting or active:
                    self._scene.patience.pause(0)
                    if len(active) < side_by_side and (fault := self._next(waiting, active.values())):
                        story = Story.of(fault, self._severities)
                        active[pool.submit(self._drill, story)] = story
                        waiting.remove(fault)
                        stories.append(story)
                        continue
                    ended, _ = wait(active, POLL_SECONDS, FIRST_COMPLETED)
                    for future in ended:
                        del active[future]
                        future.result()
            except BaseException as error:
                self._scene.patience.call_off(said(error))
                raise
        found = strangers(stories, self._witness.told(began), ALWAYS)
        return Outcome(sorted(stories, key=lambda each: faults.index(each.fault)), found)

    def _next(self, waiting: Iterable[Fault], active: Collection[Story]) -> Fault | None:
        """The first fault that may begin now."""
        return next(
            (fault for fault in waiting if not any(clash(fault, story, self._inhibitions) for story in active)), None
        )

    def _drill(self, story: Story) -> None:
        fault = story.fault
        try:
            with self._scene.steps.step(f"{', '.join(map(str, fault.alerts))}: {fault.told}"):
                if fault.falls_silent:
                    self._miss(story)
                else:
                    self._set_off(story)
        except FAILURES as error:
            story.problems.append(said(error))
            # Whatever becomes of the drill, this much is known.
            self._scene.steps.say(escape(f"{fault.told}: {said(error)}"))
        finally:
            story.repaired = story.repaired or time.time()
            story.ended = time.time()
            story.problems += story.wrong_receivers()

    def _set_off(self, story: Story) -> None:
        def lingering() -> list[str]:
            return story.lingers(self._witness.look(self._began))

        self._scene.patience.await_(
            lambda: not lingering(), PATIENCE_SECONDS, lambda: f"an earlier {', '.join(lingering())} resolves"
        )
        story.began = time.time()
        with story.fault.inject(self._scene):
            story.broken = time.time()
            self._await(story, lambda: story.is_told)
        story.repaired = time.time()
        self._await(story, lambda: story.is_over)

    def _miss(self, story: Story) -> None:
        """Hear the alert, hear nothing of it for as long as the alarm on its silence waits, and hear it again."""
        story.broken = story.began
        self._await(story, lambda: story.is_told)
        with story.fault.inject(self._scene):
            # What was said last may be being written.
            self._scene.patience.pause(LAST_WORD_SECONDS)
            silent_since = time.time()
            self._scene.patience.pause(SILENCE_SECONDS)
            if self._witness.told(silent_since):
                story.problems.append("somebody was told all the same")
        story.repaired = time.time()
        self._await(story, lambda: story.is_over)

    def _await(self, story: Story, condition: Callable[[], bool]) -> None:
        def seen() -> bool:
            story.note(self._witness.look(story.began))
            return condition()

        self._scene.patience.await_(seen, PATIENCE_SECONDS, story.missing)
