"""Signing in and out; an invitation sets a password once."""

import pytest

from tests.web.furnished import PASSWORD, Furnished, token


@pytest.mark.parametrize(
    ("login", "home"), [("staff-lin", "/institution"), ("official-guangzhou", "/authority")]
)
def test_each_role_begins_on_its_own_page(furnished: Furnished, login: str, home: str) -> None:
    client = furnished.client()

    answer = client.post("/sign-in", data={"csrf_token": token(client), "login": login, "password": PASSWORD})

    assert (answer.status_code, answer.location) == (303, home)


def test_signing_in_starts_another_session(furnished: Furnished) -> None:
    client = furnished.client()
    form = token(client)
    before = client.get_cookie("anxue_session")

    client.post("/sign-in", data={"csrf_token": form, "login": "staff-lin", "password": PASSWORD})

    after = client.get_cookie("anxue_session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    client.set_cookie("anxue_session", before.value)
    assert client.get("/institution").status_code == 303


def test_a_wrong_password_says_no_more_than_an_unknown_login(furnished: Furnished) -> None:
    client = furnished.client()
    form = token(client)

    wrong = client.post("/sign-in", data={"csrf_token": form, "login": "staff-lin", "password": "wrong"})
    unknown = client.post("/sign-in", data={"csrf_token": form, "login": "staff-xxx", "password": "wrong"})

    assert wrong.status_code == unknown.status_code == 422
    assert _error(wrong.text) == _error(unknown.text)


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_sign_in_never_leads_to_another_site(furnished: Furnished, target: str) -> None:
    client = furnished.client()
    data = {"csrf_token": token(client), "login": "staff-lin", "password": PASSWORD}

    answer = client.post("/sign-in", query_string={"next": target}, data=data)

    assert answer.location == "/institution"


def test_a_sign_in_leads_back_to_where_it_was_asked_for(furnished: Furnished) -> None:
    client = furnished.client()
    data = {"csrf_token": token(client), "login": "staff-lin", "password": PASSWORD}

    answer = client.post("/sign-in?next=/institution/class-runs/run_demo", data=data)

    assert answer.location == "/institution/class-runs/run_demo"


def test_signing_out_ends_the_session_on_the_server(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    cookie = client.get_cookie("anxue_session")
    assert cookie is not None

    client.post("/sign-out", data={"csrf_token": token(client, "/institution")})

    client.set_cookie("anxue_session", cookie.value)
    assert client.get("/institution").status_code == 303


def test_an_invitation_sets_a_password_once(furnished: Furnished) -> None:
    with furnished.house.uow.across_institutions("test: invite") as tx:
        invited = furnished.house.at(tx).staff.invite("administrator", "admin-wu")
    client = furnished.client()
    path = f"/invite/{invited.token}"

    def accept(password: str, again: str) -> int:
        data = {"csrf_token": token(client, path), "password": password, "again": again}
        return client.post(path, data=data).status_code

    assert accept(PASSWORD, "another-made-up-1") == 422
    assert accept("short", "short") == 422
    assert accept(PASSWORD, PASSWORD) == 303
    assert client.get("/institution").status_code == 200
    assert accept(PASSWORD, PASSWORD) == 422


def _error(page: str) -> str:
    start = page.index('data-testid="sign-in-error"')
    return page[start : page.index("</p>", start)]
