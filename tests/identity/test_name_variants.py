import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.identity.model import is_name, normalise_name
from bridge.identity.name_variants import differ_in_variants_alone

_HAN = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF)
_RARE = st.characters(min_codepoint=0x20000, max_codepoint=0x2A6DF)
NAMES = st.text(st.one_of(_HAN, _RARE), min_size=2, max_size=4)


@pytest.mark.parametrize(
    ("listed", "typed"),
    [("陳曉安", "陈晓安"), ("張偉", "张伟"), ("后美麗", "後美丽"), ("阿不都·熱合曼", "阿不都·热合曼")],
)
def test_traditional_and_simplified_writing_is_told_and_is_no_equality(listed: str, typed: str) -> None:
    assert differ_in_variants_alone(listed, typed)
    assert normalise_name(listed) != normalise_name(typed)


@pytest.mark.parametrize(
    ("one", "other"), [("陈晓安", "陈晓安"), ("陈 晓安", "陈晓安"), ("陈晓安", "陈小安")]
)
def test_equal_names_and_other_names_are_no_variants(one: str, other: str) -> None:
    assert not differ_in_variants_alone(one, other)


@given(NAMES, NAMES)
def test_names_of_other_characters_are_never_equal(one: str, other: str) -> None:
    assert (normalise_name(one) == normalise_name(other)) == (one == other)


@given(NAMES)
def test_rare_characters_stay_as_they_are(name: str) -> None:
    assert normalise_name(name) == name
    assert is_name(name)


@given(st.text(st.one_of(_HAN, _RARE, st.sampled_from(" ·•.．　AbzＺé\u200b")), max_size=30))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise_name(text)
    assert normalise_name(once) == once


@pytest.mark.parametrize("written", ["陈\u200b晓安", "陈晓安\ufeff", "陈\U000e0100晓安"])
def test_marks_without_a_shape_do_not_part_a_person_from_themselves(written: str) -> None:
    assert normalise_name(written) == "陈晓安"
