"""What the law forbids to keep, dropped at the door: contact data, and citizen ids outside identity's own form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

# Long names count wherever they stand in a key ("useremailaddress"), short ones as a word of their own.
_PARTS = ("email", "phone", "mobile", "address", "wechat", "weixin", "avatar", "picture", "postcode")
_WORDS = frozenset(
    {"mail", "tel", "cell", "fax", "sms", "wxid", "openid", "qq", "photo", "skype", "telegram"}
)
_CHINESE = ("邮箱", "邮件", "手机", "电话", "微信", "地址", "住址", "头像", "照片")
_CITIZEN_ID_PARTS = (
    "citizenid",
    "citizen_id",
    "idcard",
    "id_card",
    "identitycard",
    "sfzh",
    "身份证",
    "公民身份",
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_EMAIL = re.compile(r"[^\s@<>,;:\"']{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_MOBILE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9A-Za-z])")
# Full-width digits count as well: `\d` and `int` know them.
_CITIZEN_ID = re.compile(r"(?<!\d)(\d{6})[- ]?(\d{8})[- ]?(\d{3}[\dXxＸｘ])(?!\d)")
_CITIZEN_ID_CHARACTERS = 18
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_BORN = range(1900, 2100)
_MOBILE_CHARACTERS = 11
_LONG_NUMBER = 10**10  # a mobile number has eleven digits
# Identifiers are compared, not read: changing one would make another person or course of it.
_IDENTIFIERS = frozenset({"iss", "aud", "azp", "nonce", "jti", "kid", "scope", "roles"})
_IDENTIFYING_SUFFIXES = ("/deployment_id", "/roles", "/target_link_uri", "/message_type", "/version")
_IDENTIFIED = ("/context", "/resource_link", "/notice")  # their `id`
_ACCOUNTS = frozenset({"sub", "user_id"})
_URL = ("https://", "http://")


@dataclass(frozen=True, slots=True)
class Stripped:
    """Claims without contact data and citizen ids.

    Args:
        removed: paths (never values) at which contact data was found.
        citizen_ids: paths at which a citizen id was found.

    What is found in `sub` or `user_id` is named in both, yet stays: an account is bound by it.
    """

    claims: dict[str, Any]
    removed: tuple[str, ...]
    citizen_ids: tuple[str, ...]


def _is_citizen_id(found: re.Match[str]) -> bool:
    """Return whether the 18 characters have a birth date and the check character of GB 11643 (MOD 11-2)."""
    number = "".join(found.groups())
    born = found[2]
    try:
        day = date(int(born[:4]), int(born[4:6]), int(born[6:]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    last = "X" if number[17] in "XxＸｘ" else str(int(number[17]))
    return day.year in _BORN and last == _CHECK[total % 11]


def without_citizen_ids(text: str) -> str:
    """Return `text` with each citizen id (公民身份号码) cut out: right birth date and check character, so that
    order numbers and course ids of 18 digits stay.

    Source: GB 11643-1999 §4.
    """
    if len(text) < _CITIZEN_ID_CHARACTERS:
        return text
    return _CITIZEN_ID.sub(lambda found: "" if _is_citizen_id(found) else found[0], text)


def without_contact_data(text: str) -> str:
    """Return `text` with e-mail addresses and mobile numbers cut out."""
    if "@" in text:
        text = _EMAIL.sub("", text)
    return text if len(text) < _MOBILE_CHARACTERS else _MOBILE.sub("", text)


@lru_cache(maxsize=2048)  # the same few keys in every launch
def _said_by(key: str, parent: str) -> str:
    """Return what `key`, below the key `parent`, says of its value: "contact", "citizen_id", "account", "id" or ""."""
    last = key.rsplit("/", 1)[-1]
    lower = last.lower()
    if any(part in lower for part in _CITIZEN_ID_PARTS):
        return "citizen_id"
    contact = (
        any(part in lower for part in _PARTS)
        or any(word.lower() in _WORDS for word in _WORD.findall(last))
        or any(part in last for part in _CHINESE)
    )
    if contact:
        return "contact"
    if key in _ACCOUNTS:
        return "account"
    identifies = key in _IDENTIFIERS or key.endswith(_IDENTIFYING_SUFFIXES)
    return "id" if identifies or (key == "id" and parent.endswith(_IDENTIFIED)) else ""


class _Cleaner:
    """Walks claims once; keeps the paths at which something was found."""

    def __init__(self) -> None:
        self.removed: list[str] = []
        self.citizen_ids: list[str] = []

    def members(self, value: Mapping[str, Any], path: str, parent: str = "") -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for name, member in value.items():
            key = str(name)
            said = _said_by(key, parent)
            if said == "id":
                kept[name] = member
                continue
            if said == "" and isinstance(member, str):
                kept[name] = self._text(member, path, key)
                continue
            below = f"{path}.{key}" if path else key
            if said == "contact":
                self.removed.append(below)
            elif said == "citizen_id":
                self.citizen_ids.append(below)
            elif said == "account":
                self.clean(member, below, key)  # for the report alone
                kept[name] = member
            else:
                kept[name] = self.clean(member, below, key)
        return kept

    def clean(self, value: Any, path: str, key: str) -> Any:
        if isinstance(value, str):
            return self._text(value, path, "")
        if isinstance(value, list):
            return [self.clean(member, path, key) for member in value]
        if isinstance(value, int):
            digits = "" if value < _LONG_NUMBER else str(value)
            return value if self._text(digits, path, "") == digits else ""
        if isinstance(value, Mapping):
            return self.members(value, path, key)
        return value

    def _text(self, value: str, path: str, key: str) -> str:
        if len(value) < _MOBILE_CHARACTERS and "@" not in value:
            return value  # too short for anything that is looked for
        anonymous = without_citizen_ids(value)
        # Addresses stay whole: what looks like a mailbox in one belongs to its path or query.
        cleaned = anonymous if value.startswith(_URL) else without_contact_data(anonymous)
        if cleaned == value:
            return value
        found = f"{path}.{key}" if path and key else path or key
        if anonymous != value:
            self.citizen_ids.append(found)
        if cleaned != anonymous:
            self.removed.append(found)
        return cleaned.strip()


def strip_contact_claims(claims: Mapping[str, Any]) -> Stripped:
    """Return `claims` without contact data and citizen ids at any depth.

    Gone are members whose key names such data, and e-mail addresses, mobile numbers and citizen ids in text.
    Identifiers (`sub`, `iss`, a context's `id` …) stay as they are, URLs but for citizen ids. `claims` itself is not
    changed.

    Raises:
        ValueError: `claims` is nested too deeply to be walked.

    Source: 粤应急规〔2022〕3号 第二十七条 (contact data is not kept); OpenID Connect Core §5.1 (claim names);
    个人信息保护法 第六条 (no more than the purpose needs); GB 11643-1999.
    """
    cleaner = _Cleaner()
    try:
        cleaned = cleaner.members(claims, "")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return Stripped(cleaned, tuple(dict.fromkeys(cleaner.removed)), tuple(dict.fromkeys(cleaner.citizen_ids)))
