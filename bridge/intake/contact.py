"""Contact data that must not be kept (article 27): found by field name and by pattern, free text included."""

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "[已去除联系方式]"

_FIELD = re.compile(
    r"(e[-_]?mail|mbox|phone|mobile|telephone|(^|_)tel($|_)|wechat|weixin|(^|_)wx|unionid|openid|(^|_)qq($|_)"
    r"|address|msisdn|whatsapp|手机|电话|微信|邮箱|住址|地址|联系)",
    re.IGNORECASE,
)
_SECRET_FIELD = re.compile(
    r"(password|passwd|secret|authorization|api[-_]?key|access[-_]?token)", re.IGNORECASE
)

# A citizen id also holds eleven digits in a row; the look-arounds keep its digits whole.
_PATTERNS = (
    re.compile(r"(?:mailto:)?[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"),
    re.compile(r"(?<!\d)(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?!\d)"),
    re.compile(r"(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"),
    re.compile(r"(?:微信|微信号|weixin|wechat|wx|vx)[号是::\s]*[A-Za-z][-_A-Za-z0-9]{5,19}", re.IGNORECASE),
    re.compile(r"(?:QQ|扣扣)[号是::\s]*[1-9]\d{4,11}", re.IGNORECASE),
)


def without_contact_text(text: str) -> str:
    """Return `text` with e-mail addresses, telephone numbers, WeChat and QQ accounts replaced."""
    for pattern in _PATTERNS:
        text = pattern.sub(REMOVED, text)
    return text


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
            if not (_FIELD.search(key) or _SECRET_FIELD.search(key))
        }
    if isinstance(value, list | tuple):
        return [without_contact_data(item) for item in value]
    return value
