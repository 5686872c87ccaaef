"""Passkeys: right ones prove, once; nothing else does; on both databases."""

from dataclasses import replace
from typing import Any

import pytest

from bridge.identity.passkeys import Passkeys
from bridge.identity.second_factors import SecondFactors
from bridge.identity.staff import StaffAccount, StaffService
from bridge.kernel.errors import InvalidInput
from tests.identity.authenticator import SimulatedPasskey
from tests.identity.house import House

ORIGIN, RP = "https://bridge.example.cn", "bridge.example.cn"


def _account(house: House, login: str = "admin-wu") -> StaffAccount:
    with house.units.across_institutions("t") as tx:
        staff = StaffService(tx.session, house.clock)
        staff.invite("administrator", login)
        return staff.by_login(login)


@pytest.fixture
def passkeys(house: House) -> Passkeys:
    return Passkeys(house.units, house.clock, ORIGIN)


def _registered(passkeys: Passkeys, account: StaffAccount, *, counts: bool = True) -> SimulatedPasskey:
    made = SimulatedPasskey(ORIGIN, RP, counts)
    challenge, options = passkeys.ask_to_register(account)
    passkeys.register(account, challenge, made.create(options), "Chrome · Windows")
    return made


@pytest.mark.parametrize("counts", [True, False])
def test_a_passkey_proves_its_owner_again_and_again(house: House, passkeys: Passkeys, counts: bool) -> None:
    account = _account(house)
    made = _registered(passkeys, account, counts=counts)
    for _ in range(3):
        challenge, options = passkeys.ask(account)
        passkeys.prove(account, challenge, made.get(options))
    assert [one.kind for one in SecondFactors(house.units, house.clock, house.cipher).of(account.id)] == [
        "passkey"
    ]


@pytest.mark.parametrize("counts", [True, False])
def test_an_answer_counts_once(house: House, passkeys: Passkeys, counts: bool) -> None:
    account = _account(house)
    made = _registered(passkeys, account, counts=counts)
    challenge, options = passkeys.ask(account)
    answer = made.get(options)
    passkeys.prove(account, challenge, answer)
    with pytest.raises(InvalidInput, match="passkey_challenge_over"):
        passkeys.prove(account, challenge, answer)
    # Nor to another challenge.
    other, _ = passkeys.ask(account)
    with pytest.raises(InvalidInput, match="passkey_refused"):
        passkeys.prove(account, other, answer)


def test_a_wrong_answer_uses_its_challenge_up(house: House, passkeys: Passkeys) -> None:
    account = _account(house)
    made = _registered(passkeys, account)
    challenge, options = passkeys.ask(account)
    with pytest.raises(InvalidInput, match="passkey_refused"):
        passkeys.prove(account, challenge, {})
    with pytest.raises(InvalidInput, match="passkey_challenge_over"):
        passkeys.prove(account, challenge, made.get(options))


def test_a_challenge_ends_after_five_minutes(house: House, passkeys: Passkeys) -> None:
    account = _account(house)
    made = _registered(passkeys, account)
    challenge, options = passkeys.ask(account)
    assert passkeys.sweep() == 0
    house.clock.advance(minutes=5)
    with pytest.raises(InvalidInput, match="passkey_challenge_over"):
        passkeys.prove(account, challenge, made.get(options))
    house.clock.advance(seconds=1)
    assert passkeys.sweep() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "https://bridge.example.cn.evil.example"},
        {"origin": "http://bridge.example.cn"},
        {"origin": "https://bridge.example.cn:8443"},
        {"rp_id": "evil.example"},
        {"key": None},
    ],
)
def test_an_answer_made_elsewhere_proves_nothing(
    house: House, passkeys: Passkeys, change: dict[str, Any]
) -> None:
    account = _account(house)
    made = _registered(passkeys, account)
    if "key" in change:
        change = {"key": SimulatedPasskey(ORIGIN, RP).key}
    challenge, options = passkeys.ask(account)
    with pytest.raises(InvalidInput, match="passkey_refused"):
        passkeys.prove(account, challenge, replace(made, **change).get(options))
    if "key" not in change:
        challenge, options = passkeys.ask_to_register(account)
        other = SimulatedPasskey(ORIGIN, RP)
        with pytest.raises(InvalidInput, match="passkey_refused"):
            passkeys.register(account, challenge, replace(other, **change).create(options), "")


def test_a_copy_whose_counter_did_not_grow_is_refused(house: House, passkeys: Passkeys) -> None:
    account = _account(house)
    made = _registered(passkeys, account)
    copy = replace(made)
    challenge, options = passkeys.ask(account)
    passkeys.prove(account, challenge, made.get(options))
    challenge, options = passkeys.ask(account)
    with pytest.raises(InvalidInput, match="passkey_refused"):
        passkeys.prove(account, challenge, copy.get(options))


def test_a_passkey_proves_nobody_else(house: House, passkeys: Passkeys) -> None:
    account, other = _account(house), _account(house, "admin-li")
    made = _registered(passkeys, account)
    with pytest.raises(InvalidInput, match="passkey_missing"):
        passkeys.ask(other)
    _registered(passkeys, other)
    challenge, options = passkeys.ask(other)
    with pytest.raises(InvalidInput, match="passkey_refused"):
        passkeys.prove(other, challenge, made.get(options))
    challenge, options = passkeys.ask(other)
    with pytest.raises(InvalidInput, match="passkey_challenge_over"):
        passkeys.prove(account, challenge, made.get(options))


def test_a_challenge_of_one_purpose_serves_no_other(house: House, passkeys: Passkeys) -> None:
    account = _account(house)
    made = _registered(passkeys, account)
    challenge, options = passkeys.ask_to_register(account)
    with pytest.raises(InvalidInput, match="passkey_challenge_over"):
        passkeys.prove(account, challenge, made.get(options))


def test_one_passkey_is_registered_once(house: House, passkeys: Passkeys) -> None:
    account, other = _account(house), _account(house, "admin-li")
    made = _registered(passkeys, account)
    challenge, options = passkeys.ask_to_register(other)
    with pytest.raises(InvalidInput, match="passkey_taken"):
        passkeys.register(other, challenge, made.create(options), "")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"id": 1},
        {"rawId": None},
        {"id": "x", "rawId": "x", "type": "public-key", "response": None},
        {"id": "é", "rawId": "é", "type": "public-key", "response": {}},
        {"id": "eA", "rawId": "eA", "type": "public-key", "response": {"clientDataJSON": 5}},
    ],
)
def test_what_is_no_answer_is_refused(house: House, passkeys: Passkeys, answer: dict[str, Any]) -> None:
    account = _account(house)
    _registered(passkeys, account)
    challenge, _ = passkeys.ask(account)
    with pytest.raises(InvalidInput, match="passkey_refused"):
        passkeys.prove(account, challenge, answer)
    challenge, _ = passkeys.ask_to_register(account)
    with pytest.raises(InvalidInput, match="passkey_refused"):
        passkeys.register(account, challenge, answer, "")
