"""The regulator's books of one day, as JSON: read here, written by the simulator. Our proposal (practice)."""

import json
import re
from typing import Any, Final

from bridge.kernel.errors import InvalidInput
from bridge.reporting.model import BookEntry, Books, RecordKind

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,119}")
_CODE: Final = re.compile(r"[a-z0-9_]{1,64}")
_LONGEST_REASON: Final = 300


def read_books(raw: bytes) -> Books:
    """Return the books; InvalidInput("books_malformed") for anything else."""
    try:
        said = json.loads(raw)
        return Books(_whole(said["count"]), _hash(said["sha256"]), tuple(map(_entry, said["records"])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput("books_malformed", "监管平台的对账数据无法识别,稍后自动重试。") from error


def _entry(said: Any) -> BookEntry:
    number = said["number"]
    if _NUMBER.fullmatch(number) is None:
        raise ValueError("number")
    code, reason = said.get("reason_code"), said.get("reason")
    if code is not None and _CODE.fullmatch(code) is None:
        raise ValueError("reason_code")
    return BookEntry(
        RecordKind(said["kind"]),
        number,
        _whole(said["revision"]),
        _hash(said["sha256"]),
        {"accepted": False, "returned": True}[said["state"]],
        code,
        None if reason is None else str(reason)[:_LONGEST_REASON],
    )


def _whole(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 10**9:
        raise ValueError("number expected")
    return value


def _hash(value: Any) -> str:
    if _HASH.fullmatch(value) is None:
        raise ValueError("hash expected")
    return str(value)
