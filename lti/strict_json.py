"""JSON as signed documents may hold it: no key twice, no NaN, no half characters."""

import json
from typing import Any


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant, strict=True)


def _refuse_unstorable(value: Any) -> None:
    if isinstance(value, str):
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
        if "\x00" in value:
            raise ValueError("NUL in a string")
    elif isinstance(value, dict):
        for key, member in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(member)
    elif isinstance(value, list):
        for member in value:
            _refuse_unstorable(member)


def parse_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw` (UTF-8); ValueError for anything else or ambiguous (RFC 8259 §4)."""
    text = raw.decode("utf-8")
    try:
        value = _DECODER.decode(text)
        if "\\u" in text:  # only an escape can smuggle in what UTF-8 cannot hold
            _refuse_unstorable(value)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return value
