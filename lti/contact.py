"""Contact data, dropped at the door: e-mail, telephone, WeChat, QQ, addresses, pictures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# Long names count wherever they stand in a key ("useremailaddress"), short ones as a word of their own.
_PARTS = ("email", "phone", "mobile", "address", "wechat", "weixin", "avatar", "picture", "postcode")
_WORDS = frozenset(
    {"mail", "tel", "cell", "fax", "sms", "wxid", "openid", "qq", "photo", "skype", "telegram"}
)
_CHINESE = ("邮箱", "邮件", "手机", "电话", "微信", "地址", "住址", "头像", "照片")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_EMAIL = re.compile(r"[^\s@<>,;:\"']{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
_MOBILE = re.compile(r"(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9][0-9][- ]?[0-9]{4}[- ]?[0-9]{4}(?![0-9A-Za-z])")
# Identifiers are compared, not read: changing one would make another person or course of it.
_IDENTIFIERS = frozenset({"iss", "sub", "aud", "azp", "nonce", "jti", "id", "kid", "scope", "roles"})
_IDENTIFYING_SUFFIXES = ("/deployment_id", "/roles", "/target_link_uri", "/message_type", "/version")


@dataclass(frozen=True, slots=True)
class Stripped:
    """Claims without contact data, and the paths (never the values) at which some was found."""

    claims: dict[str, Any]
    removed: tuple[str, ...]


@lru_cache(maxsize=1024)  # the same few keys in every launch
def _names_contact(key: str) -> bool:
    last = key.rsplit("/", 1)[-1]
    return (
        any(part in last.lower() for part in _PARTS)
        or any(word.lower() in _WORDS for word in _WORD.findall(last))
        or any(part in last for part in _CHINESE)
    )


def _clean(value: Any, path: str, removed: list[str]) -> Any:
    if isinstance(value, Mapping):
        kept: dict[str, Any] = {}
        for key, member in value.items():
            below = f"{path}.{key}" if path else str(key)
            if _names_contact(str(key)):
                removed.append(below)
            elif key in _IDENTIFIERS or str(key).endswith(_IDENTIFYING_SUFFIXES):
                kept[key] = member
            else:
                kept[key] = _clean(member, below, removed)
        return kept
    if isinstance(value, list):
        return [_clean(member, path, removed) for member in value]
    if isinstance(value, str) and not value.startswith(("https://", "http://")):
        cleaned = _MOBILE.sub("", _EMAIL.sub("", value))
        if cleaned != value:
            removed.append(path)
            return cleaned.strip()
    return value


def strip_contact_claims(claims: Mapping[str, Any]) -> Stripped:
    """Return `claims` without contact data at any depth: keys that name it, e-mail or mobile numbers in text.

    Identifiers (`sub`, `id`, `iss`, …) and URLs stay as they are. `claims` itself is not changed.

    Source: 粤应急规〔2022〕3号 第二十七条 (contact data is not kept); OpenID Connect Core §5.1 (claim names).
    """
    removed: list[str] = []
    cleaned: dict[str, Any] = _clean(claims, "", removed)
    return Stripped(cleaned, tuple(removed))
