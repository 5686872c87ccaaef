"""Why a mutant may live: reasons that a person gave, for single changes and for kinds of them."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bridge.setup.mutation.mutants import Mutant


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A change, or a kind of change, that no test can notice or need notice.

    Args:
        where: matches the whole of "lti/state.py StateSeal.open"; a regular expression, as are `was` and `now`.
        was, now: match the whole of the lines that changed, joined by newlines.
        why: in a few words.
    """

    where: str
    was: str
    now: str
    why: str

    def covers(self, mutant: Mutant) -> bool:
        """Return whether `mutant` is this change, or one of this kind."""
        told = (
            (self.where, f"{mutant.file} {mutant.function}"),
            (self.was, mutant.was),
            (self.now, mutant.now),
        )
        return all(re.fullmatch(pattern, text, re.DOTALL) for pattern, text in told)


def read_equivalents(path: Path) -> tuple[Equivalent, ...]:
    """Return the entries of `path`, in its order."""
    with path.open("rb") as file:
        return tuple(Equivalent(**entry) for entry in tomllib.load(file)["equivalent"])


def why_it_lives(mutant: Mutant, equivalents: Sequence[Equivalent]) -> str | None:
    """Return the first reason that covers `mutant`; None if nobody gave one."""
    return next((each.why for each in equivalents if each.covers(mutant)), None)
