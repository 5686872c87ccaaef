"""Canonical JSON against another implementation of RFC 8785, and the chain over it."""

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from bridge.kernel.canonical import GENESIS, canonical_json, chained_hash, sha256_hex

text = st.text(st.characters(exclude_categories=["Cs"]))
scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_it_writes_what_another_implementation_writes(value: Any) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)


@given(values)
def test_it_reads_back_to_the_same_value(value: Any) -> None:
    assert json.loads(canonical_json(value)) == value


def test_keys_are_sorted_by_utf_16_code_units() -> None:
    # The example of RFC 8785 section 3.2.3: U+1F600 sorts before U+FB33, since its surrogates do.
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "ö": 7}

    assert list(json.loads(canonical_json(keys))) == [
        "\r",
        "1",
        "\x80",
        "ö",
        "\u20ac",
        "\U0001f600",
        "\ufb33",
    ]


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, -(2**53), b"bytes", {1, 2}, object()])
def test_what_is_not_interoperable_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"interoperable|chained JSON"):
        canonical_json({"deep": [value]})


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        canonical_json({1: "one"})


def test_tuples_are_lists() -> None:
    assert canonical_json((1, ("a", None))) == b'[1,["a",null]]'


@given(st.binary(), st.binary(min_size=1))
def test_a_chained_hash_hangs_on_both_the_record_and_what_came_before(record: bytes, other: bytes) -> None:
    first = chained_hash(GENESIS, record)

    assert first == hashlib.sha256(bytes(32) + record).hexdigest()
    assert chained_hash(first, record) != first
    assert chained_hash(GENESIS, record + other) != first
    assert sha256_hex(record) == hashlib.sha256(record).hexdigest()
