"""A client of the read API, as the operator makes one and a second person allows it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from bridge.kernel.ids import InstitutionId
from bridge.supervision.api_clients import ApiClients
from bridge.supervision.api_scopes import ApiScope
from bridge.supervision.list_exports import Owner
from bridge.wiring import House

ALL = tuple(ApiScope)
OF_INSTITUTION = tuple(one for one in ApiScope if one is not ApiScope.EXPORTS)
PURPOSE = {"Anxue-Purpose": "%E6%A0%B8%E6%9F%A5%E6%8A%95%E8%AF%89"}
"""核查投诉."""


@dataclass(frozen=True)
class Program:
    """A program that may read, with its token."""

    browser: FlaskClient
    client_id: str
    secret: str
    token: str

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> TestResponse:
        return self.browser.get(
            path if path.startswith("http") else f"/api/v1{path}",
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
        )

    def items(self, path: str) -> list[Any]:
        """Return everything of a list, over all its pages."""
        found: list[Any] = []
        following: str | None = path
        while following is not None:
            answer = self.get(following)
            assert answer.status_code == 200, answer.text
            found += answer.get_json()["items"]
            following = answer.get_json()["next"]
        return found


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{client_id}:{secret}'.encode()).decode()}"}


def ask_token(browser: FlaskClient, client_id: str, secret: str, /, **form: str) -> TestResponse:
    return browser.post(
        "/api/oauth/token",
        data={"grant_type": "client_credentials", **form},
        headers=basic(client_id, secret),
    )


def new_client(
    house: House,
    *,
    division: str | None = None,
    institution: InstitutionId | None = None,
    scopes: Sequence[str] = (),
    keys: Mapping[str, Any] | None = None,
    allow: bool = True,
) -> tuple[str, str]:
    """Return id and secret of a client of an office or an institution."""
    wanted = scopes or (ALL if institution is None else OF_INSTITUTION)
    with house.uow.across_institutions("test: a client") as tx:
        clients = ApiClients(tx.session, house.clock)
        issued = clients.ask(
            Owner(institution, division),
            name="数据平台",
            purpose="日常监管",
            scopes=wanted,
            by="operator-1",
            keys=keys,
        )
        if allow:
            clients.decide(issued.client.id, allow=True, by="operator-2")
    return issued.client.id, issued.secret or ""


def program(house: House, browser: FlaskClient, **of: Any) -> Program:
    """Return a program of an office or an institution that has its token."""
    client_id, secret = new_client(house, **of)
    answer = ask_token(browser, client_id, secret)
    assert answer.status_code == 200, answer.text
    return Program(browser, client_id, secret, answer.get_json()["access_token"])
