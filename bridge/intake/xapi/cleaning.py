"""What of a statement may be kept: people become blind accounts, contact data, secrets and citizen ids go.

The same text is always turned into the same reference, so that a query that names a person finds what is kept of it.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bridge.intake.contact import names_contact_or_secret, without_contact_text
from bridge.intake.xapi.formats import is_uuid
from lti.contact import without_citizen_ids

Blind = Callable[[str, str], str]
"""(kind, text) → a reference that is the same for the same text, and says nothing else."""

# One look at a text: without any of these nothing below can find something in it. Full-width forms are signs too.
# It begins with a plain set of characters, which the engine skips to much faster than it tries words.
_SUSPECT = re.compile(
    r"[@\uff01-\uff5e微扣\dwWvVqQ](?:(?<=[@\uff01-\uff5e微扣])|(?<=\d)(?:[-() ]{0,3}\d){6}"
    r"|(?<=[wWvV])[xX]|(?<=[wW])[eE](?:[iI][xX]|[cC][hH])|(?<=[qQ])[qQ])"
)
_NAME_FIELD = re.compile(
    r"((^|[/_#.-])(real|full|user|given|family|nick|learner|student)_?-?name|姓名|身份证|id_?card|citizen_?id)",
    re.IGNORECASE,
)
_PEOPLE = frozenset({"actor", "authority", "instructor", "team", "agent", "group"})
_AS_CHECKED = frozenset(
    {"registration", "timestamp", "stored", "version", "objectType", "sha2", "duration", "language"}
)
"""Properties whose form was checked and holds no text."""
_OF_CHECKED_FORM = frozenset({"id", "timestamp", "stored", "version"})
"""Of a statement itself: its id is a UUID."""
_LANGUAGE_MAPS = frozenset({"display", "name", "description"})
_CLOSED_QUESTIONS = frozenset(
    {"choice", "sequencing", "likert", "matching", "performance", "true-false", "numeric"}
)
"""Interactions whose response is one of given answers; what is written freely may be anybody's name."""
_ADDRESSES = frozenset({"moreInfo", "fileUrl", "usageType", "type"})


class Keeping(Protocol):
    """How a store keeps what it is told."""

    def statement(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the statement as it is kept."""
        ...

    def member(self, name: str, value: Any, about: Mapping[str, Any]) -> Any:
        """Return a property of a statement whose object is `about`, as it is kept."""
        ...

    def agent(self, value: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Agent or Group as it is kept."""
        ...

    def iri(self, value: str) -> str:
        """Return the IRI as it is kept."""
        ...

    def words(self, value: str) -> str:
        """Return a text as it is kept."""
        ...


class AsSent:
    """Keeps everything as it came: for made-up people alone (`Store.CONFORMANCE`)."""

    def statement(self, value: dict[str, Any]) -> dict[str, Any]:
        return value

    def member(self, name: str, value: Any, about: Mapping[str, Any]) -> Any:
        return value

    def agent(self, value: Mapping[str, Any]) -> dict[str, Any]:
        return dict(value)

    def iri(self, value: str) -> str:
        return value

    def words(self, value: str) -> str:
        return value


class Blinded:
    """Keeps what the law allows.

    Args:
        blind_page: `homePage` of the accounts that stand in place of people.
    """

    def __init__(self, blind: Blind, blind_page: str) -> None:
        self._blind = blind
        self._page = blind_page
        self._seen: dict[str, str] = {}
        # A batch says the same words again and again.
        self._clean: set[str] = set()
        self._kept_keys: dict[str, bool] = {}

    def statement(self, value: dict[str, Any]) -> dict[str, Any]:
        return {name: self.member(name, item, value["object"]) for name, item in value.items()}

    def member(self, name: str, value: Any, about: Mapping[str, Any]) -> Any:
        if name in _OF_CHECKED_FORM:
            return value
        kept = self._property(name, value)
        if name == "result" and "response" in kept and not _is_closed_question(about):
            del kept["response"]
        return kept

    def agent(self, value: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        if "objectType" in value:
            kept["objectType"] = value["objectType"]
        identifier = identifier_of(value)
        if identifier is not None:
            kept["account"] = {"homePage": self._page, "name": self._reference(value, identifier)}
        if "member" in value:
            kept["member"] = [self.agent(member) for member in value["member"]]
        return kept

    def iri(self, value: str) -> str:
        kept = self._address(value)
        return value if kept == value else f"urn:anxue:blind:{self._blind('iri', value)}"

    def document(self, value: Any) -> Any:
        """Return a JSON value of anybody's own making (an extension, a state document) as it is kept."""
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {key: self.document(item) for key, item in value.items() if self._keeps(key)}
        if isinstance(value, list):
            return [self.document(item) for item in value]
        if isinstance(value, int) and abs(value) >= 10**10:
            digits = str(value)
            return value if self._text(digits) == digits else None
        return value

    def words(self, value: str) -> str:
        return self._text(value)

    def _property(self, name: str, value: Any) -> Any:
        if type(value) is str and name not in _PEOPLE and name != "extensions":
            if name in _AS_CHECKED or (name == "id" and is_uuid(value)):
                return value
            address = name in _ADDRESSES or (name == "id" and ":" in value)
            return self.iri(value) if address else self._text(value)
        if name in _PEOPLE:
            return self.agent(value)
        if name == "extensions":
            return self.document(value)
        if isinstance(value, dict):
            if name in _LANGUAGE_MAPS:
                # Its keys are languages, and a language may be called like a property.
                return {tag: self._text(words) for tag, words in value.items() if self._text(tag) == tag}
            if value.get("objectType") in ("Agent", "Group"):
                return self.agent(value)
            if value.get("objectType") == "SubStatement":
                return self.statement(value)
            return {key: self._property(key, item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._property("", item) for item in value]
        return value

    def _reference(self, agent: Mapping[str, Any], identifier: str) -> str:
        account = agent.get("account")
        if account is not None and account["homePage"] == self._page and _is_reference(account["name"]):
            return str(account["name"])  # what we ourselves gave out
        known = self._seen.get(identifier)
        if known is None:
            known = self._seen[identifier] = self._blind("agent", identifier)
        return known

    def _text(self, value: str) -> str:
        if value in self._clean:
            return value
        if _SUSPECT.search(value) is not None:
            kept = without_citizen_ids(without_contact_text(value))
            if kept != value:
                return kept
        self._clean.add(value)
        return value

    def _keeps(self, key: str) -> bool:
        """Return whether a member of this name may be kept at all."""
        known = self._kept_keys.get(key)
        if known is None:
            named = names_contact_or_secret(key) or _NAME_FIELD.search(key) is not None
            known = self._kept_keys[key] = not named and self._text(key) == key
        return known

    def _address(self, value: str) -> str:
        if "?" in value:
            parts = urlsplit(value)
            pairs = parse_qsl(parts.query, keep_blank_values=True)
            kept = [(key, item) for key, item in pairs if not names_contact_or_secret(key)]
            if len(kept) != len(pairs):
                return urlunsplit(parts._replace(query=urlencode(kept)))
        return self._text(value)


def _is_closed_question(activity: Mapping[str, Any]) -> bool:
    return activity.get("definition", {}).get("interactionType") in _CLOSED_QUESTIONS


def identifier_of(agent: Mapping[str, Any]) -> str | None:
    """Return one text for what identifies the agent (an address and its hash are one person); None for none."""
    if "mbox" in agent:
        return "mbox_sha1sum|" + hashlib.sha1(agent["mbox"].encode(), usedforsecurity=False).hexdigest()
    if "mbox_sha1sum" in agent:
        return f"mbox_sha1sum|{agent['mbox_sha1sum'].lower()}"
    if "openid" in agent:
        return f"openid|{agent['openid']}"
    if "account" in agent:
        return f"account|{agent['account']['homePage']}|{agent['account']['name']}"
    return None


def _is_reference(name: str) -> bool:
    return re.fullmatch(r"blind_[0-9a-f]{8,64}", name) is not None
