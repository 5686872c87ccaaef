"""What GET statements may be asked, read strictly: a parameter that is not known is refused, not ignored."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bridge.intake.xapi import formats
from bridge.intake.xapi.cleaning import Keeping
from bridge.intake.xapi.model import MAX_PAGE, Query, StatementFault
from bridge.intake.xapi.terms import Terms
from bridge.intake.xapi.validation import check_agent
from bridge.kernel.errors import InvalidInput
from bridge.kernel.time import parse_rfc3339

Parameters = Mapping[str, str]

_FILTERS = frozenset(
    {"agent", "verb", "activity", "registration", "related_activities", "related_agents"}
    | {"since", "until", "limit", "ascending"}
)
_SHOWN = frozenset({"format", "attachments"})
_SINGLE = frozenset({"statementId", "voidedStatementId"})
_FORMATS = frozenset({"exact", "ids", "canonical"})
MORE = "cursor"
"""The one parameter of the address in `more`."""


def check_names(given: Parameters, allowed: frozenset[str]) -> None:
    """InvalidInput("parameter_unknown") if a parameter is not among `allowed`; case counts."""
    unknown = given.keys() - allowed
    if unknown:
        # Not named back: a made-up parameter may hold anything.
        raise InvalidInput("parameter_unknown", "请求中有不支持的参数(区分大小写)")


def single_statement(given: Parameters) -> tuple[str, bool] | None:
    """Return the id and whether a voided statement is meant; None if no single statement is asked for.

    Raises:
        InvalidInput: parameter_conflict, parameter_malformed.
    """
    asked = sorted(_SINGLE & given.keys())
    if not asked:
        return None
    if len(asked) == 2 or _FILTERS & given.keys():
        raise InvalidInput("parameter_conflict", "statementId、voidedStatementId 不能与其他筛选参数同用")
    name = asked[0]
    if not formats.is_uuid(given[name]):
        raise _malformed(name)
    return given[name].lower(), name == "voidedStatementId"


def read_query(given: Parameters, keeping: Keeping, terms: Terms) -> Query:
    """Return the query in a request's parameters.

    Raises:
        InvalidInput: parameter_unknown, parameter_malformed.
    """
    if MORE in given:
        check_names(given, frozenset({MORE}))
        return _continued(given[MORE])
    check_names(given, _FILTERS | _SHOWN | _SINGLE)
    wanted: list[tuple[str, bool]] = []
    related_agents = flag(given, "related_agents")
    related_activities = flag(given, "related_activities")
    # The rarest first: the first is what the search goes along.
    if "registration" in given:
        registration = read_checked(given, "registration", formats.uuid)
        wanted.append((terms.key("registration", registration.lower()), True))
    if "agent" in given:
        wanted.append((terms.agent(keeping.agent(read_agent(given))), not related_agents))
    if "activity" in given:
        iri = keeping.iri(read_checked(given, "activity", formats.iri))
        wanted.append((terms.key("activity", iri), not related_activities))
    if "verb" in given:
        wanted.append((terms.key("verb", keeping.iri(read_checked(given, "verb", formats.iri))), True))
    limit = _whole_number(given, "limit")
    return Query(
        terms=tuple(wanted),
        after=read_instant(given, "since"),
        before=read_instant(given, "until"),
        ascending=flag(given, "ascending"),
        limit=min(limit or MAX_PAGE, MAX_PAGE),
        format=read_format(given),
        attachments=flag(given, "attachments"),
    )


def cursor(query: Query, position: tuple[datetime, int]) -> str:
    """Return `query` from `position` on, as one opaque text that names nobody."""
    parts = {
        "t": [[key, direct] for key, direct in query.terms],
        "a": None if query.after is None else query.after.isoformat(),
        "b": None if query.before is None else query.before.isoformat(),
        "u": query.ascending,
        "l": query.limit,
        "f": query.format,
        "m": query.attachments,
        "p": [position[0].isoformat(), position[1]],
    }
    packed = json.dumps(parts, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode("ascii").rstrip("=")


def read_agent(given: Parameters, name: str = "agent") -> dict[str, Any]:
    """Return the agent that a parameter names as JSON."""
    try:
        agent = json.loads(given[name])
        check_agent(agent)
    except (ValueError, RecursionError, StatementFault) as error:
        raise _malformed(name) from error
    found: dict[str, Any] = agent
    return found


def read_checked(given: Parameters, name: str, check: Callable[[Any], None]) -> str:
    """Return a parameter whose value passes `check`; InvalidInput("parameter_malformed")."""
    try:
        check(given[name])
    except StatementFault as fault:
        raise _malformed(name) from fault
    return given[name]


def read_instant(given: Parameters, name: str) -> datetime | None:
    """Return the instant in a parameter, if it is there."""
    if name not in given:
        return None
    try:
        return formats.instant(given[name])
    except StatementFault as fault:
        raise _malformed(name) from fault


def read_format(given: Parameters) -> str:
    """Return how statements are to be shown: exact, ids or canonical."""
    form = given.get("format", "exact")
    if form not in _FORMATS:
        raise _malformed("format")
    return form


def flag(given: Parameters, name: str) -> bool:
    """Return a parameter that is true or false; false if it is not there."""
    value = given.get(name, "false").lower()
    if value not in ("true", "false"):
        raise _malformed(name)
    return value == "true"


def _continued(text: str) -> Query:
    try:
        parts = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        at, seq = parts["p"]
        return Query(
            terms=tuple((str(key), bool(direct)) for key, direct in parts["t"]),
            after=None if parts["a"] is None else parse_rfc3339(parts["a"]),
            before=None if parts["b"] is None else parse_rfc3339(parts["b"]),
            ascending=bool(parts["u"]),
            limit=max(1, min(int(parts["l"]), MAX_PAGE)),
            format=read_format({"format": parts["f"]}),
            attachments=bool(parts["m"]),
            position=(parse_rfc3339(at), int(seq)),
        )
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise _malformed(MORE) from error


def _whole_number(given: Parameters, name: str) -> int:
    text = given.get(name, "0")
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise _malformed(name)
    return int(text)


def _malformed(name: str) -> InvalidInput:
    return InvalidInput("parameter_malformed", f"参数 {name} 的值不符合规范")
