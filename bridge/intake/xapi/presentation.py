"""How a stored statement is shown: exact, ids, or canonical (one language of each language map)."""

from collections.abc import Mapping, Sequence
from typing import Any

_IFIS = ("mbox", "mbox_sha1sum", "openid", "account")
_MAPS = frozenset({"display", "name", "description"})


def shown(statement: Mapping[str, Any], form: str, languages: Sequence[str]) -> Any:
    """Return the statement in `form`.

    Args:
        languages: what the reader asked for, best first; for `canonical` alone.
    """
    if form == "ids":
        return _ids(statement)
    if form == "canonical":
        return _canonical(statement, [tag.lower() for tag in languages])
    return statement


def _ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    if any(name in value for name in _IFIS):
        return {name: value[name] for name in ("objectType", *_IFIS) if name in value}
    if value.get("objectType", "Activity") == "Activity" and "id" in value and "definition" in value:
        return {"id": value["id"]}
    return {
        name: item if name in ("extensions", "result") else _ids(item)
        for name, item in value.items()
        if name not in ("definition", "display") or _is_attachment(value)
    }


def _is_attachment(value: Mapping[str, Any]) -> bool:
    return "usageType" in value


def _canonical(value: Any, languages: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_canonical(item, languages) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _one(item, languages)
        if name in _MAPS and isinstance(item, dict)
        else (item if name == "extensions" else _canonical(item, languages))
        for name, item in value.items()
    }


def _one(words: Mapping[str, str], languages: Sequence[str]) -> dict[str, str]:
    """Return the language map with its best entry alone; a wish for "zh" is met by "zh-CN" (RFC 4647 §3.4)."""
    if len(words) < 2:
        return dict(words)
    for wish in languages:
        for tag, text in words.items():
            if tag.lower() == wish or tag.lower().startswith(f"{wish}-"):
                return {tag: text}
    tag = next(iter(words))
    return {tag: words[tag]}
