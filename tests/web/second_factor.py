"""Staff with a second factor, as tests sign them in."""

import re

from flask.testing import FlaskClient
from pyotp import TOTP

from tests.web.furnished import PASSWORD, Furnished, token


def add_app(furnished: Furnished, client: FlaskClient) -> tuple[TOTP, list[str]]:
    """Set up an app in this browser over the pages; return it a minute later, and the recovery codes."""
    assert client.post("/account/factors/app", data=_form(client)).status_code == 303
    page = client.get("/account/factors/app").text
    found = re.search(r'data-testid="app-secret">([A-Z2-7 ]+)<', page)
    assert found is not None, page
    app = TOTP(found[1].replace(" ", ""))
    code = app.at(furnished.clock.now())
    answer = client.post("/account/factors/app/confirm", data={**_form(client), "code": code})
    assert answer.status_code in (200, 303), answer.text
    furnished.clock.advance(seconds=60)
    return app, re.findall(r'<li class="code">([a-z0-9-]+)</li>', answer.text)


def give_password(client: FlaskClient, login: str = "staff-lin") -> str:
    """Give the right password; return where it leads."""
    data = {"csrf_token": token(client), "login": login, "password": PASSWORD}
    answer = client.post("/sign-in", data=data)
    assert answer.status_code == 303
    return answer.location


def give_code(client: FlaskClient, code: str) -> int:
    """Give a code at the second step; return the status."""
    data = {"csrf_token": token(client, "/sign-in/second"), "code": code}
    return client.post("/sign-in/second", data=data).status_code


def _form(client: FlaskClient) -> dict[str, str]:
    return {"csrf_token": token(client, "/account")}
