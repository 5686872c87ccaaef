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

_lock = threading.Lock()
_last_millis = 0


def new_id(prefix: str) -> str:
    """Return `prefix` + "_" + 26 characters: 50 bits of milliseconds, 80 bits of chance.

    Ids made by one process sort in the order of their making, to the millisecond, so that
    a B-tree index is appended to rather than scattered.
    """
    global _last_millis
    with _lock:
        _last_millis = max(_last_millis, time.time_ns() // 1_000_000)
        number = (_last_millis << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    digits = [_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5)]
    return f"{prefix}_{''.join(digits)}"


def random_ref(prefix: str) -> str:
    """Return `prefix` + "_" + 26 characters of chance alone (130 bits).

    For ids whose moment of making would itself say something about a person.
    """
    number = secrets.randbits(130)
    return f"{prefix}_{''.join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))}"
