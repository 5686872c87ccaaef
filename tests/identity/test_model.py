import pytest

from bridge.identity.model import (
    DisclosedIdentity,
    context_of,
    is_name,
    mask_citizen_id,
    mask_name,
    normalise_name,
)


@pytest.mark.parametrize(
    ("written", "same"),
    [
        (" 陈 晓安 ", "陈晓安"),
        ("陈　晓安", "陈晓安"),
        ("阿不都•热合曼", "阿不都·热合曼"),
        ("阿不都・热合曼", "阿不都·热合曼"),
        ("阿不都 . 热合曼", "阿不都·热合曼"),
        ("ｊｏｈｎ  smith", "JOHN SMITH"),
    ],
)
def test_names_are_compared_whatever_their_spaces_dots_and_widths(written: str, same: str) -> None:
    assert normalise_name(written) == normalise_name(same) == same


@pytest.mark.parametrize("text", ["", "·", "陈1", "<b>陈", "陈\x00安", "陈" * 51, "_"])
def test_what_is_no_name_is_not_taken_for_one(text: str) -> None:
    assert not is_name(normalise_name(text))


def test_a_name_with_a_rare_character_is_a_name() -> None:
    assert is_name(normalise_name("陈𠮷"))


@pytest.mark.parametrize(
    ("name", "masked"), [("陈晓安", "陈*安"), ("黄强", "黄*"), ("欧阳小明", "欧**明"), ("陈", "陈")]
)
def test_a_masked_name_keeps_its_first_and_last_character(name: str, masked: str) -> None:
    assert mask_name(name) == masked


def test_a_masked_number_keeps_three_and_four_characters() -> None:
    assert mask_citizen_id("440199199003071219") == "440***********1219"


def test_a_disclosed_identity_does_not_print_the_person() -> None:
    person = DisclosedIdentity("陈晓安", "440199199003071219", "示例公司")
    assert "陈晓安" not in repr(person)
    assert "440199199003071219" not in f"{person}"
    assert person.masked().name == "陈*安"


@pytest.mark.parametrize("claims", [{}, {"https://purl.imsglobal.org/spec/lti/claim/context": {"id": 7}}])
def test_claims_without_a_context_name_none(claims: dict[str, object]) -> None:
    assert context_of(claims) is None
