"""Contact data that must not be kept (article 27): found by field name and by pattern, free text included."""

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "[已去除联系方式]"

_FIELD = re.compile(
    # The short ones also end an extension's IRI: https://x.example/qq.
    r"(e[-_]?mail|mbox|phone|mobile|telephone|(?<![a-z])tel(?![a-z])|wechat|weixin|(?<![a-z])wx|unionid|openid"
    r"|(?<![a-z])qq(?![a-z])"
    r"|address|msisdn|whatsapp|手机|电话|微信|邮箱|住址|地址|联系)",
    re.IGNORECASE,
)
_SECRET_FIELD = re.compile(
    r"(passw|passphrase|secret|authorization|api[-_]?key|private[-_]?key|token|cookie|sesskey|credential|密码|口令)",
    re.IGNORECASE,
)

# Full-width letters and digits are what Chinese keyboards make; one character each, so places stay the same.
_HALF_WIDTH = {0xFEE0 + code: code for code in range(0x21, 0x7F)} | {0x3000: 0x20}

# The look-behinds do two things: a citizen id also holds eleven digits in a row, and its digits stay whole;
# and no run of letters is tried again from each of its letters.
_PATTERNS = (
    re.compile(r"(?:mailto:)?(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    re.compile(r"(?<!\d)(?:(?:\+|00)?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"),
    re.compile(r"(?<!\d)\(?(?:010|02\d|0[3-9]\d\d)\)?[- ]?\d{7,8}(?!\d)"),
    re.compile(
        r"(?:微信|(?<![A-Za-z0-9_])(?:weixin|wechat|wx|vx))(?:号|是|[:\s])*"
        r"(?:[A-Za-z][-_A-Za-z0-9]{5,19}|[1-9]\d{4,11}(?!\d))",
        re.IGNORECASE,
    ),
    re.compile(r"(?:扣扣|(?<![A-Za-z0-9_])QQ)(?:号|是|[:\s])*[1-9]\d{4,11}(?!\d)", re.IGNORECASE),
)

_OUR_ID = re.compile(r"(?<![A-Za-z0-9_])[a-z]{1,8}_[0-9a-hjkmnp-tv-z]{26}(?![A-Za-z0-9_])")
"""An id of `kernel.ids`, which by chance holds a telephone number, "wx" or "qq": one in some hundred thousand does."""


def without_contact_text(text: str) -> str:
    """Return `text` with e-mail addresses, telephone numbers, WeChat and QQ accounts replaced."""
    plain = text.translate(_HALF_WIDTH)
    places = _places(plain)
    if places and _OUR_ID.search(plain):
        places = _places(_OUR_ID.sub(lambda found: "·" * len(found[0]), plain))
    if not places:
        return text
    parts, at = [], 0
    for start, end in places:
        if start >= at:
            parts += [text[at:start], REMOVED]
        at = max(at, end)
    return "".join([*parts, text[at:]])


def _places(text: str) -> list[tuple[int, int]]:
    return sorted(found.span() for pattern in _PATTERNS for found in pattern.finditer(text))


def names_contact_or_secret(name: str) -> bool:
    """Return whether a field of this name holds contact data or a secret, whatever its value."""
    return _FIELD.search(name) is not None or _SECRET_FIELD.search(name) is not None


def without_contact_data(value: Any) -> Any:
    """Return a JSON value without contact fields and secrets, and with its free text cleaned.

    A field whose name speaks of contact or of a secret vanishes with all below it.
    """
    if isinstance(value, str):
        return without_contact_text(value)
    if isinstance(value, Mapping):
        return {
            key: without_contact_data(item)
            for key, item in value.items()
            if not (names_contact_or_secret(key) or without_contact_text(key) != key)
        }
    if isinstance(value, list | tuple):
        return [without_contact_data(item) for item in value]
    return value
