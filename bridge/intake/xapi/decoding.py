"""JSON as it comes from outside: each name once, numbers that are numbers, text that is text."""

import json
import math
import re
from typing import Any

import msgspec

from bridge.kernel.errors import InvalidInput

_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def decoded(body: bytes) -> Any:
    """Return `body` as JSON.

    Raises:
        InvalidInput: json_malformed; so is what two readers may read differently (a name twice, NaN, half a surrogate).
    """
    try:
        if b"\\" not in body:
            value = msgspec.json.decode(body)
            if holds_each_name_once(body, value):
                return value
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # the strict reader says what it is
    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        if _HALF_CHARACTER.search(body) is not None:
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInput("json_malformed", "内容不是有效的 JSON") from error
    return value


def holds_each_name_once(text: bytes, value: Any) -> bool:
    """Return whether no object in `text`, JSON without escapes that was read as `value`, has a name twice."""
    # Each string has its own two quotation marks then: those of a name that came twice would be missed in `value`.
    return msgspec.json.encode(value).count(b'"') == text.count(b'"')


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _no_constant(_text: str) -> Any:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("beyond what a number can be")
    return number
