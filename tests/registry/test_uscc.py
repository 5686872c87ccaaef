import pytest

from bridge.kernel.errors import InvalidInput
from bridge.registry.uscc import check_character, check_uscc

# The first is a published example of the standard, so that the arithmetic is not checked by itself.
CODES = ["91350100M000100Y43", "52440199MJK000001Y"]


@pytest.mark.parametrize("code", CODES)
def test_good_codes_are_returned_plain(code: str) -> None:
    assert check_uscc(f" {code[:8].lower()} {code[8:]}") == code


@pytest.mark.parametrize("position", range(18))
def test_one_wrong_character_is_found(position: int) -> None:
    code = CODES[1]
    other = "1" if code[position] != "1" else "2"
    with pytest.raises(InvalidInput, match="uscc_check_digit"):
        check_uscc(code[:position] + other + code[position + 1 :])


@pytest.mark.parametrize("text", ["", "5244019", "52440199MIK000001Y", "52440199MJK000001Y1"])
def test_what_is_no_code_is_malformed(text: str) -> None:
    with pytest.raises(InvalidInput, match="uscc_malformed"):
        check_uscc(text)


def test_a_sum_that_needs_no_complement_gives_zero() -> None:
    assert check_character("0" * 17) == "0"
