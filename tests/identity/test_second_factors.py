"""Codes of an app and recovery codes: each proves once, to its own account; on both databases."""

import threading
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyotp import TOTP
from sqlalchemy import select

from bridge.identity.second_factor_tables import RecoveryCodeRow, SecondFactorRow
from bridge.identity.second_factors import RECOVERY_CODES, SecondFactors, reset
from bridge.identity.staff import StaffAccount, StaffService
from bridge.kernel.errors import InvalidInput
from tests.identity.house import House

_NUMBERS = count(1)


def _account(house: House, login: str = "admin-wu") -> StaffAccount:
    with house.units.across_institutions("t") as tx:
        staff = StaffService(tx.session, house.clock)
        staff.invite("administrator", login)
        return staff.by_login(login)


def _factors(house: House) -> SecondFactors:
    return SecondFactors(house.units, house.clock, house.cipher)


def _begun(house: House, account: StaffAccount) -> TOTP:
    _factors(house).begin_app(account, "Chrome · Windows")
    new = _factors(house).waiting_app(account)
    assert new is not None
    return TOTP(new.secret)


def _in_use(house: House, account: StaffAccount) -> tuple[TOTP, tuple[str, ...]]:
    """Return the app in use, a minute later, and the recovery codes."""
    app = _begun(house, account)
    codes = _factors(house).confirm_app(account, app.at(house.clock.now()))
    house.clock.advance(seconds=60)
    return app, codes


def test_an_app_is_in_use_after_its_first_right_code(house: House) -> None:
    account, factors = _account(house), _factors(house)
    app = _begun(house, account)
    assert factors.of(account.id) == ()
    # What is not in use proves nothing.
    assert factors.code_is_right(account, app.at(house.clock.now())) is None
    with pytest.raises(InvalidInput, match="second_factor_wrong"):
        factors.confirm_app(account, "000000" if app.at(house.clock.now()) != "000000" else "000001")

    codes = factors.confirm_app(account, app.at(house.clock.now()))

    assert len(set(codes)) == RECOVERY_CODES
    assert [one.kind for one in factors.of(account.id)] == ["app"]
    assert factors.waiting_app(account) is None
    with pytest.raises(InvalidInput, match="second_factor_over"):
        factors.confirm_app(account, app.at(house.clock.now()))


def test_the_code_that_took_the_app_into_use_is_used_up(house: House) -> None:
    account = _account(house)
    app = _begun(house, account)
    code = app.at(house.clock.now())
    _factors(house).confirm_app(account, code)
    assert _factors(house).code_is_right(account, code) is None


def test_a_code_proves_once(house: House) -> None:
    account, factors = _account(house), _factors(house)
    app, _ = _in_use(house, account)
    code = app.at(house.clock.now())
    assert factors.code_is_right(account, code) == "app"
    assert factors.code_is_right(account, code) is None
    house.clock.advance(seconds=30)
    assert factors.code_is_right(account, code) is None


@pytest.mark.parametrize(("seconds", "how"), [(-60, None), (-30, "app"), (0, "app"), (30, "app"), (60, None)])
def test_a_clock_may_differ_by_one_step(house: House, seconds: int, how: str | None) -> None:
    account = _account(house)
    app, _ = _in_use(house, account)
    house.clock.advance(minutes=5)
    code = app.at(house.clock.now() + timedelta(seconds=seconds))
    assert _factors(house).code_is_right(account, code) == how


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(-2, 2)), max_size=12))
def test_codes_are_used_in_the_order_of_time_alone(house: House, tries: list[tuple[int, int]]) -> None:
    account, factors = _account(house, f"admin-{next(_NUMBERS)}"), _factors(house)
    app, _ = _in_use(house, account)
    used: list[int] = []
    for pause, drift in tries:
        house.clock.advance(seconds=pause)
        step = int(house.clock.now().timestamp()) // 30
        if factors.code_is_right(account, app.generate_otp(step + drift)) == "app":
            assert abs(drift) <= 1
            used.append(step + drift)
    assert used == sorted(set(used))


def test_of_many_who_bring_one_code_at_once_one_comes_in(house: House) -> None:
    account, factors = _account(house), _factors(house)
    app, codes = _in_use(house, account)
    heard: list[str | None] = []
    ready = threading.Barrier(8)

    def bring(code: str) -> None:
        ready.wait()
        heard.append(factors.code_is_right(account, code))

    code = app.at(house.clock.now())
    threads = [threading.Thread(target=bring, args=(one,)) for one in [code] * 4 + [codes[0]] * 4]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(filter(None, heard)) == ["app", "recovery"]


def test_people_type_codes_as_they_please(house: House) -> None:
    account, factors = _account(house), _factors(house)
    app, codes = _in_use(house, account)
    code = app.at(house.clock.now())
    wide = "".join(chr(ord(digit) + 0xFEE0) for digit in code)
    assert factors.code_is_right(account, f" {wide[:3]} {wide[3:]}") == "app"
    assert factors.code_is_right(account, codes[0].upper().replace("-", " ")) == "recovery"


@pytest.mark.parametrize("typed", ["", "0", "12345", "1234567", "x" * 40, "\x00", "１２", "-----"])
def test_what_is_no_code_proves_nothing(house: House, typed: str) -> None:
    account = _account(house)
    _in_use(house, account)
    assert _factors(house).code_is_right(account, typed) is None


def test_a_recovery_code_proves_once_and_to_its_owner_alone(house: House) -> None:
    account, other, factors = _account(house), _account(house, "admin-li"), _factors(house)
    _, codes = _in_use(house, account)
    _in_use(house, other)
    assert factors.code_is_right(other, codes[0]) is None
    assert factors.code_is_right(account, codes[0]) == "recovery"
    assert factors.code_is_right(account, codes[0]) is None
    assert factors.codes_left(account.id) == RECOVERY_CODES - 1


def test_new_codes_end_the_old_ones(house: House) -> None:
    account, factors = _account(house), _factors(house)
    with pytest.raises(InvalidInput, match="second_factor_missing"):
        factors.new_codes(account)
    _, old = _in_use(house, account)
    new = factors.new_codes(account)
    assert factors.code_is_right(account, old[0]) is None
    assert factors.code_is_right(account, new[0]) == "recovery"


def test_codes_go_with_the_last_factor(house: House) -> None:
    account, other, factors = _account(house), _account(house, "admin-li"), _factors(house)
    app, codes = _in_use(house, account)
    (factor,) = factors.of(account.id)
    assert not factors.remove(other, factor.id)
    assert factors.remove(account, factor.id)
    assert factors.code_is_right(account, app.at(house.clock.now())) is None
    assert factors.code_is_right(account, codes[0]) is None


def test_a_reset_takes_everything_of_one_account(house: House) -> None:
    account, other, factors = _account(house), _account(house, "admin-li"), _factors(house)
    _in_use(house, account)
    _in_use(house, other)
    with house.units.across_institutions("t") as tx:
        reset(tx.session, account.id)
    assert factors.of(account.id) == ()
    assert factors.codes_left(account.id) == 0
    assert factors.owners() == {other.id}


def test_neither_secret_nor_code_can_be_read_in_the_database(house: House) -> None:
    account = _account(house)
    app, codes = _in_use(house, account)
    with house.units.across_institutions("t", read_only=True) as tx:
        factor = tx.session.scalars(select(SecondFactorRow)).one()
        kept = {one.id for one in tx.session.scalars(select(RecoveryCodeRow))}
    assert factor.secret_enc is not None
    assert app.secret not in factor.secret_enc
    assert not kept & {one for code in codes for one in (code, code.replace("-", ""))}
    assert all(len(one) == 64 for one in kept)
