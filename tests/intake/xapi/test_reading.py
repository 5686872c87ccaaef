"""What is read by its parts is what is read whole, whatever is remembered of it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.intake.xapi.cleaning import AsSent
from bridge.intake.xapi.decoding import decoded
from bridge.intake.xapi.fragments import NAMED, NOTHING, Fragments, Recall
from bridge.intake.xapi.model import Caller, Store, Version
from bridge.intake.xapi.reading import Said, statements
from bridge.intake.xapi.service import pack, read_batch
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from tests.intake.xapi.statements import statement, uid

CALLER = Caller("xk", InstitutionId("org"), "s", frozenset(), Store.CONFORMANCE, None, Version.TWO)
_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-1, 1) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
_properties = st.dictionaries(st.sampled_from([*NAMED, "id", "result", "x"]), _values, max_size=5)
_bodies = st.lists(_properties, max_size=4) | _properties | _values


def values_of(found: Any) -> Any:
    return [one.value for one in found] if isinstance(found, list) else found.value


def remembering() -> Recall:
    """Return what remembers all properties of `statement()`, as it writes them and without spaces."""
    recall = Fragments().of(CALLER, Version.TWO)
    for separators in ((", ", ": "), (",", ":")):
        body = json.dumps([statement(id=uid(1))], separators=separators, ensure_ascii=False).encode()
        pack(read_batch(statements(body, recall), (), Version.TWO, body, recall), AsSent(), CALLER, recall)
    return recall


@given(value=_bodies, ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_parts_are_read_as_the_whole_is(value: Any, ascii_only: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    # As text, since 1, 1.0 and true are equal in Python.
    assert json.dumps(values_of(statements(body, NOTHING))) == json.dumps(decoded(body))


@given(
    value=_properties, name=st.sampled_from([*NAMED, "x"]), first=_values, second=_values, many=st.booleans()
)
def test_no_name_may_come_twice(value: Any, name: str, first: Any, second: Any, many: bool) -> None:
    rest = "".join(f",{json.dumps(key)}:{json.dumps(item)}" for key, item in value.items() if key != name)
    for twice in (
        f'{{"{name}":{json.dumps(first)},"{name}":{json.dumps(second)}{rest}}}',
        f'{{"{name}":{{"a":{json.dumps(first)},"a":{json.dumps(second)}}}{rest}}}',
        f'{{"{name}":[{{"a":{json.dumps(first)},"a":{json.dumps(second)}}}]{rest}}}',
    ):
        body = f"[{{}},{twice}]" if many else twice
        with pytest.raises(InvalidInput, match="json_malformed"):
            statements(body.encode(), NOTHING)


@pytest.mark.parametrize("name", ["actor", "verb", "object"])
def test_a_name_that_comes_twice_is_seen_where_its_values_are_remembered(name: str) -> None:
    recall = remembering()
    text = json.dumps(statement()[name], ensure_ascii=False)
    whole = json.dumps(statement(id=uid(2)), ensure_ascii=False)[:-1]
    assert statements(f"{whole}}}".encode(), recall).known.keys() >= {"verb", "object"}
    with pytest.raises(InvalidInput, match="json_malformed"):
        statements(f'{whole}, "{name}": {text}}}'.encode(), recall)


def test_what_is_remembered_is_not_read_again() -> None:
    recall = remembering()
    body = json.dumps([statement(id=uid(2)), statement(id=uid(3))], ensure_ascii=False).encode()
    one, other = statements(body, recall)
    assert one.value["object"] is other.value["object"]
    assert [one.value, other.value] == json.loads(body)


def test_what_is_no_statement_is_handed_on() -> None:
    assert statements(b"[1, null]", NOTHING) == [Said(1, {}, {}), Said(None, {}, {})]
    assert statements(b'"text"', NOTHING) == Said("text", {}, {})
