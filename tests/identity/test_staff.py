from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher

from bridge.identity import passwords
from bridge.identity.sign_in import Caller
from bridge.identity.staff import StaffAccount, StaffService
from bridge.kernel.errors import InvalidInput
from bridge.rules.model import Decision
from tests.identity.house import House, demo_catalogue

PASSWORD = "correct horse 9"


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # The real parameters take 20 ms a try; what is tested here is what stands around them.
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    passwords._decoy.cache_clear()
    yield
    passwords._decoy.cache_clear()


def _sign_in(house: House, login: str, password: str) -> Decision[StaffAccount | None]:
    return house.sign_in.with_password(login, password, Caller("192.0.2.1"))


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
    "password",
    ["short 9", "eleven-1234", "onlyletterstwo", "493028475610", "root-admin-123", "x" * 128 + "1"],
)
def test_a_weak_password_is_refused_and_the_invitation_stays(house: House, password: str) -> None:
    with house.units.across_institutions("t") as tx:
        service = StaffService(tx.session, house.clock)
        token = service.invite("administrator", "root-admin").token
        with pytest.raises(InvalidInput, match="password_weak"):
            service.accept(token, password)
        assert service.accept(token, PASSWORD).role == "administrator"


@pytest.mark.parametrize(
    "password",
    ["password1234", "1234567890ab", "qwertyuiop12", "P@ssw0rd2026!", "abcabcabc123", "Aa123456789!"],
)
def test_a_common_password_is_refused(house: House, password: str) -> None:
    with house.units.across_institutions("t") as tx:
        service = StaffService(tx.session, house.clock)
        token = service.invite("administrator", "root-admin").token
        with pytest.raises(InvalidInput, match="password_common"):
            service.accept(token, password)


def test_a_password_changes_to_another_strong_one_alone(house: House) -> None:
    _lin(house)
    account = _sign_in(house, "staff-lin", PASSWORD).value
    assert account is not None
    for refused, reason in (
        (PASSWORD, "password_unchanged"),
        ("short 9", "password_weak"),
        ("password1234", "password_common"),
    ):
        with house.units.across_institutions("t") as tx, pytest.raises(InvalidInput, match=reason):
            StaffService(tx.session, house.clock).change_password(account.id, refused)
    with house.units.across_institutions("t") as tx:
        StaffService(tx.session, house.clock).change_password(account.id, "another horse 8")
    assert _sign_in(house, "staff-lin", PASSWORD).value is None
    assert _sign_in(house, "staff-lin", "another horse 8").value is not None


def test_every_account_is_listed(house: House) -> None:
    _lin(house)
    with house.units.across_institutions("t", read_only=True) as tx:
        listed = {one.account.login: one.accepted for one in StaffService(tx.session, house.clock).all()}
    assert listed == {
        "official-guangzhou": False,
        "official-shenzhen": False,
        "staff-lin": True,
        "staff-zhou": False,
    }


def test_an_unknown_login_and_a_wrong_password_read_the_same(house: House) -> None:
    _lin(house)
    assert _sign_in(house, "nobody", PASSWORD) == _sign_in(house, "staff-lin", "wrong password 1")


def test_an_account_that_nobody_accepted_cannot_sign_in(house: House) -> None:
    _lin(house)
    assert _sign_in(house, "staff-zhou", "").reasons[0].code == "sign_in_refused"


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
