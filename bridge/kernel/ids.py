"""Identifiers: opaque, time-ordered, with a prefix that says what they name."""

import secrets
import threading
import time
from typing import NewType

InstitutionId = NewType("InstitutionId", str)
LearnerRef = NewType("LearnerRef", str)
"""A learner's random id, given by identity. It says nothing about the person."""
RegistrationId = NewType("RegistrationId", str)
"""One LTI platform registered by one institution."""
OutlineId = NewType("OutlineId", str)
CourseId = NewType("CourseId", str)
CourseUnitId = NewType("CourseUnitId", str)
ClassRunId = NewType("ClassRunId", str)
EnrolmentId = NewType("EnrolmentId", str)
StudySessionId = NewType("StudySessionId", str)
CheckId = NewType("CheckId", str)
EvidenceId = NewType("EvidenceId", str)
MessageId = NewType("MessageId", str)
"""One inbound message in the inbox."""
EventId = NewType("EventId", str)
JobId = NewType("JobId", str)

# Crockford's alphabet: no I, L, O, U, so that an id can be read over the telephone.
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_RANDOM_BITS = 80


class _Milliseconds:
    """The machine's milliseconds since the Unix epoch, never going back; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def now(self) -> int:
        with self._lock:
            self._last = max(self._last, time.time_ns() // 1_000_000)
            return self._last


_milliseconds = _Milliseconds()


def new_id(prefix: str) -> str:
    """Return `prefix` + "_" + 26 characters: 50 bits of milliseconds, 80 bits of chance.

    Ids made by one process sort in the order of their making, to the millisecond, so that
    a B-tree index is appended to rather than scattered.
    """
    number = (_milliseconds.now() << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    return f"{prefix}_{_digits(number)}"


def random_ref(prefix: str) -> str:
    """Return `prefix` + "_" + 26 characters of chance alone (130 bits).

    For ids whose moment of making would itself say something about a person.
    """
    return f"{prefix}_{_digits(secrets.randbits(130))}"


def _digits(number: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
