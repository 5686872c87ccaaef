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
_STEP_BITS = 64
_DIGITS = 26


class _Rising:
    """Numbers that begin with the machine's milliseconds and only rise; safe from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            number = (time.time_ns() // 1_000_000 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
            if number <= self._last:
                # The same millisecond, or a clock that went back: a step of chance beyond the last number.
                number = self._last + 1 + secrets.randbits(_STEP_BITS)
            self._last = number
            return number


_rising = _Rising()


def new_id(prefix: str) -> str:
    """Return `prefix` + "_" + 26 characters: 50 bits of milliseconds, 80 bits of chance.

    Ids made by one process sort in the order of their making, so that rows of one instant keep their
    order and a B-tree index is appended to rather than scattered. What comes next cannot be guessed:
    within a millisecond an id lies a random step of 64 bits beyond the last.
    """
    return f"{prefix}_{_digits(_rising.next())}"


def random_ref(prefix: str) -> str:
    """Return `prefix` + "_" + 26 characters of chance alone (130 bits).

    For ids whose moment of making would itself say something about a person.
    """
    return f"{prefix}_{_digits(secrets.randbits(130))}"


def first_id(prefix: str, milliseconds: int) -> str:
    """Return what sorts before every id of `new_id(prefix)` made at or after `milliseconds` of the Unix epoch."""
    return f"{prefix}_{_digits(milliseconds << _RANDOM_BITS)}"


def made_ms(id: str) -> int:
    """Return the millisecond of the Unix epoch in which `new_id` made an id; ValueError for what it never made."""
    digits = id.rpartition("_")[2]
    if len(digits) != _DIGITS or digits.strip(_ALPHABET):
        raise ValueError("not an id that names its moment")
    number = 0
    for digit in digits:
        number = number << 5 | _ALPHABET.index(digit)
    return number >> _RANDOM_BITS


def _digits(number: int) -> str:
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))
