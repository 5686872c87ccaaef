from bridge.intake.xapi.answers import person
from bridge.intake.xapi.presentation import shown
from tests.intake.xapi.statements import ACTIVITY, LEARNER, statement

DEFINITION = {
    "name": {"en-US": "lesson", "zh-CN": "课", "fr": "leçon"},
    "extensions": {"https://x.example": {"a": 1}},
}
WHOLE = statement(actor={**LEARNER, "name": "somebody"}, object={**ACTIVITY, "definition": DEFINITION})


def test_ids_are_what_identifies_and_no_more() -> None:
    found = shown(WHOLE, "ids", [])
    assert found["actor"] == LEARNER
    assert found["verb"] == {"id": WHOLE["verb"]["id"]}
    assert found["object"] == {"id": ACTIVITY["id"]}


def test_canonical_is_in_one_language() -> None:
    def name(*languages: str) -> dict[str, str]:
        words: dict[str, str] = shown(WHOLE, "canonical", languages)["object"]["definition"]["name"]
        return words

    assert name("zh") == name("de", "zh-CN") == {"zh-CN": "课"}
    assert name() == name("de") == {"en-US": "lesson"}
    assert shown(WHOLE, "canonical", ["fr"])["object"]["definition"]["extensions"] == DEFINITION["extensions"]
    assert shown(WHOLE, "exact", ["fr"]) == WHOLE


def test_a_person_is_told_with_what_was_asked() -> None:
    assert person(LEARNER) == {"objectType": "Person", "account": [LEARNER["account"]]}
