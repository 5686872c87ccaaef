"""Canonical JSON (RFC 8785) for values without floats, and the hash chain over it.

The bridge's chained records hold strings, integers, booleans, null, lists and objects only. Under that
restriction RFC 8785 is: keys sorted by UTF-16 code units, no white space, the shortest escapes.
A float is refused, since its shortest form is the one part of the RFC that is easy to get wrong.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

GENESIS = "0" * 64
"""The previous hash of the first record of a chain."""

_MAX_SAFE = 2**53 - 1
_encode_string = json.JSONEncoder(ensure_ascii=False).encode
_encode_plain = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_PLAIN = frozenset({int, bool, type(None), str})
_MAYBE_UNSAFE = re.compile(r"[0-9]{16}")


def canonical_json(value: Any) -> bytes:
    """Return `value` as RFC 8785 JSON, UTF-8.

    Raises:
        ValueError: a float, an integer beyond ±(2**53 − 1), or a type that JSON does not have.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()


def _write(value: Any, parts: list[str]) -> None:
    if value is None:
        parts.append("null")
    elif value is True:
        parts.append("true")
    elif value is False:
        parts.append("false")
    elif isinstance(value, str):
        parts.append(_encode_string(str(value)))
    elif isinstance(value, int):
        if not -_MAX_SAFE <= value <= _MAX_SAFE:
            raise ValueError("an integer beyond 2**53 is not interoperable JSON")
        parts.append(str(int(value)))
    elif isinstance(value, Mapping):
        parts.append("{")
        for index, key in enumerate(sorted(value, key=_utf16)):
            if index:
                parts.append(",")
            parts.append(_encode_string(key))
            parts.append(":")
            _write(value[key], parts)
        parts.append("}")
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        if _is_plain(value):
            # A batch holds hundreds of them, and here any JSON encoder writes what RFC 8785 asks for.
            text = _encode_plain(value)
            if _MAYBE_UNSAFE.search(text) is None:
                parts.append(text)
                return
        parts.append("[")
        for index, item in enumerate(value):
            if index:
                parts.append(",")
            _write(item, parts)
        parts.append("]")
    else:
        raise ValueError(f"{type(value).__name__} is not a chained JSON value")


def _is_plain(value: Sequence[Any]) -> bool:
    """Return whether these are texts, integers, booleans and null alone, or lists of such."""
    kinds = set(map(type, value))
    if kinds <= _PLAIN:
        return True
    return kinds <= {list, tuple} and all(_PLAIN.issuperset(map(type, item)) for item in value)


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be")


def sha256_hex(content: bytes) -> str:
    """Return the SHA-256 of `content`, lower-case hex."""
    return hashlib.sha256(content).hexdigest()


def chained_hash(previous: str, record: bytes) -> str:
    """Return the hash of a record that follows one with hash `previous` (hex): SHA-256(previous ‖ record)."""
    return hashlib.sha256(bytes.fromhex(previous) + record).hexdigest()
