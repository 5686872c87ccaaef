"""What a cheat is: what it changes in a client.

A cheat sits in a session that its learner opened in person and has left. It may lie in the beats, answer checks with
something else than the learner, and make calls of its own. Two of them can work together: each changes what the other
has made.
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Sequence

from plugins.simulators.attack.stage import UNIT
from plugins.simulators.attack.visit import Json, Visit

_CHECKS_TRIED = 4
"""A tool that was not believed so often gives the check up; the beats go on."""


class Cheat:
    """Does nothing: beats go on at their pace, and nobody answers a check.

    Attributes:
        id: of the corpus, or a word of ours.
        title_zh: what the tool does.
        defended_by: what must hold against it.
        in_total: whether what it forges counts; False only where the defence that is named does not stand yet.
    """

    id = ""
    title_zh = ""
    defended_by = ""
    in_total = True

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.checks_left = _CHECKS_TRIED

    def try_check(self, visit: Visit) -> bool:
        """Answer the check that waits, if the tool has not given up; return whether anything was tried."""
        if not self.checks_left:
            return False
        self.checks_left -= 1
        return self.answer(visit)

    def step_seconds(self, seconds: float) -> float:
        """Return how long to wait before the next beat."""
        return seconds

    def events(self, visit: Visit, events: list[Json]) -> list[Json]:
        """Return what to report in place of `events`."""
        return events

    def batch(self, visit: Visit, batch: Json) -> Json:
        """Return the batch to send in place of `batch`."""
        return batch

    def call(self, visit: Visit) -> None:
        """Make calls of its own before the beat."""

    def after(self, visit: Visit, sent: Json) -> None:
        """Make calls of its own after the beat `sent`."""

    def answer(self, visit: Visit) -> bool:
        """See `try_check`."""
        return False

    def answer_prompt(self, visit: Visit) -> bool:
        """Answer the question that waits; return whether anything was tried."""
        return False


class Impostor(Cheat, ABC):
    """Answers checks with pictures of what is not the learner, until the check is over."""

    @abstractmethod
    def picture(self, visit: Visit) -> bytes:
        """Return what the camera is made to see."""

    def burst(self, visit: Visit, move: str, frames: int) -> Sequence[bytes]:
        """Return what it is made to see when a movement is asked for."""
        return [self.picture(visit) for _ in range(frames)]

    def answer(self, visit: Visit) -> bool:
        visit.fool(lambda: self.picture(visit), lambda move, frames: self.burst(visit, move, frames))
        return True


class SecondSession(Cheat, ABC):
    """Keeps a second session of the same learner beside the first, opened anew when it is closed."""

    resource_link_id = UNIT

    def __init__(self, dice: random.Random) -> None:
        super().__init__(dice)
        self._second: Visit | None = None

    @abstractmethod
    def media_ms(self, first: Visit, second: Visit) -> int:
        """Return where the second session says that its media stands."""

    def call(self, visit: Visit) -> None:
        if self._second is None or self._second.closed:
            self._second = Visit(visit.stage, visit.person, visit.learner, self.resource_link_id)
        self._second.media_ms = self.media_ms(visit, self._second)
        self._second.beat()
