"""Statements made ready for the store before the unit of work begins: cleaned, in the specification's normal form, with
their terms. All that is left for later is what storing itself says of a statement.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from bridge.intake.xapi import formats
from bridge.intake.xapi.cleaning import Keeping
from bridge.intake.xapi.fragments import REPEATING, Fragment, Recall, text_of
from bridge.intake.xapi.model import VOIDED, Caller, Version
from bridge.intake.xapi.reading import Said
from bridge.intake.xapi.store import NewStatement
from bridge.intake.xapi.terms import Terms
from bridge.kernel.canonical import sha256_hex
from bridge.kernel.time import rfc3339

_SET_AT_STORING = frozenset({"stored", "authority"})


class Packed(NamedTuple):
    """A statement but for what is said of it when it is stored.

    Args:
        text: its JSON without the closing brace.
        has_timestamp, has_version: whether its sender said them.
        target: the statement that it refers to (object StatementRef), if it does; `voids`: whether to void it.
    """

    id: str
    text: bytes
    has_timestamp: bool
    has_version: bool
    terms: Mapping[str, bool]
    target: str | None
    voids: bool

    def value(self) -> dict[str, Any]:
        """Return the statement."""
        found: dict[str, Any] = json.loads(self.text + b"}")
        return found


class Closing:
    """What is added to each statement of a batch when it is stored."""

    def __init__(
        self, stored: datetime, authority: Mapping[str, Any], version: Version, terms: Terms
    ) -> None:
        at = text_of(rfc3339(stored))
        said = b',"stored":' + at + b',"authority":' + text_of(authority)
        timestamp = b',"timestamp":' + at
        spoken = b',"version":"1.0.0"' if version is Version.ONE else b',"version":"2.0.0"'
        self._ends = {
            (True, True): said + b"}",
            (True, False): said + spoken + b"}",
            (False, True): said + timestamp + b"}",
            (False, False): said + timestamp + spoken + b"}",
        }
        self._terms = terms.of("authority", authority)

    def of(self, packed: Packed) -> NewStatement:
        """Return the statement whole."""
        text = packed.text + self._ends[packed.has_timestamp, packed.has_version]
        terms = {**self._terms, **packed.terms}
        return NewStatement(packed.id, text.decode(), sha256_hex(text), terms, packed.target, packed.voids)


class Packer:
    """Packs the statements of one batch.

    Args:
        recall: of the caller's store and of `version`.
    """

    def __init__(self, version: Version, keeping: Keeping, caller: Caller, recall: Recall) -> None:
        self._version = version
        self._keeping = keeping
        self._terms = Terms(caller.institution, caller.store)
        self._recall = recall
        # Of this batch, people included: it says the same again and again.
        self._made: dict[tuple[str, bytes], Fragment] = {}

    def packed(self, told: Said) -> Packed:
        """Return a checked statement as it is kept."""
        statement, texts, known = told
        about = statement["object"]
        parts = []
        direct: dict[str, bool] = {}
        terms: dict[str, bool] = {}
        for name, value in statement.items():
            text = texts.get(name)
            if text is not None:
                fragment = known.get(name) or self._made.get((name, text)) or self._make(name, value, text)
                parts.append(fragment.text)
                terms.update(fragment.related)
                direct.update(fragment.direct)
            elif name not in _SET_AT_STORING:
                kept = normal(name, self._keeping.member(name, value, about), self._version)
                parts.append(_member(name, text_of(kept)))
        # What it meets by itself and by what is related to it, it meets by itself.
        terms.update(direct)
        target = about["id"].lower() if about.get("objectType") == "StatementRef" else None
        return Packed(
            statement["id"],
            b"{" + b",".join(parts),
            "timestamp" in statement,
            "version" in statement,
            terms,
            target,
            target is not None and statement["verb"]["id"] == VOIDED,
        )

    def _make(self, name: str, value: Any, text: bytes) -> Fragment:
        kept = self._keeping.member(name, value, {})
        plain = normal(name, kept, self._version)
        terms = self._terms.of(name, plain)
        made = Fragment(
            value,
            _member(name, text_of(plain)),
            {key: True for key, is_direct in terms.items() if is_direct},
            {key: False for key, is_direct in terms.items() if not is_direct},
        )
        # Clean is what nothing was taken out of, and in which nobody was made blind.
        if name in REPEATING and text_of(kept) == text_of(value):
            self._recall.remember(name, text, made)
        self._made[name, text] = made
        return made


def normal(name: str, value: Any, version: Version) -> Any:
    """Return a property as the specification has it kept: context activities in arrays; in 2.0, times in UTC."""
    if name == "timestamp" and version is Version.TWO:
        return _in_utc(value)
    if name == "context":
        activities = value.get("contextActivities")
        if not activities:
            return value
        arrays = {key: item if isinstance(item, list) else [item] for key, item in activities.items()}
        return {**value, "contextActivities": arrays}
    if name == "object" and value.get("objectType") == "SubStatement":
        return {key: normal(key, item, version) for key, item in value.items()}
    return value


def _member(name: str, text: bytes) -> bytes:
    return b'"%s":%s' % (name.encode(), text)


def _in_utc(text: str) -> str:
    at = formats.instant(text)
    if text.endswith("Z"):
        return text
    return at.isoformat(timespec="microseconds" if at.microsecond % 1000 else "milliseconds").replace(
        "+00:00", "Z"
    )
