"""Whether a statement keeps to the specification: pure, strict, and with the place of the first fault.

Source: xAPI 1.0.3 Part Two (Data); IEEE 9274.1.1-2023 §4.2 for what 2.0 adds (contextAgents, contextGroups).
"""

from collections.abc import Callable, Container, Mapping
from typing import Any

from bridge.intake.xapi import formats
from bridge.intake.xapi.model import VOIDED, StatementFault, Version

Check = Callable[[Any], None]

_IFIS = ("mbox", "mbox_sha1sum", "openid", "account")
_COMPONENTS: Mapping[str, frozenset[str]] = {
    "choice": frozenset({"choices"}),
    "sequencing": frozenset({"choices"}),
    "likert": frozenset({"scale"}),
    "matching": frozenset({"source", "target"}),
    "performance": frozenset({"steps"}),
    "true-false": frozenset(),
    "fill-in": frozenset(),
    "long-fill-in": frozenset(),
    "numeric": frozenset(),
    "other": frozenset(),
}
"""interactionType → which lists of components it may have."""
_LISTS = frozenset({"choices", "scale", "source", "target", "steps"})


def check_statement(value: Any, version: Version, passed: Container[str] = ()) -> None:
    """Return if `value` is a statement of `version`.

    Args:
        passed: properties that are known to be right in themselves.

    Raises:
        StatementFault: what is wrong first, and where (from the statement's root).
    """
    _members(value, _STATEMENT[version], "actor", "verb", "object", passed=passed)
    _whole(value)
    if value["verb"]["id"] == VOIDED and value["object"].get("objectType") != "StatementRef":
        raise StatementFault("voiding_object", "/object")


def check_agent(value: Any) -> None:
    """Return if `value` is an Agent or an identified Group: whom a query or a document may name."""
    if type(value) is dict and value.get("objectType") == "Group":
        _group(value)
        if not any(name in value for name in _IFIS):
            raise StatementFault("ifi_count")
    else:
        _agent(value)


def _members(value: Any, checks: Mapping[str, Check], *required: str, passed: Container[str] = ()) -> None:
    if type(value) is not dict:
        raise StatementFault("null_forbidden" if value is None else "object_expected")
    for key, item in value.items():
        if key in passed:
            continue
        check = checks.get(key)
        if check is None:
            raise StatementFault("property_unknown").below(key)
        try:
            check(item)
        except StatementFault as fault:
            raise fault.below(key) from None
    for key in required:
        if key not in value:
            raise StatementFault("property_missing").below(key)


def _each(value: Any, check: Check, *, filled: bool = False) -> None:
    if type(value) is not list:
        raise StatementFault("null_forbidden" if value is None else "array_expected")
    if filled and not value:
        raise StatementFault("array_empty")
    for index, item in enumerate(value):
        try:
            check(item)
        except StatementFault as fault:
            raise fault.below(index) from None


def _exactly(word: str) -> Check:
    def check(value: Any) -> None:
        if value != word:
            raise StatementFault("object_type")

    return check


def _language_map(value: Any) -> None:
    if type(value) is not dict:
        raise StatementFault("null_forbidden" if value is None else "object_expected")
    for tag, words in value.items():
        try:
            formats.language(tag)
            formats.text(words)
        except StatementFault as fault:
            raise fault.below(tag) from None


def _extensions(value: Any) -> None:
    """Values are anybody's own, null included; keys are IRIs."""
    if type(value) is not dict:
        raise StatementFault("null_forbidden" if value is None else "object_expected")
    for key in value:
        try:
            formats.iri(key)
        except StatementFault as fault:
            raise fault.below(key) from None


def _account(value: Any) -> None:
    _members(value, {"homePage": formats.iri, "name": formats.filled_text})
    if len(value) != 2:
        raise StatementFault("account_malformed")


_IDENTIFIERS: Mapping[str, Check] = {
    "name": formats.text,
    "mbox": formats.mbox,
    "mbox_sha1sum": formats.sha1,
    "openid": formats.iri,
    "account": _account,
}
_AGENT: Mapping[str, Check] = {**_IDENTIFIERS, "objectType": _exactly("Agent")}


def _agent(value: Any) -> None:
    _members(value, _AGENT)
    if sum(name in value for name in _IFIS) != 1:
        raise StatementFault("ifi_count")


def _member(value: Any) -> None:
    if type(value) is dict and value.get("objectType") == "Group":
        raise StatementFault("member_not_agent")
    _agent(value)


_GROUP: Mapping[str, Check] = {
    **_IDENTIFIERS,
    "objectType": _exactly("Group"),
    "member": lambda value: _each(value, _member),
}


def _group(value: Any) -> None:
    _members(value, _GROUP, "objectType")
    identifiers = sum(name in value for name in _IFIS)
    if identifiers > 1:
        raise StatementFault("ifi_count")
    if not identifiers and not value.get("member"):
        raise StatementFault("group_anonymous")


def _actor(value: Any) -> None:
    if type(value) is dict and value.get("objectType") == "Group":
        _group(value)
    else:
        _agent(value)


def _authority(value: Any) -> None:
    _actor(value)
    # The only group: a client and the person for whom it acts (OAuth).
    if value.get("objectType") == "Group" and (
        any(name in value for name in _IFIS) or len(value["member"]) != 2
    ):
        raise StatementFault("authority_malformed")


def _verb(value: Any) -> None:
    _members(value, {"id": formats.iri, "display": _language_map}, "id")


def _components(value: Any) -> None:
    _each(value, lambda item: _members(item, {"id": formats.filled_text, "description": _language_map}, "id"))
    if len({item["id"] for item in value}) != len(value):
        raise StatementFault("component_duplicate")


def _interaction_type(value: Any) -> None:
    if type(value) is not str or value not in _COMPONENTS:
        raise StatementFault("interaction_type")


_DEFINITION: Mapping[str, Check] = {
    "name": _language_map,
    "description": _language_map,
    "type": formats.iri,
    "moreInfo": formats.iri,
    "extensions": _extensions,
    "interactionType": _interaction_type,
    "correctResponsesPattern": lambda value: _each(value, formats.text),
    **dict.fromkeys(_LISTS, _components),
}


def _definition(value: Any) -> None:
    _members(value, _DEFINITION)
    used = _LISTS.intersection(value)
    kind = value.get("interactionType")
    if kind is None:
        if used or "correctResponsesPattern" in value:
            raise StatementFault("interaction_type", "/interactionType")
    elif not used <= _COMPONENTS[kind]:
        raise StatementFault("component_foreign").below(min(used - _COMPONENTS[kind]))


_ACTIVITY: Mapping[str, Check] = {
    "id": formats.iri,
    "objectType": _exactly("Activity"),
    "definition": _definition,
}


def _activity(value: Any) -> None:
    _members(value, _ACTIVITY, "id")


def _reference(value: Any) -> None:
    _members(value, {"objectType": _exactly("StatementRef"), "id": formats.uuid}, "objectType", "id")


def _simple_object(value: Any) -> None:
    kind = value.get("objectType", "Activity") if type(value) is dict else "Activity"
    check = _OBJECTS.get(kind) if type(kind) is str else None
    if check is None:
        raise StatementFault("object_type", "/objectType")
    check(value)


_OBJECTS: Mapping[str, Check] = {
    "Activity": _activity,
    "Agent": _agent,
    "Group": _group,
    "StatementRef": _reference,
}


def _activities(value: Any) -> None:
    if type(value) is list:
        _each(value, _activity)
    else:
        _activity(value)


_CONTEXT_ACTIVITIES: Mapping[str, Check] = dict.fromkeys(
    ("parent", "grouping", "category", "other"), _activities
)


def _related(kind: str, who: str, check: Check) -> Check:
    members: Mapping[str, Check] = {
        "objectType": _exactly(kind),
        who: check,
        "relevantTypes": lambda value: _each(value, formats.iri, filled=True),
    }
    return lambda value: _each(value, lambda item: _members(item, members, "objectType", who))


_CONTEXT_ONE: Mapping[str, Check] = {
    "registration": formats.uuid,
    "instructor": _actor,
    "team": _group,
    "contextActivities": lambda value: _members(value, _CONTEXT_ACTIVITIES),
    "revision": formats.text,
    "platform": formats.text,
    "language": formats.language,
    "statement": _reference,
    "extensions": _extensions,
}
_CONTEXT: Mapping[Version, Mapping[str, Check]] = {
    Version.ONE: _CONTEXT_ONE,
    Version.TWO: {
        **_CONTEXT_ONE,
        "contextAgents": _related("contextAgent", "agent", _agent),
        "contextGroups": _related("contextGroup", "group", _group),
    },
}
_SCORE: Mapping[str, Check] = {
    "scaled": formats.scaled,
    "raw": formats.number,
    "min": formats.number,
    "max": formats.number,
}


def _score(value: Any) -> None:
    _members(value, _SCORE)
    least, most, raw = value.get("min"), value.get("max"), value.get("raw")
    if least is not None and most is not None and least >= most:
        raise StatementFault("score_range", "/min")
    if raw is not None and ((least is not None and raw < least) or (most is not None and raw > most)):
        raise StatementFault("score_range", "/raw")


_RESULT: Mapping[str, Check] = {
    "score": _score,
    "success": formats.boolean,
    "completion": formats.boolean,
    "response": formats.text,
    "duration": formats.duration,
    "extensions": _extensions,
}
_ATTACHMENT: Mapping[str, Check] = {
    "usageType": formats.iri,
    "display": _language_map,
    "description": _language_map,
    "contentType": formats.media_type,
    "length": formats.count,
    "sha2": formats.sha2,
    "fileUrl": formats.iri,
}


def _attachment(value: Any) -> None:
    _members(value, _ATTACHMENT, "usageType", "display", "contentType", "length", "sha2")


def _whole(value: Mapping[str, Any]) -> None:
    """Check what rests on more than one property of a statement or SubStatement."""
    context = value.get("context")
    if context is not None and value["object"].get("objectType", "Activity") != "Activity":
        for name in ("revision", "platform"):
            if name in context:
                raise StatementFault("context_object", f"/context/{name}")


def _said(version: Version) -> Mapping[str, Check]:
    return {
        "actor": _actor,
        "verb": _verb,
        "result": lambda value: _members(value, _RESULT),
        "context": lambda value: _members(value, _CONTEXT[version]),
        "timestamp": formats.timestamp,
        "attachments": lambda value: _each(value, _attachment),
    }


def _object(version: Version) -> Check:
    inner = {**_said(version), "object": _simple_object, "objectType": _exactly("SubStatement")}

    def check(value: Any) -> None:
        if type(value) is not dict or value.get("objectType") != "SubStatement":
            _simple_object(value)
            return
        for name in ("id", "stored", "version", "authority"):
            if name in value:
                raise StatementFault("substatement_nested").below(name)
        if type(value.get("object")) is dict and value["object"].get("objectType") == "SubStatement":
            raise StatementFault("substatement_nested", "/object")
        _members(value, inner, "actor", "verb", "object")
        _whole(value)

    return check


_STATEMENT: Mapping[Version, Mapping[str, Check]] = {
    version: {
        **_said(version),
        "object": _object(version),
        "id": formats.uuid,
        "stored": formats.timestamp,
        "authority": _authority,
        "version": formats.version,
    }
    for version in Version
}
