"""The commands about accounts, against a real database."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import main
from bridge.identity.sign_in import Caller
from tests.web.furnished import PASSWORD, Furnished, furnish, token
from tests.web.second_factor import add_app, give_password


@pytest.fixture
def furnished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Furnished:
    made = furnish(tmp_path)
    monkeypatch.setenv("ANXUE_VAR", str(made.house.settings.var))
    monkeypatch.setenv("ANXUE_MODE", "demonstration")
    return made


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["staff", *arguments])


def _listed() -> dict[str, dict[str, object]]:
    return {one["login"]: one for one in map(json.loads, _run("list").output.splitlines())}


def test_whoever_has_the_machine_unlocks_an_account(furnished: Furnished) -> None:
    for _ in range(5):
        # Real time: the commands' clock is the machine's.
        furnished.house.sign_in.with_password("staff-lin", "wrong", Caller("192.0.2.1"))
    assert furnished.house.sign_in.with_password("staff-lin", PASSWORD, Caller("192.0.2.1")).value is None

    assert _run("unlock", "staff-lin").output == "已解除等待。\n"

    assert furnished.house.sign_in.with_password("staff-lin", PASSWORD, Caller("192.0.2.1")).value is not None


def test_a_new_invitation_ends_password_and_sessions(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    said = _run("invite", "staff-lin").output

    assert "/invite/" in said
    assert client.get("/institution").status_code == 303
    form = {"csrf_token": token(client), "login": "staff-lin", "password": PASSWORD}
    assert client.post("/sign-in", data=form).status_code == 422
    assert _listed()["staff-lin"]["accepted"] is False


def test_a_disabled_account_is_out_at_once(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    assert _run("disable", "Staff-Lin ").output == "账号已停用。\n"

    assert client.get("/institution").status_code == 303
    assert _listed()["staff-lin"]["disabled"] is True
    assert "staff_unknown" in repr(_run("disable", "nobody-here").exception)


def test_lost_second_factors_are_reset(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    add_app(furnished, client)
    assert _listed()["staff-lin"]["second_factor"] is True

    assert _run("reset-second-factor", "staff-lin").output == "两步验证已清除。\n"

    assert _listed()["staff-lin"]["second_factor"] is False
    assert client.get("/institution").status_code == 303
    assert give_password(furnished.client()) == "/institution"


def test_whose_mapping_ends_is_out_at_once(furnished: Furnished) -> None:
    client, other = furnished.as_staff("staff-lin"), furnished.as_staff("staff-zhou")
    mapping = json.loads(_run("province-add", "staff-lin", "made-up-subject").output)["mapping"]
    assert client.get("/institution").status_code == 200

    assert _run("province-remove", mapping).output == "已移除。\n"

    assert client.get("/institution").status_code == 303
    assert other.get("/institution").status_code == 200
    assert _run("province-list").output == ""
