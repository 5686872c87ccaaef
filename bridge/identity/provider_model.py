"""What a real-name provider is asked and answers, and what each answer means for the learner. Pure."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """How one question to a provider ended. Only `MISMATCH` says anything against the learner."""

    MATCH = "match"
    MISMATCH = "mismatch"
    NO_RECORD = "no_record"
    """The source does not know the number, or has no photograph to it: moved household, foreign document."""
    UNCLEAR = "unclear"
    """The source answered, and the question stays open: an unusable photograph, a document it does not cover."""
    TIMEOUT = "timeout"
    OUTAGE = "outage"
    """Nobody answers, or answers that it is being repaired, or answers what is no answer."""
    QUOTA = "quota"
    """Too many questions, or nobody has paid."""
    REFUSED = "refused"
    """Our fault: a wrong key, signature or address, a service that is not switched on."""


PASSING = frozenset({Outcome.TIMEOUT, Outcome.OUTAGE, Outcome.QUOTA, Outcome.REFUSED})
"""Nothing was decided; the same question is asked again."""
FOR_OPERATOR = frozenset({Outcome.QUOTA, Outcome.REFUSED})
"""Asking again alone cannot help: somebody must act."""
OPERATOR_PAUSE = timedelta(minutes=10)
"""Practice: how long to leave a provider alone that asks for money or for another key."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a provider is asked.

    Args:
        name: normalised; citizen_id: checked (`citizen_id.check_citizen_id`).
        photo: the enrolment list's ID photo, JPEG or PNG; only for a provider that needs one.
        question: our number of the question, new for each; says nothing of the person.
    """

    name: str = field(repr=False)
    citizen_id: str = field(repr=False)
    photo: bytes | None = field(default=None, repr=False)
    question: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """How the question ended.

    Args:
        detail: the provider's own code, or one of ours ("photo_below_threshold"); never a text of theirs.
        score: how alike photo and record are, 0 to 100 on the provider's own scale, where it says so.
    """

    outcome: Outcome
    detail: str = ""
    score: float | None = None


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """What is known of a provider without asking it.

    Args:
        code: as settings name it; title_zh: as learners read it.
        remote: whether it is asked over a network, by a job and never inside a unit of work.
        needs_photo: whether it compares faces.
        threshold: the score from which it is a match, on its own scale; None for one without scores.
        host: to which name, number and photo go; missing: settings that it lacks.
    """

    code: str
    title_zh: str
    remote: bool
    needs_photo: bool = False
    threshold: int | None = None
    host: str = ""
    missing: tuple[str, ...] = ()


class CheckState(StrEnum):
    """Where the question of one account's real name stands."""

    PENDING = "pending"
    STAFF = "staff"
    """A member of staff compares the card with the person."""
    MATCHED = "matched"
    MISMATCHED = "mismatched"


class Standing(StrEnum):
    """What the desk says to who asks for a name right now."""

    MATCH = "match"
    MISMATCH = "mismatch"
    NO_RECORD = "no_record"
    PENDING = "pending"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Grace:
    """How long a question may stay open before staff are asked instead, by what keeps it open."""

    timeout: timedelta
    outage: timedelta
    quota: timedelta
    refused: timedelta

    def of(self, outcome: Outcome) -> timedelta:
        """Return the grace after `outcome`, which is one of `PASSING`."""
        return {
            Outcome.TIMEOUT: self.timeout,
            Outcome.OUTAGE: self.outage,
            Outcome.QUOTA: self.quota,
            Outcome.REFUSED: self.refused,
        }[outcome]


def state_after(outcome: Outcome, waited: timedelta, grace: Grace) -> CheckState:
    """Return where a question stands after `outcome`, `waited` after it was first asked."""
    match outcome:
        case Outcome.MATCH:
            return CheckState.MATCHED
        case Outcome.MISMATCH:
            return CheckState.MISMATCHED
        case Outcome.NO_RECORD | Outcome.UNCLEAR:
            return CheckState.STAFF
        case _:
            return CheckState.STAFF if waited >= grace.of(outcome) else CheckState.PENDING
