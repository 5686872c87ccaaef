from hypothesis import given
from hypothesis import strategies as st

from bridge.completion.paper_number import new_number, normalised

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def test_a_number_reads_back_however_it_is_typed() -> None:
    number = new_number("440100", 2026)
    assert normalised(number) == number
    assert normalised(f"  {number.lower().replace('-', ' ')} ") == number


def test_letters_that_look_like_digits_are_forgiven() -> None:
    number = new_number("440100", 2026)
    assert normalised(number[:12] + number[12:].replace("0", "O").replace("1", "l")) == number


@given(place=st.integers(0, 14), other=st.sampled_from(_ALPHABET))
def test_one_wrong_character_is_never_a_number(place: int, other: str) -> None:
    number = new_number("440100", 2026)
    at = [i for i, c in enumerate(number) if i >= 12 and c != "-"][place]
    if number[at] != other:
        assert normalised(number[:at] + other + number[at + 1 :]) is None


def test_numbers_hold_at_least_64_bits_of_chance() -> None:
    chance = new_number("440100", 2026)[12:].replace("-", "")[:-1]
    assert len(chance) * 5 >= 64
    assert len({new_number("440100", 2026) for _ in range(2000)}) == 2000


def test_other_text_is_no_number() -> None:
    for text in ("", "440100-2026", "../../etc/passwd", "440100-2026-" + "U" * 16, "x" * 10_000):
        assert normalised(text) is None
