import base64
import gzip

import pytest

from bridge.completion.status_list import LENGTH, encoded, is_set


def test_the_first_bit_is_the_leftmost_of_sixteen_kilobytes() -> None:
    text = encoded([0, 9])
    assert text.startswith("u")
    assert "=" not in text
    bits = gzip.decompress(base64.urlsafe_b64decode(text[1:] + "=" * (-len(text[1:]) % 4)))
    assert len(bits) == 16 * 1024
    assert bits[:2] == bytes([0b1000_0000, 0b0100_0000])
    assert not any(bits[2:])


def test_a_bit_is_read_as_it_was_set() -> None:
    some = {0, 7, 8, 4711, LENGTH - 1}
    text = encoded(some)
    assert {at for at in (*some, 1, 9, 4710, LENGTH - 2) if is_set(text, at)} == some
    assert encoded(some) == text


@pytest.mark.parametrize("position", [-1, LENGTH])
def test_a_position_outside_of_the_list_is_refused(position: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        encoded([position])
    with pytest.raises(ValueError, match="outside"):
        is_set(encoded([]), position)
