"""Statements as a request brings them. What is remembered of them is not read again."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from bridge.intake.xapi.decoding import decoded, holds_each_name_once
from bridge.intake.xapi.fragments import NAMED, REPEATING, Fragment, Recall, text_of

_PROPERTIES = msgspec.json.Decoder(list[dict[str, msgspec.Raw]] | dict[str, msgspec.Raw])

_OPENING = b"{["


class Said(NamedTuple):
    """A statement as it was said, or what stands in its place.

    Args:
        value: as JSON. What is remembered stands in many statements at once: nobody changes it.
        texts: name → JSON of its `NAMED` properties; of two values never the same.
        known: name → what is remembered of such a property.
    """

    value: Any
    texts: Mapping[str, bytes]
    known: Mapping[str, Fragment]


def statements(body: bytes, recall: Recall) -> Any:
    """Return `body` as JSON, each statement as it was `Said`.

    Raises:
        InvalidInput: as `decoded`.
    """
    try:
        # As in `decoded`: without escapes the quotation marks tell whether a name came twice.
        if b"\\" not in body:
            found = _Reader(recall).read(body)
            if found is not None:
                return found
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass  # the strict reader says what it is
    value = decoded(body)
    return [said(one, recall) for one in value] if isinstance(value, list) else said(value, recall)


def said(value: Any, recall: Recall) -> Said:
    """Return a statement that was read already."""
    if type(value) is not dict:
        return Said(value, {}, {})
    texts = {name: text_of(value[name]) for name in NAMED if name in value}
    known = {name: found for name, text in texts.items() if (found := recall.get(name, text)) is not None}
    return Said(value, texts, known)


class _Reader:
    """Reads one request."""

    def __init__(self, recall: Recall) -> None:
        self._recall = recall
        # Of this request, people included: it says the same again and again.
        self._values: dict[bytes, Any] = {}
        self._quotes = 0

    def read(self, body: bytes) -> Any:
        """Return the statements; None if a name may have come twice."""
        properties = _PROPERTIES.decode(body)
        single = isinstance(properties, dict)
        found = [self._said(one) for one in ([properties] if single else properties)]
        if None in found or self._quotes != body.count(b'"'):
            return None
        return found[0] if single else found

    def _said(self, properties: Mapping[str, msgspec.Raw]) -> Said | None:
        value: dict[str, Any] = {}
        texts: dict[str, bytes] = {}
        known: dict[str, Fragment] = {}
        for name, raw in properties.items():
            text = bytes(raw)
            self._quotes += 2 + text.count(b'"')
            if name in NAMED:
                texts[name] = text
                fragment = self._recall.get(name, text) if name in REPEATING else None
                if fragment is not None:
                    known[name] = fragment
                    value[name] = fragment.value
                    continue
                if text in self._values:
                    value[name] = self._values[text]
                    continue
            item = value[name] = msgspec.json.decode(text)
            if text[0] in _OPENING and not holds_each_name_once(text, item):
                return None
            if name in NAMED:
                self._values[text] = item
        return Said(value, texts, known)
