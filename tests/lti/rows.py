"""What a row of the security case list is: an id of the list, how it is played, and the one right answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.lti.doors import Door

LEARNER_IN = "accepted learner"
TEACHER_IN = "accepted teacher"


@dataclass(frozen=True)
class Row:
    id: str
    expected: str
    play: Callable[[Door], str]


def claims_row(id: str, expected: str, **changes: Any) -> Row:
    """A launch that is right but for these claims (None: left out); `iat`/`exp` as seconds from now."""

    def play(door: Door) -> str:
        going, lms = door.login(), door.world.lms
        now = lms.clock.seconds()
        moved = {
            name: value + now
            if name in ("iat", "exp", "nbf") and type(value) is int and abs(value) < 10**8
            else value
            for name, value in changes.items()
        }
        return door.launch(going.state, lms.token(going.nonce, **moved))

    return Row(id, expected, play)
