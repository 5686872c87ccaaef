"""Fragments of statements that come again and again: a verb, an activity, a viewing are checked and cleaned once.

Only what was found clean is remembered: the same bytes go into the store anyhow. Who did something, and whatever held
contact data or a secret, is forgotten with its request and cleaned anew on each occurrence.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from bridge.intake.xapi.model import Caller, Version

LIMIT_BYTES = 8 * 2**20
_LONGEST = 4_096
_FOR_EACH, _FOR_EACH_TERM, _FOR_EACH_BYTE = 600, 150, 6
"""Bytes of a fragment beside its text: objects and their places in tables; its value by the length of its JSON."""

REPEATING = ("verb", "object", "context")
"""Properties whose values come again in other requests."""
NAMED = ("actor", *REPEATING)
"""Properties by which a statement is found; `actor` comes again within a request alone."""

_Key = tuple[str, str, bytes]
"""Scope, name and JSON of a property, as it came."""


@dataclass(frozen=True, slots=True)
class Fragment:
    """A property of a statement as it is kept, checked.

    Args:
        value: as it came.
        text: its JSON as it is kept, name included.
        direct, related: terms under which the statement is found by it; see `Terms.of`.
    """

    value: Any
    text: bytes
    direct: Mapping[str, bool]
    related: Mapping[str, bool]


class Fragments:
    """Remembers fragments, of all senders together no more than `limit_bytes`.

    What is not asked for while half of that comes in goes.
    """

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self._half = limit_bytes // 2
        self._young: dict[_Key, Fragment] = {}
        self._old: dict[_Key, Fragment] = {}
        self._young_bytes = 0
        self._lock = threading.Lock()

    def of(self, caller: Caller, version: Version) -> "Recall":
        """Return what is remembered for a store; no institution can tell by the time taken what another sent."""
        return Recall(self, f"{caller.institution}\x00{caller.store}\x00{version}")

    def get(self, key: _Key) -> Fragment | None:
        """Return what is remembered by a key."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.add(key, found)
        return found

    def add(self, key: _Key, fragment: Fragment) -> None:
        """Remember a clean fragment, unless it is too long."""
        cost = _cost(key, fragment)
        if len(key[2]) > _LONGEST or cost > self._half:
            return
        with self._lock:
            if key in self._young:
                return
            if self._young_bytes + cost > self._half:
                self._old, self._young, self._young_bytes = self._young, {}, 0
            self._young[key] = fragment
            self._young_bytes += cost

    @property
    def size_bytes(self) -> int:
        """Return how much is remembered."""
        with self._lock:
            return sum(_cost(*one) for half in (self._young, self._old) for one in half.items())


@dataclass(frozen=True, slots=True)
class Recall:
    """Fragments of one store and one version of xAPI."""

    fragments: Fragments
    scope: str

    def get(self, name: str, text: bytes) -> Fragment | None:
        """Return the property with this JSON, if it is remembered: it is right, and was found clean."""
        return self.fragments.get((self.scope, name, text))

    def remember(self, name: str, text: bytes, fragment: Fragment) -> None:
        """Remember a property that was checked and found clean."""
        self.fragments.add((self.scope, name, text), fragment)


NOTHING = Recall(Fragments(0), "")
"""Remembers nothing."""


def text_of(value: Any) -> bytes:
    """Return a JSON value as bytes that no other value has; members stand in their order."""
    return msgspec.json.encode(value)


def _cost(key: _Key, fragment: Fragment) -> int:
    return (
        len(key[2]) * (1 + _FOR_EACH_BYTE)
        + len(fragment.text)
        + _FOR_EACH
        + _FOR_EACH_TERM * (len(fragment.direct) + len(fragment.related))
    )
