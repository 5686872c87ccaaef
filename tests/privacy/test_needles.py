"""What is looked for is found in every form in which systems write it, and is not seen where it is not."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.errors import InvalidInput
from bridge.privacy.needles import Found, find, read_needles

FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
WRITINGS: tuple[Callable[[str], bytes], ...] = (
    lambda text: text.encode(),
    lambda text: text.upper().encode(),
    lambda text: text.encode("utf-16-le"),
    lambda text: text.encode("gb18030"),
    lambda text: json.dumps(text).encode(),
    lambda text: quote(text, safe="").encode(),
    lambda text: text.encode().hex().encode(),
    lambda text: text.translate(FULL_WIDTH).encode(),
)
# No letters that another one becomes as a capital and never comes back from.
TEXTS = (
    st.text("abcxyz0123456789 @._-陈晓安号微信", min_size=5, max_size=30)
    .map(str.strip)
    .filter(lambda text: len(text) >= 5)
)


@given(
    text=TEXTS, writing=st.sampled_from(WRITINGS), before=st.binary(max_size=8), after=st.binary(max_size=8)
)
def test_a_string_is_found_however_it_is_written(
    text: str, writing: Callable[[str], bytes], before: bytes, after: bytes
) -> None:
    content = before + b"\0" + writing(text) + b"\0" + after
    assert [found.line for found in find(content, read_needles([text]))] == [1]


@given(
    text=TEXTS,
    before=st.binary(max_size=9),
    after=st.binary(max_size=9),
    encode=st.sampled_from([base64.b64encode, base64.urlsafe_b64encode]),
)
def test_a_string_is_found_at_any_place_of_encoded_bytes(
    text: str, before: bytes, after: bytes, encode: Callable[[bytes], bytes]
) -> None:
    assert list(find(encode(before + text.encode() + after), read_needles([text])))


@pytest.mark.parametrize(
    "written", ["138 0013 8000", "138-0013-8000", "+86 (138) 0013 8000", "１３８ ００１３ ８０００"]
)
def test_a_number_is_found_between_its_separators(written: str) -> None:
    assert list(find(f"电话:{written}。".encode(), read_needles(["13800138000"])))
    assert list(find(b"x13800138000x", read_needles([written.removeprefix("+86 ")])))


@given(content=st.binary(max_size=200))
def test_what_is_not_there_is_not_found(content: bytes) -> None:
    assert list(find(content, read_needles(["somebody@lms.example", "陈晓安与黄志强"]))) == []


def test_what_is_found_is_named_by_its_line() -> None:
    needles = read_needles(["\ufeffnobody@lms.example", "", "  wx_canary_001 "])
    assert list(find(b"a WX_CANARY_001", needles)) == [Found(3, "normalised")]


@pytest.mark.parametrize("lines", [[], ["", " "], ["1234"], ["安"], ["x" * 201], ["canary"] * 10_001])
def test_a_list_that_cannot_be_looked_for_is_refused(lines: list[str]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_needles(lines)
    assert refused.value.reason == "privacy_strings"
