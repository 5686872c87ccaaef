"""The page of an office's own programs: seen, let in by the second person, ended."""

from flask.testing import FlaskClient

from bridge.supervision.api_clients import ApiClients
from bridge.wiring import House
from tests.web.furnished import ORG, Furnished, token
from tests.web.read_api import ask_token, new_client


def send(client: FlaskClient, at: str, role: str, **form: str) -> int:
    data = {"csrf_token": token(client, f"/{role}/exports"), **form}
    return client.post(at, data=data).status_code


def state(house: House, client_id: str) -> str:
    with house.uow.across_institutions("test", read_only=True) as tx:
        return ApiClients(tx.session, house.clock).one(client_id).state(house.clock.now())


def test_an_official_lets_a_program_of_the_office_in_and_ends_it(furnished: Furnished) -> None:
    client_id, secret = new_client(furnished.house, division="440100", allow=False)
    official = furnished.as_staff("official-guangzhou")
    at = f"/authority/api-clients/{client_id}"

    page = official.get("/authority/api-clients").text
    assert 'data-state="waiting"' in page
    assert secret not in page
    assert ask_token(furnished.client(), client_id, secret).status_code == 401
    assert send(official, f"{at}/decide", "authority", do="allow") == 303
    assert ask_token(furnished.client(), client_id, secret).status_code == 200
    assert 'data-testid="client-revoke"' in official.get("/authority/api-clients").text

    assert send(official, f"{at}/revoke", "authority", reason="停") == 422
    assert send(official, f"{at}/revoke", "authority", reason="系统下线") == 303
    assert ask_token(furnished.client(), client_id, secret).status_code == 401
    shown = official.get("/authority/api-clients").text
    assert 'data-state="ended"' in shown
    assert "系统下线" in shown
    assert "official-guangzhou" in shown


def test_an_institution_refuses_a_program_that_it_does_not_know(furnished: Furnished) -> None:
    client_id, secret = new_client(furnished.house, institution=ORG, allow=False)
    staff = furnished.as_staff("staff-lin")

    assert send(staff, f"/institution/api-clients/{client_id}/decide", "institution", do="refuse") == 303
    assert state(furnished.house, client_id) == "ended"
    assert ask_token(furnished.client(), client_id, secret).status_code == 401


def test_nobody_sees_or_ends_another_offices_program(furnished: Furnished) -> None:
    client_id, _secret = new_client(furnished.house, division="440100")
    other, staff = furnished.as_staff("official-shenzhen"), furnished.as_staff("staff-lin")

    assert client_id not in other.get("/authority/api-clients").text
    for who, role in ((other, "authority"), (staff, "institution")):
        at = f"/{role}/api-clients/{client_id}"
        assert send(who, f"{at}/revoke", role, reason="系统下线") == 404
        assert send(who, f"{at}/decide", role, do="refuse") == 404
    assert state(furnished.house, client_id) == "active"
    assert furnished.client().get("/authority/api-clients").status_code == 303
