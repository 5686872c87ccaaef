"""The interop log: with ANXUE_INTEROP_LOG=PATH each case appends one line of what was sent and what was answered."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tests.interop.xblock_platform.course import PEOPLE, Person


class PersonalDataError(AssertionError):
    """A case tried to write a name, an address or an identifier of a person into the log."""


@dataclass
class Facts:
    """What one case has to tell; `peer` is the other implementation with its versions."""

    case: str
    peer: str
    sent: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)

    def told(self, sent: str, answered: str) -> None:
        """Note one exchange."""
        self.sent.append(sent)
        self.answered.append(answered)

    def line(self, at: datetime, outcome: str, people: Sequence[Person] = PEOPLE) -> str:
        """Return the case as one line; PersonalDataError if it names anybody."""
        exchanges = "; ".join(f"{s} → {a}" for s, a in zip(self.sent, self.answered, strict=True))
        moment = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        line = " ".join(f"{moment} {outcome} [{self.peer}] {self.case}: {exchanges}".split())
        for person in people:
            for word in (person.username, person.full_name, person.external_id, person.email):
                if word in line:
                    raise PersonalDataError(f"the case {self.case} would write personal data into the log")
        return line


def write(facts: Facts, outcome: str) -> None:
    """Append the line to the file that ANXUE_INTEROP_LOG names; without it, only check that it could be."""
    line = facts.line(datetime.now(UTC), outcome)
    path = os.environ.get("ANXUE_INTEROP_LOG")
    if path:
        with Path(path).open("a", encoding="utf-8") as log:
            log.write(line + "\n")
