import random
import string

import pytest
import segno

from plugins.completion.qr_code import modules

LETTERS = string.ascii_letters + string.digits + ":/.-?=&%"


@pytest.mark.parametrize("length", [1, 17, 63, 78, 140])
def test_a_symbol_is_module_for_module_the_one_that_segno_draws(length: int) -> None:
    dice = random.Random(length)
    for _ in range(12):
        text = "".join(dice.choice(LETTERS) for _ in range(length))
        drawn = segno.make(text, error="m", micro=False, mask=3, mode="byte").matrix
        assert modules(text) == tuple(bytes(row) for row in drawn)


def test_an_address_that_is_not_ascii_is_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        modules("https://例子.example.cn")
