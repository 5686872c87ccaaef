"""What the road needs of whoever walks it: a browser with a camera, or plain HTTP where there is no browser."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up person who plays a part.

    Args:
        user: whom the LMS knows (`sub`).
        name, citizen_id: what they type into the bridge.
    """

    user: str
    name: str
    citizen_id: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What the learner's page shows."""

    credited_seconds: int
    provisional_seconds: int
    refused_seconds: int
    reasons: tuple[str, ...]
    papers: int


class Tab(Protocol):
    """One visitor's window: pages of the LMS and of the bridge, driven by their `data-testid`s."""

    def open(self, url: str) -> None:
        """Go to an address."""
        ...

    def click(self, testid: str) -> None:
        """Click a link or a button that leads to another page, and wait for it."""
        ...

    def fill(self, testid: str, value: str) -> None: ...

    def choose(self, testid: str, value: str) -> None:
        """Tick the box that has this value."""
        ...

    def attach(self, testid: str, path: Path) -> None:
        """Put a file into a file field."""
        ...

    def count(self, testid: str) -> int:
        """Return how many such elements the page has."""
        ...

    def text(self, testid: str) -> str:
        """Return the text of the first such element; LookupError if there is none."""
        ...

    def values(self, testid: str, attribute: str) -> list[str]:
        """Return the attribute of all such elements."""
        ...

    def fetch(self, url: str) -> bytes:
        """Return what an address answers to this visitor, without leaving the page."""
        ...


class Walker(Protocol):
    """Walks; each visitor gets a window of their own."""

    how: str

    def visitor(self) -> AbstractContextManager[Tab]:
        """Open a window that shares nothing with the others."""
        ...

    def capture_face(self, tab: Tab, bridge_url: str) -> list[Mapping[str, Any]]:
        """Register the face from /learner as the challenge asks; return what the bridge told on the way."""
        ...

    def study(self, tab: Tab, unit_url: str, seconds: int) -> tuple[int, int]:
        """Study a unit until that many seconds are credited or await a check, or the unit is over; leave properly.

        Returns how many checks were passed and failed.
        """
        ...

    def take_quiz(self, tab: Tab, quiz_url: str, answers: Sequence[int]) -> tuple[int, int]:
        """Take the quiz with a check at its start and one within; return how many checks passed and failed.

        Afterwards the window shows the result page.
        """
        ...

    def picture(self, tab: Tab, name: str) -> None:
        """Take screenshots at 390 and 1280 px if there is something to see."""
        ...
