import json
from typing import Any

import pytest

from bridge.identity.citizen_id import check_character
from bridge.intake.contact import REMOVED
from bridge.intake.xapi.cleaning import AsSent, Blinded, identifier_of
from bridge.intake.xapi.model import Version
from bridge.intake.xapi.validation import check_statement
from tests.intake.xapi.statements import ACTIVITY, LEARNER, statement, substatement, uid

PAGE = "https://bridge.example/xAPI/blind"
_BODY = "44019919800115123"
CITIZEN_ID = _BODY + check_character(_BODY)
MAIL, PHONE = "canary@lms.example", "13900020001"


def blinded() -> Blinded:
    references: dict[tuple[str, str], str] = {}

    def blind(kind: str, text: str) -> str:
        return references.setdefault((kind, text), f"blind_{len(references):032x}")

    return Blinded(blind, PAGE)


def text_of(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    "agent",
    [
        {"name": "钟离某", "mbox": f"mailto:{MAIL}"},
        {"mbox_sha1sum": "a" * 40},
        {"openid": f"https://people.example/{PHONE}"},
        {"account": {"homePage": "https://lms.example", "name": CITIZEN_ID}},
    ],
)
def test_whoever_is_named_becomes_a_blind_account(agent: dict[str, Any]) -> None:
    kept = blinded().statement(statement(actor=agent))
    assert kept["actor"] == {"account": {"homePage": PAGE, "name": "blind_" + "0" * 32}}
    check_statement(kept, Version.ONE)


def test_everybody_in_a_statement_is_blind() -> None:
    someone = {"mbox": f"mailto:{MAIL}", "name": "钟离某"}
    group = {"objectType": "Group", "name": "钟离班", "member": [someone]}
    whole = substatement(
        actor=group,
        context={
            "instructor": someone,
            "team": group,
            "contextAgents": [{"objectType": "contextAgent", "agent": someone}],
            "contextGroups": [{"objectType": "contextGroup", "group": group}],
        },
    )
    kept = blinded().statement({**whole, "actor": someone, "authority": someone})
    check_statement(kept, Version.TWO)
    assert MAIL not in text_of(kept)
    assert "钟离" not in text_of(kept)
    assert blinded().statement(statement(object={**someone, "objectType": "Agent"}))["object"]["account"]


def test_the_same_person_is_the_same_reference_and_an_address_the_same_as_its_hash() -> None:
    keeping = blinded()
    first = keeping.agent({"mbox": f"mailto:{MAIL}"})
    import hashlib

    hashed = hashlib.sha1(f"mailto:{MAIL}".encode(), usedforsecurity=False).hexdigest()
    assert keeping.agent({"mbox_sha1sum": hashed}) == first
    assert keeping.agent(LEARNER)["account"] != first["account"]
    assert keeping.agent(first) == first  # what was read may be sent again


def test_a_made_up_reference_is_blinded_like_any_other_account() -> None:
    forged = {"account": {"homePage": PAGE, "name": f"mailto:{MAIL}"}}
    assert MAIL not in text_of(blinded().agent(forged))


@pytest.mark.parametrize(
    "changed",
    [
        {"object": {"id": f"mailto:{MAIL}"}},
        {"object": {"id": f"https://lms.example/u/{PHONE}"}},
        {"object": {**ACTIVITY, "definition": {"name": {"id": f"call {PHONE}", "zh": f"微信 wx: {'abcdef'}"}}}},
        {"object": {**ACTIVITY, "definition": {"moreInfo": f"https://lms.example/?mail={MAIL}"}}},
        {"object": {**ACTIVITY, "definition": {"interactionType": "choice", "choices": [{"id": PHONE}]}}},
        {"result": {"extensions": {"https://x.example/email": "x", "https://x.example/note": MAIL}}},
        {"result": {"extensions": {"https://x.example/n": 13900020001}}},
        {"result": {"extensions": {"https://x.example/r": {"real_name": "钟离某", "password": "s3cret-canary"}}}},
        {"result": {"extensions": {f"https://x.example/{MAIL}": 1}}},
        {"result": {"extensions": {"https://x.example/id": f"号码 {CITIZEN_ID}"}}},
        {"result": {"response": f"我是钟离某 {PHONE}"}},
        {"context": {"platform": f"contact {MAIL}", "language": "zh"}},
        {"verb": {"id": "https://v.example/x", "display": {"zh": MAIL, "actor": PHONE}}},
        {"attachments": [{"usageType": "https://t.example", "display": {"zh": MAIL}, "contentType": "a/b",
                          "length": 1, "sha2": "a" * 64, "fileUrl": "https://f.example/?api_key=s3cret-canary"}]},
    ],
)  # fmt: skip
def test_contact_data_secrets_and_citizen_ids_go_wherever_they_stand(changed: dict[str, Any]) -> None:
    sent = statement(**changed)
    check_statement(sent, Version.ONE)
    for one in (blinded().statement(sent), blinded().statement(substatement(**changed))):
        check_statement(one, Version.ONE)
        for trace in (MAIL, PHONE, CITIZEN_ID, "s3cret-canary", "钟离", "wx: abcdef"):
            assert trace not in text_of(one)


def test_what_names_nobody_stays_as_it_is() -> None:
    sent = statement(
        id="13900020-0000-4000-8000-139000200019",
        object={
            **ACTIVITY,
            "definition": {"name": {"zh-CN": "第3章 高处作业 2026版"}, "interactionType": "choice"},
        },
        result={"score": {"scaled": 0.85}, "response": "a[,]b", "duration": "PT1H", "completion": True},
        context={
            "registration": uid(2),
            "extensions": {
                "https://w3id.org/xapi/video/extensions/session-id": uid(3),
                "https://x.example/n": 1.5,
            },
        },
        timestamp="2026-11-28T08:00:00.139000200Z",
    )
    kept = blinded().statement(sent)
    assert {**kept, "actor": LEARNER} == sent


def test_a_response_is_kept_where_it_is_one_of_given_answers_alone() -> None:
    def response(kind: str | None) -> dict[str, Any]:
        definition = {} if kind is None else {"interactionType": kind}
        about = {**ACTIVITY, "definition": definition}
        kept = blinded().statement(statement(object=about, result={"response": "甲", "success": True}))
        result: dict[str, Any] = kept["result"]
        return result

    assert response("true-false") == {"response": "甲", "success": True}
    for kind in ("long-fill-in", "fill-in", "other", None):
        assert response(kind) == {"success": True}


def test_a_document_is_cleaned_to_its_depths() -> None:
    kept = blinded().document(
        {"page": 3, "notes": [f"call {PHONE}"], "cmi.core.student_name": "钟离某", "token": {"secret": "x"}}
    )
    assert kept == {"page": 3, "notes": [f"call {REMOVED}"]}


def test_a_store_of_made_up_people_keeps_what_it_is_sent() -> None:
    sent = statement(actor={"mbox": f"mailto:{MAIL}"})
    assert AsSent().statement(sent) == sent
    assert AsSent().agent({"mbox": f"mailto:{MAIL}"}) == {"mbox": f"mailto:{MAIL}"}
    assert identifier_of({"objectType": "Group"}) is None
