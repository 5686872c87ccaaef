"""What cmi5 needs from outside."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, Protocol

from bridge.kernel.ids import LearnerRef

Blind = Callable[[LearnerRef, str], str]
"""(learner, publisher's id of the course) → a name that says nothing, and is another in each course."""
Say = Callable[[Sequence[dict[str, Any]]], None]
"""Keeps statements, all or none."""


class AuStatements(Protocol):
    """Keeps what an AU says."""

    def known(self, ids: Sequence[str]) -> Collection[str]:
        """Return those of `ids` that are kept already."""
        ...

    def receive(self, batch: Any) -> object:
        """Keep a `Batch`, all or none."""
        ...
