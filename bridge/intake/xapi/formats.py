"""The forms of single values in a statement. Each check raises `StatementFault` or returns."""

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from bridge.intake.xapi.model import StatementFault

_MAX_TEXT = 100_000
_MAX_IRI = 4_000
_SHORT = 200
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# A scheme is asked for; beyond it only what no IRI holds is refused (RFC 3987 §2.2, read loosely).
_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x1f\x7f]+")
_MBOX = re.compile(r"mailto:[^@\s<>\"]+@[^@\s<>\"]+")
_SHA1 = re.compile(r"[0-9a-fA-F]{40}")
_SHA2 = re.compile(r"[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128}")
_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+\s*(?:;.*)?", re.DOTALL)
_LANGUAGE = re.compile(
    r"(?:[A-Za-z]{2,3}(?:-[A-Za-z]{3}){0,3}|[A-Za-z]{4,8})"
    r"(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|[0-9]{3}))?"
    r"(?:-(?:[A-Za-z0-9]{5,8}|[0-9][A-Za-z0-9]{3}))*"
    r"(?:-[0-9A-WY-Za-wy-z](?:-[A-Za-z0-9]{2,8})+)*(?:-[xX](?:-[A-Za-z0-9]{1,8})+)?"
    r"|[xXiI](?:-[A-Za-z0-9]{1,8})+"
)
_N = r"[0-9]+(?:[.,][0-9]+)?"
_DURATION = re.compile(
    rf"P(?:{_N}W|(?=[0-9T])(?:{_N}Y)?(?:{_N}M)?(?:{_N}D)?(?:T(?=[0-9])(?:{_N}H)?(?:{_N}M)?(?:{_N}S)?)?)"
)
_FRACTION_INSIDE = re.compile(r"[.,][0-9]+[A-Z]T?[0-9]")
_TIMESTAMP = re.compile(
    r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})[Tt ]([0-9]{2}):?([0-9]{2})(?::?([0-9]{2})(?:[.,]([0-9]+))?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?"
)
_USUAL = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9](?:\.[0-9]{3}(?:[0-9]{3})?)?Z")
"""An instant as nearly every sender writes it, which the library reads in one step."""
_VERSION = re.compile(r"[12]\.0(?:\.[0-9]{1,4})?")


def text(value: Any) -> None:
    """Return if `value` is any text."""
    if type(value) is not str:
        raise _wrong_type(value, "string_expected")
    # No database takes NUL, and half a surrogate is no character.
    if len(value) > _MAX_TEXT or "\x00" in value or (not value.isascii() and not _encodable(value)):
        raise StatementFault("string_malformed")


def filled_text(value: Any) -> None:
    """Return if `value` is a text of one character or more."""
    text(value)
    if not value:
        raise StatementFault("string_expected")


def boolean(value: Any) -> None:
    """Return if `value` is true or false."""
    if type(value) is not bool:
        raise _wrong_type(value, "boolean_expected")


def number(value: Any) -> None:
    """Return if `value` is a number."""
    if type(value) is not int and type(value) is not float:
        raise _wrong_type(value, "number_expected")


def count(value: Any) -> None:
    """Return if `value` is a whole number from 0 on."""
    if type(value) is not int or value < 0:
        raise _wrong_type(value, "integer_expected")


def scaled(value: Any) -> None:
    """Return if `value` is a number from -1 to 1."""
    number(value)
    if not -1 <= value <= 1:
        raise StatementFault("score_range")


def uuid(value: Any) -> None:
    """Return if `value` is a UUID."""
    _matched(value, _UUID, "uuid_malformed")


def iri(value: Any) -> None:
    """Return if `value` is an IRI with a scheme."""
    if type(value) is not str or not (_is_iri_seen(value) if len(value) <= _SHORT else _is_iri(value)):
        raise _wrong_type(value, "iri_malformed")


def mbox(value: Any) -> None:
    """Return if `value` is a mailto IRI."""
    _matched(value, _MBOX, "mbox_malformed")


def sha1(value: Any) -> None:
    """Return if `value` is a SHA-1 in hex."""
    _matched(value, _SHA1, "sha1_malformed")


def sha2(value: Any) -> None:
    """Return if `value` is a SHA-2 in hex."""
    _matched(value, _SHA2, "sha2_malformed")


def media_type(value: Any) -> None:
    """Return if `value` is an Internet media type."""
    _matched(value, _MEDIA_TYPE, "media_type_malformed")


def language(value: Any) -> None:
    """Return if `value` is a language tag (RFC 5646)."""
    _matched(value, _LANGUAGE, "language_malformed")


def version(value: Any) -> None:
    """Return if `value` is a version of xAPI."""
    _matched(value, _VERSION, "version_malformed")


def duration(value: Any) -> None:
    """Return if `value` is a duration (ISO 8601:2004(E) §4.4.3.2); only its last part may have a fraction."""
    _matched(value, _DURATION, "duration_malformed")
    if _FRACTION_INSIDE.search(value):
        raise StatementFault("duration_malformed")


def timestamp(value: Any) -> None:
    """Return if `value` is an instant, as `instant` reads it."""
    if type(value) is not str:
        raise _wrong_type(value, "timestamp_malformed")
    instant(value)


def instant(value: str) -> datetime:
    """Return the UTC instant that `value` names; without an offset it is read as UTC.

    Raises:
        StatementFault: timestamp_malformed; so is an offset of -00:00, which says that none is known.

    Source: ISO 8601 (1.0.3 Part Two §4.5), RFC 3339 (2.0).
    """
    if _USUAL.fullmatch(value) is not None:
        try:
            return datetime.fromisoformat(value)
        except ValueError as error:
            raise StatementFault("timestamp_malformed") from error
    found = _TIMESTAMP.fullmatch(value)
    if found is None:
        raise StatementFault("timestamp_malformed")
    year, month, day, hour, minute, second, fraction, offset = found.groups()
    zone = UTC
    if offset not in (None, "Z", "z"):
        digits = offset[1:].replace(":", "")
        shift = timedelta(hours=int(digits[:2]), minutes=int(digits[2:] or 0))
        if (offset[0] == "-" and not shift) or shift >= timedelta(hours=24):
            raise StatementFault("timestamp_malformed")
        zone = timezone(-shift if offset[0] == "-" else shift)
    micros = int(((fraction or "") + "000000")[:6])
    # A leap second is told as the second before it.
    seconds = min(int(second or 0), 59) if second != "60" else 59
    if second is not None and int(second) > 60:
        raise StatementFault("timestamp_malformed")
    try:
        return datetime(
            int(year), int(month), int(day), int(hour), int(minute), seconds, micros, tzinfo=zone
        ).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise StatementFault("timestamp_malformed") from error


def _is_iri(value: str) -> bool:
    return (
        _IRI.fullmatch(value) is not None
        and len(value) <= _MAX_IRI
        and (value.isascii() or _encodable(value))
    )


_is_iri_seen = lru_cache(maxsize=4096)(_is_iri)
"""For short ones: verbs, activities and the names of extensions come again in each statement."""


def is_uuid(value: str) -> bool:
    """Return whether `value` is a UUID."""
    return _UUID.fullmatch(value) is not None


def _matched(value: Any, pattern: re.Pattern[str], reason: str) -> None:
    if type(value) is not str or pattern.fullmatch(value) is None:
        raise _wrong_type(value, reason)


def _wrong_type(value: Any, reason: str) -> StatementFault:
    return StatementFault("null_forbidden" if value is None else reason)


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
