"""The signed state: only what this tool sealed opens, whole and unchanged; and the marks that ship with the library."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.util import urlsafe_b64decode

from lti.state import FLOW_SECONDS, LoginFlow, MemoryUsedStates, StateSeal, UsedStates, new_flow
from tests.lti.platform import START
from tests.lti.used_states_contract import UsedStatesContract

SEAL = StateSeal(b"k" * 32)


def a_flow(**changes: str) -> LoginFlow:
    known = {"browser_id": "browser", "target_link_uri": "https://tool.example/1", "registration_id": "reg_1"}
    return new_flow(now_seconds=int(START.timestamp()), **{**known, **changes})


class TestMemory(UsedStatesContract):
    @pytest.fixture
    def used(self) -> UsedStates:
        return MemoryUsedStates()


@given(
    registration=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40),
    target=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=64),
    seconds=st.integers(0, 2**40),
)
def test_what_was_sealed_opens_as_it_was(registration: str, target: str, seconds: int) -> None:
    flow = new_flow(
        browser_id="b",
        target_link_uri="t",
        registration_id=registration,
        now_seconds=seconds,
        storage_target=target,
    )
    assert SEAL.open(SEAL.seal(flow)) == flow


@given(st.data())
def test_one_changed_bit_opens_nothing(data: st.DataObject) -> None:
    sealed = bytearray.fromhex(SEAL.seal(a_flow()))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    assert SEAL.open(sealed.hex()) is None


@given(st.text(max_size=400))
def test_anything_else_opens_nothing(text: str) -> None:
    assert SEAL.open(text) is None


@pytest.mark.parametrize(
    "spoil", [str.upper, lambda s: s[:2] + " " + s[2:], lambda s: s + "00", lambda s: s[:-2]]
)
def test_another_spelling_of_the_same_state_opens_nothing(spoil: object) -> None:
    assert callable(spoil)
    assert SEAL.open(spoil(SEAL.seal(a_flow()))) is None


def test_another_tools_seal_opens_nothing() -> None:
    assert StateSeal(b"x" * 32).open(SEAL.seal(a_flow())) is None


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        StateSeal(b"short")


def test_the_secrets_of_a_flow_differ_by_flow_purpose_and_key_and_stand_in_no_state() -> None:
    first, second = a_flow(), a_flow()
    secrets = {
        SEAL.nonce(first),
        SEAL.nonce(second),
        SEAL.storage_value(first),
        StateSeal(b"x" * 32).nonce(first),
    }
    assert len(secrets) == 4
    assert {len(one) for one in secrets} == {43}
    sealed = bytes.fromhex(SEAL.seal(first))
    assert not [one for one in secrets if urlsafe_b64decode(one.encode()) in sealed]
    assert b"browser" not in sealed


def test_a_flow_knows_its_browser_its_target_and_its_end() -> None:
    flow = a_flow()
    assert (flow.is_bound_to("browser"), flow.is_bound_to("browser2"), flow.is_bound_to("")) == (
        True,
        False,
        False,
    )
    assert (flow.opens("https://tool.example/1"), flow.opens("https://tool.example/2")) == (True, False)
    assert flow.expires_at(FLOW_SECONDS) == START + timedelta(seconds=600)


def test_marks_in_memory_do_not_grow_for_ever() -> None:
    used = MemoryUsedStates()
    for number in range(100):
        assert used.use(number.to_bytes(16), START + timedelta(minutes=number))
    assert len(used._used) <= 61
