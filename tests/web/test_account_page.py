"""One's own account: another password signs out everywhere else; sessions are seen, ended, and end by themselves."""

import pytest
from flask.testing import FlaskClient

from tests.web.furnished import PASSWORD, Furnished, token

OTHER = "another-made-up-Pass-1"


def _change(client: FlaskClient, old: str, new: str, again: str | None = None) -> tuple[int, str]:
    data = {
        "csrf_token": token(client, "/account"),
        "old": old,
        "password": new,
        "again": new if again is None else again,
    }
    answer = client.post("/account/password", data=data)
    return answer.status_code, answer.text


def _sign_in(client: FlaskClient, login: str, password: str) -> int:
    data = {"csrf_token": token(client), "login": login, "password": password}
    return client.post("/sign-in", data=data).status_code


def test_another_password_signs_out_everywhere_else(furnished: Furnished) -> None:
    here, there = furnished.as_staff("staff-lin"), furnished.as_staff("staff-lin")
    before = here.get_cookie("anxue_session")

    assert _change(here, PASSWORD, OTHER)[0] == 303

    after = here.get_cookie("anxue_session")
    assert before is not None
    assert after is not None
    assert after.value != before.value
    assert here.get("/institution").status_code == 200
    assert there.get("/institution").status_code == 303
    here.set_cookie("anxue_session", before.value)
    assert here.get("/institution").status_code == 303
    assert _sign_in(furnished.client(), "staff-lin", PASSWORD) == 422
    assert _sign_in(furnished.client(), "staff-lin", OTHER) == 303


@pytest.mark.parametrize(
    ("old", "new", "again", "sentence"),
    [
        ("wrong", OTHER, OTHER, "现在的密码不对"),
        (PASSWORD, OTHER, OTHER + "x", "不一样"),
        (PASSWORD, "short 9", "short 9", "12 至 128 位"),
        (PASSWORD, "password1234", "password1234", "太常见"),
        (PASSWORD, PASSWORD, PASSWORD, "与现在的密码相同"),
    ],
)
def test_a_password_does_not_change_for_less(
    furnished: Furnished, old: str, new: str, again: str, sentence: str
) -> None:
    client = furnished.as_staff("staff-lin")

    status, page = _change(client, old, new, again)

    assert status == 422
    assert sentence in page
    assert _sign_in(furnished.client(), "staff-lin", PASSWORD) == 303


def test_a_session_left_open_is_no_place_to_guess_the_password(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    pages = [_change(client, "wrong", OTHER)[1] for _ in range(6)]

    assert "现在的密码不对" in pages[4]
    assert "尝试次数过多" in pages[5]


def test_one_sees_where_one_is_signed_in_and_ends_it(furnished: Furnished) -> None:
    here, there, other = (furnished.as_staff(login) for login in ("staff-lin", "staff-lin", "staff-zhou"))
    page = here.get("/account").text
    assert page.count('data-testid="session"') == 2
    assert page.count('data-testid="session-here"') == 1
    end = page[page.index("/account/sessions/") :]
    path = end[: end.index('"')]
    form = {"csrf_token": token(here, "/account")}

    # Nobody ends another's.
    assert other.post(path, data={"csrf_token": token(other, "/account")}).status_code == 303
    assert there.get("/institution").status_code == 200

    assert here.post(path, data=form).status_code == 303
    assert there.get("/institution").status_code == 303
    assert here.get("/institution").status_code == 200
    assert here.get("/account").text.count('data-testid="session"') == 1


def test_one_ends_all_other_sessions(furnished: Furnished) -> None:
    here, *others = (furnished.as_staff("staff-lin") for _ in range(3))

    here.post("/account/sessions/end-others", data={"csrf_token": token(here, "/account")})

    assert here.get("/institution").status_code == 200
    assert [one.get("/institution").status_code for one in others] == [303, 303]


def test_a_session_ends_when_nobody_clicks(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    furnished.clock.advance(minutes=30)
    assert client.get("/institution").status_code == 200
    furnished.clock.advance(minutes=30, seconds=1)
    assert client.get("/institution").status_code == 303


def test_a_session_ends_after_ten_hours_of_clicks(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    for _ in range(30):
        furnished.clock.advance(minutes=20)
        assert client.get("/institution").status_code == 200
    furnished.clock.advance(seconds=1)
    assert client.get("/institution").status_code == 303


def test_an_administrator_unlocks_invites_and_shuts(furnished: Furnished) -> None:
    with furnished.house.uow.across_institutions("test: invite") as tx:
        staff = furnished.house.at(tx).staff
        staff.accept(staff.invite("administrator", "admin-wu").token, PASSWORD)
        lin, wu = staff.by_login("staff-lin"), staff.by_login("admin-wu")
    admin, lins = furnished.as_staff("admin-wu"), furnished.as_staff("staff-lin")
    stranger = furnished.client()
    for _ in range(5):
        assert _sign_in(stranger, "staff-lin", "wrong") == 422
    page = admin.get("/administration/staff").text
    assert page.count('data-testid="staff-waiting"') == 1
    form = {"csrf_token": token(admin, "/administration/staff"), "checked": "1"}

    assert admin.post(f"/administration/staff/{lin.id}/unlock", data=form).status_code == 303
    assert _sign_in(stranger, "staff-lin", PASSWORD) == 303

    invited = admin.post(f"/administration/staff/{lin.id}/invite", data=form).text
    assert lins.get("/institution").status_code == 303
    assert _sign_in(furnished.client(), "staff-lin", PASSWORD) == 422
    start = invited.index("/invite/")
    path = invited[start : invited.index("<", start)]
    client = furnished.client()
    data = {"csrf_token": token(client, path), "password": OTHER, "again": OTHER}
    assert client.post(path, data=data).status_code == 303

    assert admin.post(f"/administration/staff/{wu.id}/disable", data=form).status_code == 422
    assert admin.post(f"/administration/staff/{lin.id}/disable", data=form).status_code == 303
    assert client.get("/institution").status_code == 303
    assert _sign_in(furnished.client(), "staff-lin", OTHER) == 422


@pytest.mark.parametrize("login", ["staff-lin", "official-guangzhou"])
def test_accounts_of_others_are_for_administrators_alone(furnished: Furnished, login: str) -> None:
    with furnished.house.uow.across_institutions("test") as tx:
        zhou = furnished.house.at(tx).staff.by_login("staff-zhou")
    client = furnished.as_staff(login)

    assert client.get("/administration/staff").status_code == 403
    for what in ("unlock", "invite", "disable"):
        answer = client.post(
            f"/administration/staff/{zhou.id}/{what}", data={"csrf_token": token(client, "/account")}
        )
        assert answer.status_code == 403
    assert _sign_in(furnished.client(), "staff-zhou", PASSWORD) == 303
