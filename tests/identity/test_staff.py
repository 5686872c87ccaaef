from collections.abc import Iterator

import pytest

from bridge.identity import staff
from bridge.identity.staff import StaffAccount, StaffService
from bridge.kernel.errors import InvalidInput
from bridge.rules.model import Decision
from tests.identity.house import House, demo_catalogue

PASSWORD = "correct horse 9"


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The real parameters take 50 ms a try; what is tested here is the counting around them.
    monkeypatch.setattr(staff, "_METHOD", "scrypt:1024:8:1")
    staff._decoys.clear()
    yield
    staff._decoys.clear()


def _sign_in(house: House, login: str, password: str) -> Decision[StaffAccount | None]:
    with house.units.across_institutions("sign in") as tx:
        return StaffService(tx.session, house.clock).sign_in(login, password)


def _lin(house: House) -> str:
    """Return the token of an accepted account staff-lin."""
    with house.units.across_institutions("load staff") as tx:
        service = StaffService(tx.session, house.clock)
        invitation = next(i for i in service.load(demo_catalogue().staff) if i.login == "staff-lin")
        service.accept(invitation.token, PASSWORD)
        return invitation.token


def test_staff_and_officials_of_the_catalogue_are_invited_once(house: House) -> None:
    with house.units.across_institutions("load staff") as tx:
        service = StaffService(tx.session, house.clock)
        first = service.load(demo_catalogue().staff)
        assert [i.login for i in first] == [
            "staff-lin",
            "staff-zhou",
            "official-guangzhou",
            "official-shenzhen",
        ]
        assert service.load(demo_catalogue().staff) == ()
        assert service.exists("authority")
        assert not service.exists("administrator")


def test_an_accepted_invitation_lets_its_owner_sign_in_with_their_scope(house: House) -> None:
    _lin(house)
    account = _sign_in(house, " Staff-Lin ", PASSWORD).value
    assert account is not None
    assert (account.role, account.institution_id, account.division_code) == ("institution", "org_demo", None)


def test_an_invitation_works_once(house: House) -> None:
    token = _lin(house)
    with house.units.across_institutions("t") as tx, pytest.raises(InvalidInput, match="invitation_invalid"):
        StaffService(tx.session, house.clock).accept(token, PASSWORD)


def test_an_invitation_ends_after_seven_days(house: House) -> None:
    with house.units.across_institutions("t") as tx:
        service = StaffService(tx.session, house.clock)
        token = service.invite("administrator", "root-admin").token
        house.clock.advance(days=7)
        with pytest.raises(InvalidInput, match="invitation_invalid"):
            service.accept(token, PASSWORD)


@pytest.mark.parametrize(
    "password", ["short 9", "onlyletters", "12345678901", "root-admin-123", "x" * 128 + "1"]
)
def test_a_weak_password_is_refused_and_the_invitation_stays(house: House, password: str) -> None:
    with house.units.across_institutions("t") as tx:
        service = StaffService(tx.session, house.clock)
        token = service.invite("administrator", "root-admin").token
        with pytest.raises(InvalidInput, match="password_weak"):
            service.accept(token, password)
        assert service.accept(token, PASSWORD).role == "administrator"


def test_an_unknown_login_and_a_wrong_password_read_the_same(house: House) -> None:
    _lin(house)
    assert _sign_in(house, "nobody", PASSWORD) == _sign_in(house, "staff-lin", "wrong password 1")


def test_an_account_that_nobody_accepted_cannot_sign_in(house: House) -> None:
    _lin(house)
    assert _sign_in(house, "staff-zhou", "").reasons[0].code == "sign_in_refused"


def test_five_wrong_tries_lock_for_fifteen_minutes(house: House) -> None:
    _lin(house)
    codes = [_sign_in(house, "staff-lin", "wrong password 1").reasons[0].code for _ in range(5)]
    assert codes == ["sign_in_refused"] * 4 + ["account_locked"]
    assert _sign_in(house, "staff-lin", PASSWORD).reasons[0].code == "account_locked"
    house.clock.advance(minutes=14, seconds=59)
    assert _sign_in(house, "staff-lin", PASSWORD).value is None
    house.clock.advance(seconds=1)
    assert _sign_in(house, "staff-lin", PASSWORD).value is not None


def test_wrong_tries_far_apart_do_not_lock(house: House) -> None:
    _lin(house)
    for _ in range(8):
        assert _sign_in(house, "staff-lin", "wrong password 1").reasons[0].code == "sign_in_refused"
        house.clock.advance(minutes=5)
    assert _sign_in(house, "staff-lin", PASSWORD).value is not None


def test_a_right_password_forgets_earlier_wrong_ones(house: House) -> None:
    _lin(house)
    for _ in range(2):
        for _ in range(4):
            _sign_in(house, "staff-lin", "wrong password 1")
        assert _sign_in(house, "staff-lin", PASSWORD).value is not None


def test_a_disabled_account_is_gone(house: House) -> None:
    _lin(house)
    account = _sign_in(house, "staff-lin", PASSWORD).value
    assert account is not None
    with house.units.across_institutions("t") as tx:
        service = StaffService(tx.session, house.clock)
        service.disable(account.id)
        assert service.by_id(account.id) is None
        with pytest.raises(InvalidInput, match="staff_unknown"):
            service.invite_again(account.id)
    assert _sign_in(house, "staff-lin", PASSWORD).value is None


def test_a_new_invitation_ends_the_old_password(house: House) -> None:
    _lin(house)
    account = _sign_in(house, "staff-lin", PASSWORD).value
    assert account is not None
    with house.units.across_institutions("t") as tx:
        token = StaffService(tx.session, house.clock).invite_again(account.id).token
    assert _sign_in(house, "staff-lin", PASSWORD).value is None
    with house.units.across_institutions("t") as tx:
        StaffService(tx.session, house.clock).accept(token, "another horse 8")
    assert _sign_in(house, "staff-lin", "another horse 8").value is not None


@pytest.mark.parametrize(
    ("role", "scope", "reason"),
    [
        ("institution", {}, "role_scope_wrong"),
        ("authority", {}, "role_scope_wrong"),
        ("authority", {"division_code": "广州"}, "role_scope_wrong"),
        ("administrator", {"division_code": "440100"}, "role_scope_wrong"),
        ("operator", {"institution_id": "org_demo"}, "role_scope_wrong"),
        ("god", {}, "role_unknown"),
    ],
)
def test_a_role_without_its_scope_is_refused(
    house: House, role: str, scope: dict[str, str], reason: str
) -> None:
    with house.units.across_institutions("t") as tx, pytest.raises(InvalidInput, match=reason):
        StaffService(tx.session, house.clock).invite(role, "some-body", **scope)  # type: ignore[arg-type]


@pytest.mark.parametrize(("login", "reason"), [("ab", "login_malformed"), ("陈晓安", "login_malformed")])
def test_a_login_that_is_none_is_refused(house: House, login: str, reason: str) -> None:
    with house.units.across_institutions("t") as tx, pytest.raises(InvalidInput, match=reason):
        StaffService(tx.session, house.clock).invite("administrator", login)


def test_a_taken_login_is_refused(house: House) -> None:
    _lin(house)
    with house.units.across_institutions("t") as tx, pytest.raises(InvalidInput, match="login_taken"):
        StaffService(tx.session, house.clock).invite("administrator", "staff-lin")
