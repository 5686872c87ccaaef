import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.xapi.decoding import decoded
from bridge.kernel.errors import InvalidInput

_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(value=_values, ascii_only=st.booleans())
def test_json_is_read_as_the_library_reads_it(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    try:
        expected = json.loads(body.decode())
        json.dumps(expected, ensure_ascii=False).encode()
    except ValueError:
        with pytest.raises(InvalidInput, match="json_malformed"):
            decoded(body)
        return
    found = decoded(body)
    # As text, since 1, 1.0 and true are equal in Python.
    assert json.dumps(found) == json.dumps(expected)


@given(value=_values, name=st.text(), other=_values)
def test_no_name_may_come_twice_wherever_it_stands(value: Any, name: str, other: Any) -> None:
    twice = f"{{{json.dumps(name)}: {json.dumps(value)}, {json.dumps(name)}: {json.dumps(other)}}}"
    for body in (twice, f"[{twice}]", f'{{"a": [{{"b": {twice}}}]}}'):
        with pytest.raises(InvalidInput, match="json_malformed"):
            decoded(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 1}',
        b'{"a": 1, "\\u0061": 2}',
        b'{"b": "\\u0022\\u0022", "a": 1, "a": 2}',
        b'[{"a": "x", "b": {"c": "", "c": "y"}}]',
        b"[NaN]",
        b"[1e400]",
        b'["\\ud800"]',
        b'["\xed\xa0\x80"]',
        b'["\xff"]',
        b"[1,]",
        b"[01]",
        b'{"a": 1} 2',
        b"",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_two_readers_may_read_differently_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="json_malformed"):
        decoded(body)
