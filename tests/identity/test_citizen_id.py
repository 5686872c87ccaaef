from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.identity.citizen_id import check_character, check_citizen_id
from bridge.kernel.errors import InvalidInput

TODAY = date(2026, 11, 23)


def _number(area: str = "440199", born: str = "19900307", sequence: str = "121") -> str:
    body = area + born + sequence
    return body + check_character(body)


def test_a_good_number_is_returned_as_it_stands() -> None:
    assert check_citizen_id("440199199003071219", TODAY).number == "440199199003071219"


@pytest.mark.parametrize("text", [" 440199 19900307 1219 ", "４４０１９９１９９００３０７１２１９"])
def test_spaces_and_full_width_digits_are_made_plain(text: str) -> None:
    assert check_citizen_id(text, TODAY).number == "440199199003071219"


def test_a_check_character_x_is_accepted_in_every_writing() -> None:
    number = next(n for n in (_number(sequence=f"{i:03d}") for i in range(1, 99)) if n.endswith("X"))
    for last in "XxＸｘ":
        assert check_citizen_id(number[:17] + last, TODAY).number == number


@given(st.integers(0, 17), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(position: int, shift: int) -> None:
    good = "440199199003071219"
    wrong = good[:position] + str((int(good[position]) + shift) % 10) + good[position + 1 :]
    with pytest.raises(InvalidInput) as refused:
        check_citizen_id(wrong, TODAY)
    assert refused.value.reason == "citizen_id_check_digit"
    assert wrong not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "44019919900307121",
        "4401991990030712199",
        "44019919900307121Y",
        "4401991990030712X9",
        _number(born="19900230"),
        _number(born="18991231"),
        _number(born="20261124"),
        "440199900307121",
    ],
)
def test_what_is_no_number_is_malformed(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_citizen_id(text, TODAY)
    assert refused.value.reason == "citizen_id_malformed"


def test_somebody_born_today_is_accepted() -> None:
    assert check_citizen_id(_number(born="20261123"), TODAY).area_known


@pytest.mark.parametrize("area", ["810000", "820000", "830000"])
def test_residence_permits_are_accepted(area: str) -> None:
    assert check_citizen_id(_number(area=area), TODAY).area_known


def test_an_unknown_area_is_a_warning_only() -> None:
    assert not check_citizen_id(_number(area="180000"), TODAY).area_known


def test_a_foreigners_card_is_accepted_by_its_check_character() -> None:
    body = "91115699001307121"
    assert check_citizen_id(body + check_character(body), TODAY).area_known
