"""Who guesses waits, who owns the account does not; on both databases."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update
from werkzeug.security import generate_password_hash

from bridge.identity import passwords
from bridge.identity.sign_in import Caller, blocked, sweep_tries
from bridge.identity.sign_in_tables import SignInTriesRow
from bridge.identity.staff import StaffAccount, StaffService
from bridge.identity.tables import StaffAccountRow
from tests.identity.house import House

PASSWORD, WRONG = "correct horse 9", "wrong password 1"
HERE, ELSEWHERE = Caller("192.0.2.1"), Caller("198.51.100.7")


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._decoy.cache_clear()
    yield
    passwords._decoy.cache_clear()


@pytest.fixture
def lin(house: House) -> StaffAccount:
    """An account that was accepted."""
    return _accepted(house, "staff-lin")


def _accepted(house: House, login: str) -> StaffAccount:
    with house.units.across_institutions("t") as tx:
        service = StaffService(tx.session, house.clock)
        return service.accept(service.invite("administrator", login).token, PASSWORD)


def _code(house: House, login: str, password: str, caller: Caller = HERE) -> str:
    decision = house.sign_in.with_password(login, password, caller)
    return "" if decision.value is not None else decision.reasons[0].code


def _guess(house: House, login: str, times: int, caller: Caller = ELSEWHERE) -> None:
    for _ in range(times):
        _code(house, login, WRONG, caller)


def test_the_fifth_wrong_try_begins_a_wait_that_doubles(house: House, lin: StaffAccount) -> None:
    assert [_code(house, "staff-lin", WRONG) for _ in range(6)] == ["sign_in_refused"] * 5 + [
        "sign_in_blocked"
    ]
    for minutes in (1, 2, 4, 8, 16, 32, 60, 60):
        assert _code(house, "staff-lin", PASSWORD) == "sign_in_blocked"
        house.clock.advance(seconds=60 * minutes - 1)
        assert _code(house, "staff-lin", PASSWORD) == "sign_in_blocked"
        house.clock.advance(seconds=1)
        assert _code(house, "staff-lin", WRONG) == "sign_in_refused"
    house.clock.advance(hours=1)
    assert _code(house, "staff-lin", PASSWORD) == ""
    # A right password forgets.
    assert _code(house, "staff-lin", WRONG) == "sign_in_refused"
    assert _code(house, "staff-lin", PASSWORD) == ""


def test_waiting_says_how_long(house: House, lin: StaffAccount) -> None:
    _guess(house, "staff-lin", 6)
    house.clock.advance(seconds=60)
    _guess(house, "staff-lin", 1)
    sentence = house.sign_in.with_password("staff-lin", PASSWORD, HERE).reasons[0].sentence_zh
    assert sentence == blocked(timedelta(minutes=2)).reasons[0].sentence_zh
    assert "约 2 分钟" in sentence


def test_an_unknown_account_waits_like_a_known_one(house: House, lin: StaffAccount) -> None:
    known = [_code(house, "staff-lin", WRONG) for _ in range(8)]
    unknown = [_code(house, "staff-nobody", WRONG) for _ in range(8)]
    assert known == unknown


def test_guessing_from_elsewhere_never_keeps_the_owner_out(house: House, lin: StaffAccount) -> None:
    browser = Caller("203.0.113.9", house.sign_in.known_browser(lin.id))
    _guess(house, "staff-lin", 50)
    assert _code(house, "staff-lin", PASSWORD, ELSEWHERE) == "sign_in_blocked"
    assert _code(house, "staff-lin", PASSWORD, browser) == ""


def test_a_known_browser_is_counted_too(house: House, lin: StaffAccount) -> None:
    browser = Caller("203.0.113.9", house.sign_in.known_browser(lin.id))
    codes = [_code(house, "staff-lin", WRONG, browser) for _ in range(6)]
    assert codes == ["sign_in_refused"] * 5 + ["sign_in_blocked"]
    # It is alone in waiting.
    assert _code(house, "staff-lin", PASSWORD) == ""


def test_a_browser_is_known_for_its_own_account_and_password_alone(house: House, lin: StaffAccount) -> None:
    wu = _accepted(house, "admin-wu")
    _guess(house, "staff-lin", 6)
    of_another = Caller("203.0.113.9", house.sign_in.known_browser(wu.id))
    made_up = Caller("203.0.113.9", "browser." + "0" * 64)
    earlier = Caller("203.0.113.9", house.sign_in.known_browser(lin.id))
    house.clock.advance(seconds=5)
    with house.units.across_institutions("t") as tx:
        StaffService(tx.session, house.clock).change_password(lin.id, "another horse 8")
    for caller in (of_another, made_up, earlier):
        assert _code(house, "staff-lin", "another horse 8", caller) == "sign_in_blocked"


def test_an_address_waits_after_twenty_wrong_tries_over_many_accounts(
    house: House, lin: StaffAccount
) -> None:
    for number in range(20):
        assert _code(house, f"staff-{number}", WRONG, ELSEWHERE) == "sign_in_refused"
    assert _code(house, "staff-lin", PASSWORD, ELSEWHERE) == "sign_in_blocked"
    assert _code(house, "staff-lin", PASSWORD, HERE) == ""


def test_signing_in_does_not_pay_for_guesses_at_others(house: House, lin: StaffAccount) -> None:
    for number in range(20):
        assert _code(house, f"staff-{number}", WRONG, ELSEWHERE) == "sign_in_refused"
        house.clock.advance(seconds=1)
        if number < 19:
            assert _code(house, "staff-lin", PASSWORD, ELSEWHERE) == ""
    assert _code(house, "staff-lin", PASSWORD, ELSEWHERE) == "sign_in_blocked"


def test_an_ipv6_network_is_one_address(house: House, lin: StaffAccount) -> None:
    for number in range(20):
        _code(house, f"staff-{number}", WRONG, Caller(f"2001:db8:1:2::{number + 1:x}"))
    assert _code(house, "staff-lin", PASSWORD, Caller("2001:db8:1:2:ffff::1")) == "sign_in_blocked"
    assert _code(house, "staff-lin", PASSWORD, Caller("2001:db8:1:3::1")) == ""


def test_an_administrator_ends_the_waiting(house: House, lin: StaffAccount) -> None:
    assert house.sign_in.waiting([lin]) == {}
    _guess(house, "staff-lin", 5)
    assert house.sign_in.waiting([lin]) == {lin.id: house.clock.now() + timedelta(minutes=1)}
    house.sign_in.unlock(lin)
    assert house.sign_in.waiting([lin]) == {}
    assert _code(house, "staff-lin", PASSWORD) == ""


def test_many_at_once_get_no_more_tries_than_one_after_another(house: House, lin: StaffAccount) -> None:
    codes: list[str] = []
    ready = threading.Barrier(12)

    def guess() -> None:
        ready.wait()
        codes.append(_code(house, "staff-lin", WRONG, ELSEWHERE))

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(codes) == ["sign_in_blocked"] * 7 + ["sign_in_refused"] * 5


def test_a_password_of_earlier_days_is_hashed_anew_at_its_next_use(house: House, lin: StaffAccount) -> None:
    old = generate_password_hash(PASSWORD, method="scrypt:1024:8:1")
    with house.units.across_institutions("t") as tx:
        tx.session.execute(update(StaffAccountRow).values(password_hash=old))
    assert _code(house, "staff-lin", WRONG) == "sign_in_refused"
    assert _code(house, "staff-lin", PASSWORD) == ""
    with house.units.across_institutions("t", read_only=True) as tx:
        stored = tx.session.scalar(select(StaffAccountRow.password_hash))
    assert stored is not None
    assert stored.startswith("$argon2id$")
    assert _code(house, "staff-lin", PASSWORD) == ""


def test_no_address_and_no_login_is_kept_of_a_try(house: House, lin: StaffAccount) -> None:
    _guess(house, "staff-lin", 2, ELSEWHERE)
    _guess(house, "13900000000", 1, ELSEWHERE)
    with house.units.across_institutions("t", read_only=True) as tx:
        rows = [(row.id, row.kind) for row in tx.session.scalars(select(SignInTriesRow))]
    assert len(rows) == 3
    assert all(len(id_) == 64 and set(id_) <= set("0123456789abcdef") for id_, _ in rows)


def test_old_tries_are_swept(house: House, lin: StaffAccount) -> None:
    _guess(house, "staff-lin", 1)
    assert sweep_tries(house.units, house.clock.now() + timedelta(days=2)) == 0
    assert sweep_tries(house.units, house.clock.now() + timedelta(days=2, seconds=1)) == 2
