"""The second step of signing in, and setting it up: over the pages."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from bridge.settings import Mode, Settings
from tests.web.furnished import PASSWORD, Furnished, furnish, token
from tests.web.second_factor import add_app, give_code, give_password


def test_a_password_alone_opens_nothing_once_there_is_an_app(furnished: Furnished) -> None:
    app, codes = add_app(furnished, furnished.as_staff("staff-lin"))
    assert len(codes) == 10
    client = furnished.client()

    assert give_password(client) == "/sign-in/second"
    before = client.get_cookie("anxue_session")
    for path in ("/institution", "/account", "/account/factors/app"):
        assert client.get(path).location.startswith("/sign-in?")

    assert give_code(client, "000000") == 422
    assert give_code(client, app.at(furnished.clock.now())) == 303
    after = client.get_cookie("anxue_session")
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert client.get("/institution").status_code == 200


def test_the_second_step_leads_to_where_one_wanted_to_go(furnished: Furnished) -> None:
    app, _ = add_app(furnished, furnished.as_staff("staff-lin"))
    client = furnished.client()
    data = {"csrf_token": token(client), "login": "staff-lin", "password": PASSWORD}
    client.post("/sign-in?next=/institution/signals", data=data)
    form = {"csrf_token": token(client, "/sign-in/second"), "code": app.at(furnished.clock.now())}

    assert client.post("/sign-in/second", data=form).location == "/institution/signals"


def test_a_recovery_code_signs_in_once(furnished: Furnished) -> None:
    _, codes = add_app(furnished, furnished.as_staff("staff-lin"))
    for expected in (303, 422):
        client = furnished.client()
        give_password(client)
        assert give_code(client, codes[0]) == expected


def test_the_second_step_waits_ten_minutes(furnished: Furnished) -> None:
    app, _ = add_app(furnished, furnished.as_staff("staff-lin"))
    client = furnished.client()
    give_password(client)
    form = {"csrf_token": token(client, "/sign-in/second")}
    furnished.clock.advance(minutes=10, seconds=1)

    answer = client.post("/sign-in/second", data={**form, "code": app.at(furnished.clock.now())})

    assert (answer.status_code, answer.location) == (303, "/sign-in")
    assert client.get("/institution").status_code == 303


def test_who_waits_at_the_second_step_leaves_with_the_password(furnished: Furnished) -> None:
    here = furnished.as_staff("staff-lin")
    app, _ = add_app(furnished, here)
    thief = furnished.client()
    give_password(thief)
    form = {"csrf_token": token(thief, "/sign-in/second")}
    changed = {
        "csrf_token": token(here, "/account"),
        "old": PASSWORD,
        "password": PASSWORD + "x",
        "again": PASSWORD + "x",
    }
    assert here.post("/account/password", data=changed).status_code == 303

    thief.post("/sign-in/second", data={**form, "code": app.at(furnished.clock.now())})

    assert thief.get("/institution").status_code == 303
    # Whoever changed the password had proved both, and still has.
    assert here.get("/institution").status_code == 200


def test_the_first_app_ends_sessions_that_had_none(furnished: Furnished) -> None:
    here, there = furnished.as_staff("staff-lin"), furnished.as_staff("staff-lin")

    add_app(furnished, here)

    assert here.get("/institution").status_code == 200
    assert there.get("/institution").status_code == 303


def test_an_invitation_does_not_lead_past_the_second_step(furnished: Furnished) -> None:
    app, _ = add_app(furnished, furnished.as_staff("staff-lin"))
    with furnished.house.uow.across_institutions("test: invite") as tx:
        staff = furnished.house.at(tx).staff
        path = f"/invite/{staff.invite_again(staff.by_login('staff-lin').id).token}"
    client = furnished.client()
    data = {"csrf_token": token(client, path), "password": PASSWORD + "x", "again": PASSWORD + "x"}

    assert client.post(path, data=data).location == "/sign-in/second"

    assert client.get("/institution").status_code == 303
    assert give_code(client, app.at(furnished.clock.now())) == 303


def test_one_changes_how_one_signs_in_with_a_fresh_password_alone(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    add_app(furnished, client)
    furnished.clock.advance(minutes=15)
    form = {"csrf_token": token(client, "/account")}
    (factor,) = furnished.house.second_factors.of(_id(furnished, "staff-lin"))
    ways = ("app", "app/confirm", "codes", f"{factor.id}/remove")

    for way in ways:
        assert client.post(f"/account/factors/{way}", data=form).location == "/account/factors/password"
    answer = client.post(
        "/account/factors/passkey/options", json={}, headers={"X-CSRFToken": form["csrf_token"]}
    )
    assert answer.status_code == 403

    assert client.post("/account/factors/password", data={**form, "password": "wrong"}).status_code == 422
    assert client.post("/account/factors/password", data={**form, "password": PASSWORD}).status_code == 303
    assert client.post(f"/account/factors/{factor.id}/remove", data=form).location == "/account#factors"
    assert furnished.house.second_factors.of(_id(furnished, "staff-lin")) == ()
    assert give_password(furnished.client()) == "/institution"


def test_nobody_removes_anothers_factor(furnished: Furnished) -> None:
    add_app(furnished, furnished.as_staff("staff-lin"))
    (factor,) = furnished.house.second_factors.of(_id(furnished, "staff-lin"))
    other = furnished.as_staff("staff-zhou")

    other.post(f"/account/factors/{factor.id}/remove", data={"csrf_token": token(other, "/account")})

    assert len(furnished.house.second_factors.of(_id(furnished, "staff-lin"))) == 1


def test_an_administrator_resets_what_was_lost(furnished: Furnished) -> None:
    with furnished.house.uow.across_institutions("test: invite") as tx:
        staff = furnished.house.at(tx).staff
        staff.accept(staff.invite("administrator", "admin-wu").token, PASSWORD)
    lins = furnished.as_staff("staff-lin")
    add_app(furnished, lins)
    admin = furnished.as_staff("admin-wu")
    form = {"csrf_token": token(admin, "/administration/staff")}
    path = f"/administration/staff/{_id(furnished, 'staff-lin')}/reset-second-factor"

    assert admin.post(path, data=form).status_code == 422
    assert lins.get("/institution").status_code == 200
    assert admin.post(path, data={**form, "checked": "1"}).status_code == 303

    assert lins.get("/institution").status_code == 303
    assert give_password(furnished.client()) == "/institution"
    own = f"/administration/staff/{_id(furnished, 'admin-wu')}/reset-second-factor"
    assert admin.post(own, data={**form, "checked": "1"}).status_code == 422


def test_where_a_second_factor_is_demanded_people_are_seen_after_it_alone(tmp_path: Path) -> None:
    furnished = furnish(tmp_path, second_factor="authority,institution")
    client = furnished.as_staff("staff-lin")
    pages = (
        "/institution",
        "/institution/intake",
        "/institution/signals",
        "/platforms",
        "/compliance",
    )

    for path in pages:
        assert client.get(path).location == "/account#factors", path
    told = client.get("/institution", headers={"HX-Request": "1"})
    assert (told.status_code, told.headers["HX-Redirect"]) == (204, "/account#factors")
    assert client.get("/account").text.count('data-testid="factor-demanded"') == 1
    add_app(furnished, client)
    assert all(client.get(path).status_code == 200 for path in pages)
    furnished.house.close()


@pytest.mark.parametrize(
    ("mode", "said", "roles"),
    [
        (Mode.PRODUCTION, "", {"administrator", "operator", "authority", "institution"}),
        (Mode.DEMONSTRATION, "", set()),
        (Mode.PRODUCTION, "none", set()),
        (Mode.PRODUCTION, "authority, administrator", {"authority", "administrator"}),
        (Mode.DEMONSTRATION, "authority", {"authority"}),
    ],
)
def test_who_must_prove_a_second_factor_is_a_setting(
    tmp_path: Path, mode: Mode, said: str, roles: set[str]
) -> None:
    assert Settings(mode=mode, var=tmp_path, second_factor=said).second_factor_roles == roles


def test_a_role_that_is_none_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="second_factor_unknown_role"):
        Settings(var=tmp_path, second_factor="authority,learner")


def _id(furnished: Furnished, login: str) -> str:
    with furnished.house.uow.across_institutions("test", read_only=True) as tx:
        return furnished.house.at(tx).staff.by_login(login).id
