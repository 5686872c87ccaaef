import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from bridge.intake.xapi.cleaning import AsSent
from bridge.intake.xapi.model import MAX_PAGE, Caller, Query, Store, Version
from bridge.intake.xapi.query import check_names, cursor, read_query, single_statement
from bridge.intake.xapi.service import pack, read_batch
from bridge.intake.xapi.terms import Terms
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from tests.intake.xapi.statements import ACTIVITY, LEARNER, Json, statement, substatement, uid, voiding

TERMS = Terms(InstitutionId("org"), Store.RECORDS)
AT = datetime(2026, 11, 28, 8, 0, 0, 123456, tzinfo=UTC)


def read(**given: str) -> Query:
    return read_query(given, AsSent(), TERMS)


def terms_of(whole: Json) -> Mapping[str, bool]:
    """Return the terms of a statement as it is kept."""
    caller = Caller("xk", InstitutionId("org"), "s", frozenset(), Store.RECORDS, None, Version.ONE)
    return pack(read_batch(whole, (), Version.ONE, b""), AsSent(), caller)[0].terms


def test_what_is_asked_becomes_terms_the_rarest_first() -> None:
    agent = json.dumps(LEARNER)
    asked = {
        "verb": "https://v.example",
        "agent": agent,
        "related_agents": "true",
        "registration": uid(1).upper(),
    }
    query = read(**asked, limit="5", since="2026-11-28T08:00:00Z", ascending="true")
    assert query.terms == (
        (TERMS.key("registration", uid(1)), True),
        (TERMS.agent(LEARNER), False),
        (TERMS.key("verb", "https://v.example"), True),
    )
    assert (query.limit, query.ascending, query.after) == (5, True, datetime(2026, 11, 28, 8, tzinfo=UTC))
    assert read(limit="0").limit == read(limit="100000").limit == MAX_PAGE


def test_a_cursor_brings_the_query_back_from_its_place() -> None:
    query = Query(
        terms=(("a" * 32, True), ("b" * 32, False)),
        after=AT,
        before=AT,
        ascending=True,
        limit=3,
        format="ids",
        attachments=True,
    )
    again = read(cursor=cursor(query, (AT, 17)))
    assert again == Query(
        **{**{name: getattr(query, name) for name in Query.__slots__}, "position": (AT, 17)}
    )


@pytest.mark.parametrize(
    "parts",
    [
        {},
        [],
        {"t": 1},
        {"t": [], "a": None, "b": None, "u": 1, "l": 1, "f": "other", "m": 0, "p": [AT.isoformat(), 1]},
        {"t": [], "a": None, "b": None, "u": 1, "l": "x", "f": "ids", "m": 0, "p": [AT.isoformat(), 1]},
        {"t": [], "a": "yesterday", "b": None, "u": 1, "l": 1, "f": "ids", "m": 0, "p": [AT.isoformat(), 1]},
    ],
)
def test_a_made_up_cursor_is_refused(parts: object) -> None:
    made_up = base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()
    with pytest.raises(InvalidInput, match="parameter_malformed"):
        read(cursor=made_up)
    with pytest.raises(InvalidInput, match="parameter_unknown"):
        read(cursor=made_up, limit="1")


def test_one_statement_is_asked_for_by_its_id_alone() -> None:
    assert single_statement({"verb": "x"}) is None
    assert single_statement({"statementId": uid(1)}) == (uid(1), False)
    assert single_statement({"voidedStatementId": uid(1), "format": "ids"}) == (uid(1), True)
    with pytest.raises(InvalidInput, match="parameter_unknown"):
        check_names({"Limit": "1"}, frozenset({"limit"}))


def test_terms_say_who_and_what_a_statement_is_about() -> None:
    def term(kind: str, text: str) -> str:
        return TERMS.key(kind, text)

    agent, activity = TERMS.agent(LEARNER), term("activity", "https://lms.example/mod/video/42")
    verb = term("verb", "http://adlnet.gov/expapi/verbs/completed")
    assert terms_of(statement()) == {agent: True, verb: True, activity: True}
    # What stands in a SubStatement is related, and its verb is nobody's.
    other = {"account": {"homePage": "https://lms.example", "name": "other"}}
    assert terms_of({**substatement(), "actor": other}) == {
        TERMS.agent(other): True,
        verb: True,
        agent: False,
        activity: False,
    }
    context = {"registration": uid(1), "contextActivities": {"parent": {"id": "https://p.example"}}}
    with_context = terms_of(statement(context=context))
    assert with_context[term("registration", uid(1))]
    assert not with_context[term("activity", "https://p.example")]
    # What a statement meets by itself and by what is related to it, it meets by itself.
    both = {"contextActivities": {"parent": [ACTIVITY]}, "instructor": LEARNER}
    assert terms_of(statement(context=both)) == {agent: True, verb: True, activity: True}
    assert TERMS.of("authority", LEARNER) == {agent: False}
    assert activity not in terms_of(voiding(uid(1)))
    assert Terms(InstitutionId("org"), Store.CONFORMANCE).agent(LEARNER) != agent
    assert Terms(InstitutionId("other"), Store.RECORDS).agent(LEARNER) != agent
