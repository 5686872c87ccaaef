"""The terms under which a statement is found: by whom, about what, in which registration."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.intake.xapi.cleaning import identifier_of
from bridge.intake.xapi.model import Store
from bridge.kernel.ids import InstitutionId

_KEY_DIGITS = 32


class Terms:
    """Makes the terms of one store; those of two stores are never equal."""

    def __init__(self, institution: InstitutionId, store: Store) -> None:
        self._salt = f"{institution}\x00{store}\x00"
        self._known: dict[tuple[str, str], str] = {}

    def of(self, name: str, value: Any) -> dict[str, bool]:
        """Return the terms that a statement has by one of its properties.

        Each with True if it meets it by itself, with False if only by what is related to it.
        """
        found: dict[str, bool] = {}
        for kind, text, direct in _said(name, value, True):
            key = self.key(kind, text)
            found[key] = found.get(key, False) or direct
        return found

    def key(self, kind: str, text: str) -> str:
        """Return the term for `text`; `kind` is "agent", "activity", "verb" or "registration"."""
        known = self._known.get((kind, text))
        if known is None:
            digest = hashlib.sha256(f"{self._salt}{kind}\x00{text}".encode()).hexdigest()
            known = self._known[kind, text] = digest[:_KEY_DIGITS]
        return known

    def agent(self, agent: Mapping[str, Any]) -> str:
        """Return the term for an agent that `check_agent` let through."""
        return self.key("agent", identifier_of(agent) or "")


def _said(name: str, value: Any, whole: bool) -> Iterator[tuple[str, str, bool]]:
    if name in ("actor", "authority"):
        for identifier in _people(value):
            yield "agent", identifier, whole and name == "actor"
    elif name == "verb" and whole:
        yield "verb", value["id"], True
    elif name == "object":
        yield from _said_of(value, whole)
    elif name == "context":
        yield from _surroundings(value, whole)


def _said_of(about: Mapping[str, Any], whole: bool) -> Iterator[tuple[str, str, bool]]:
    kind = about.get("objectType", "Activity")
    if kind == "Activity":
        yield "activity", about["id"], whole
    elif kind in ("Agent", "Group"):
        for identifier in _people(about):
            yield "agent", identifier, whole
    elif kind == "SubStatement":
        for name, value in about.items():
            yield from _said(name, value, False)


def _surroundings(context: Mapping[str, Any], whole: bool) -> Iterator[tuple[str, str, bool]]:
    if whole and "registration" in context:
        yield "registration", context["registration"].lower(), True
    for activities in context.get("contextActivities", {}).values():
        for activity in activities if isinstance(activities, list) else [activities]:
            yield "activity", activity["id"], False
    named = [context[name] for name in ("instructor", "team") if name in context]
    named += [item["agent"] for item in context.get("contextAgents", ())]
    named += [item["group"] for item in context.get("contextGroups", ())]
    for agent in named:
        for identifier in _people(agent):
            yield "agent", identifier, False


def _people(agent: Mapping[str, Any]) -> Iterator[str]:
    """Yield the agent's identifier and those of a group's members: a group is found by who is in it."""
    identifier = identifier_of(agent)
    if identifier is not None:
        yield identifier
    for member in agent.get("member", ()):
        yield from _people(member)
