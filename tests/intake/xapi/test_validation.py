import pytest

from bridge.intake.xapi.model import SENTENCES, StatementFault, Version
from bridge.intake.xapi.validation import check_agent, check_statement
from tests.intake.xapi.statements import LEARNER, Json, statement, substatement, uid

GROUP = {"objectType": "Group", "member": [LEARNER]}
QUESTION = {"interactionType": "choice", "choices": [{"id": "a"}, {"id": "b"}]}
RELATED = {"objectType": "contextAgent", "agent": LEARNER, "relevantTypes": ["https://types.example/mentor"]}
FILE = {
    "usageType": "https://types.example/file",
    "display": {"en": "a file"},
    "contentType": "text/plain; charset=utf-8",
    "length": 3,
    "sha2": "a" * 64,
    "fileUrl": "https://lms.example/file",
}


def activity(**definition: object) -> Json:
    return {"id": "https://lms.example/a", "definition": definition}


def found(value: object, version: Version = Version.ONE) -> tuple[str, str]:
    with pytest.raises(StatementFault) as raised:
        check_statement(value, version)
    return raised.value.reason, raised.value.pointer


@pytest.mark.parametrize("version", Version)
@pytest.mark.parametrize(
    "right",
    [
        statement(),
        statement(actor=GROUP, object={"objectType": "StatementRef", "id": uid(1)}),
        statement(actor={"mbox": "mailto:made-up@lms.example"}),
        statement(actor={"mbox_sha1sum": "a" * 40}, object=LEARNER),
        statement(actor={"openid": "https://people.example/7"}, object=GROUP),
        statement(object=activity(**QUESTION, extensions={"https://x.example/": None})),
        statement(result={"score": {"scaled": -1, "raw": 0, "min": 0, "max": 9.5}, "duration": "PT1H0.5S"}),
        statement(context={"registration": uid(2), "revision": "1", "contextActivities": {"parent": []}}),
        statement(timestamp="2026-11-28T08:00:00+08:00", version="1.0.9", attachments=[FILE]),
        substatement(timestamp="20261128T080000Z"),
        statement(verb={"id": "http://adlnet.gov/expapi/verbs/voided"},
                  object={"objectType": "StatementRef", "id": uid(3)}),
    ],
)  # fmt: skip
def test_what_the_specification_allows_passes(right: Json, version: Version) -> None:
    check_statement(right, version)


@pytest.mark.parametrize(
    ("wrong", "reason", "pointer"),
    [
        ([], "object_expected", ""),
        (statement(actor=None), "property_missing", "/actor"),
        (statement(verb=None), "property_missing", "/verb"),
        (statement(object=None), "property_missing", "/object"),
        ({**statement(), "Result": {}}, "property_unknown", "/Result"),
        ({**statement(), "result": None}, "null_forbidden", "/result"),
        (statement(id="7"), "uuid_malformed", "/id"),
        (statement(actor={"name": "nobody"}), "ifi_count", "/actor"),
        (statement(actor={**LEARNER, "mbox": "mailto:a@lms.example"}), "ifi_count", "/actor"),
        (statement(actor={"mbox": "a@lms.example"}), "mbox_malformed", "/actor/mbox"),
        (statement(actor={"mbox_sha1sum": "ab"}), "sha1_malformed", "/actor/mbox_sha1sum"),
        (statement(actor={"account": {"name": "7"}}), "account_malformed", "/actor/account"),
        (statement(actor={"objectType": "Group"}), "group_anonymous", "/actor"),
        (statement(actor={"objectType": "Group", "member": [GROUP]}), "member_not_agent", "/actor/member/0"),
        (statement(verb={"id": "completed"}), "iri_malformed", "/verb/id"),
        (statement(verb={"id": "https://v.example", "display": {"a12345678": ""}}), "language_malformed",
         "/verb/display/*"),
        (statement(object={"id": "https://a.example", "objectType": "Thing"}), "object_type",
         "/object/objectType"),
        (statement(object=activity(choices=[])), "interaction_type", "/object/definition/interactionType"),
        (statement(object=activity(interactionType="riddle")), "interaction_type",
         "/object/definition/interactionType"),
        (statement(object=activity(**{**QUESTION, "scale": []})), "component_foreign",
         "/object/definition/scale"),
        (statement(object=activity(interactionType="choice", choices=[{"id": "a"}, {"id": "a"}])),
         "component_duplicate", "/object/definition/choices"),
        (statement(object=activity(extensions={"no iri": 1})), "iri_malformed",
         "/object/definition/extensions/*"),
        (statement(result={"success": 1}), "boolean_expected", "/result/success"),
        (statement(result={"score": {"scaled": 1.01}}), "score_range", "/result/score/scaled"),
        (statement(result={"score": {"raw": True}}), "number_expected", "/result/score/raw"),
        (statement(result={"score": {"raw": 1, "min": 2}}), "score_range", "/result/score/raw"),
        (statement(result={"score": {"min": 2, "max": 2}}), "score_range", "/result/score/min"),
        (statement(result={"duration": "P4W1D"}), "duration_malformed", "/result/duration"),
        (statement(result={"response": "a\x00"}), "string_malformed", "/result/response"),
        (statement(object=LEARNER, context={"platform": "x"}), "context_object", "/context/platform"),
        (statement(context={"team": LEARNER}), "object_type", "/context/team/objectType"),
        (statement(context={"contextAgents": [RELATED]}), "property_unknown", "/context/contextAgents"),
        (statement(context={"contextActivities": {"parent": [{}]}}), "property_missing",
         "/context/contextActivities/parent/0/id"),
        (statement(timestamp="2026-11-28T08:00:00-00:00"), "timestamp_malformed", "/timestamp"),
        (statement(version="1.1.0"), "version_malformed", "/version"),
        (statement(authority=GROUP), "authority_malformed", "/authority"),
        (statement(attachments=[{**FILE, "length": "3"}]), "integer_expected", "/attachments/0/length"),
        (statement(verb={"id": "http://adlnet.gov/expapi/verbs/voided"}), "voiding_object", "/object"),
        (substatement(id=uid(1)), "substatement_nested", "/object/id"),
        (statement(object={**substatement(), "objectType": "SubStatement"}), "substatement_nested",
         "/object/object"),
        (substatement(result={"completion": "yes"}), "boolean_expected", "/object/result/completion"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(wrong: object, reason: str, pointer: str) -> None:
    assert found(wrong) == (reason, pointer)


def test_context_agents_belong_to_version_2() -> None:
    check_statement(statement(context={"contextAgents": [RELATED]}), Version.TWO)
    group = {"objectType": "contextGroup", "group": GROUP}
    check_statement(statement(context={"contextGroups": [group]}), Version.TWO)
    for wrong, reason, pointer in (
        ({**RELATED, "objectType": "Agent"}, "object_type", "/context/contextAgents/0/objectType"),
        ({**RELATED, "relevantTypes": []}, "array_empty", "/context/contextAgents/0/relevantTypes"),
        ({**RELATED, "relevantTypes": ["x"]}, "iri_malformed", "/context/contextAgents/0/relevantTypes/0"),
    ):
        assert found(statement(context={"contextAgents": [wrong]}), Version.TWO) == (reason, pointer)


@pytest.mark.parametrize("name", ["canary@lms.example", "13900020001", "a/b~c", "钟离某", ""])
def test_a_pointer_repeats_no_name_that_may_be_somebody_s(name: str) -> None:
    assert found({**statement(), name: 1}) == ("property_unknown", "/*")


def test_a_query_names_an_agent_or_a_group_that_has_an_identity() -> None:
    check_agent(LEARNER)
    check_agent({"objectType": "Group", "account": LEARNER["account"]})
    with pytest.raises(StatementFault, match="ifi_count"):
        check_agent(GROUP)


def test_every_sentence_is_chinese() -> None:
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in text) for text in SENTENCES.values())
