"""Open invitations on the page of platforms: seen and taken back by those whose they are, and then worth nothing."""

import pytest
from flask.testing import FlaskClient

from bridge.registry.lti_office import PlatformStaff
from tests.web.furnished import ORG, OTHER_ORG, Furnished, token
from tests.web.test_platform_pages import administrator

LIN, PING = PlatformStaff("staff_lin", ORG), PlatformStaff("staff_ping", OTHER_ORG)


def invite(furnished: Furnished, staff: PlatformStaff = LIN) -> tuple[str, str]:
    """Return an invitation's id and what the LMS would be given."""
    made = furnished.house.platform_office.invite(staff, None)
    return made.invitation.id, made.url


def take_back(client: FlaskClient, invitation: str) -> int:
    data = {"csrf_token": token(client, "/platforms/new")}
    return client.post(f"/platforms/invitations/{invitation}/revoke", data=data).status_code


def test_staff_see_their_own_with_their_end_and_never_the_link(furnished: Furnished) -> None:
    _, url = invite(furnished)
    invite(furnished, PING)

    own = furnished.as_staff("staff-lin").get("/platforms").text
    everything = administrator(furnished).get("/platforms").text

    assert own.count('data-testid="invitation"') == 1
    assert 'data-testid="invitation-until">2026-11-27 12:00' in own
    assert everything.count('data-testid="invitation"') == 2
    assert url.partition("invitation=")[2] not in own + everything


@pytest.mark.parametrize("boss", [False, True], ids=["staff", "administrator"])
def test_one_that_was_taken_back_registers_nothing(furnished: Furnished, boss: bool) -> None:
    invitation, url = invite(furnished)
    client = administrator(furnished) if boss else furnished.as_staff("staff-lin")

    assert take_back(client, invitation) == 303

    assert 'data-testid="invitation"' not in client.get("/platforms").text
    refused = furnished.client().get(f"{url}&openid_configuration=https://lms.example/c")
    assert refused.status_code == 403
    assert 'data-reason="invitation_invalid"' in refused.text


def test_nobody_takes_back_anothers(furnished: Furnished) -> None:
    invitation, _ = invite(furnished)

    assert take_back(furnished.as_staff("staff-ping"), invitation) == 404
    official = furnished.as_staff("official-guangzhou")
    data = {"csrf_token": token(official, "/authority")}
    assert official.post(f"/platforms/invitations/{invitation}/revoke", data=data).status_code == 403
    bare = furnished.as_staff("staff-lin").post(f"/platforms/invitations/{invitation}/revoke")
    assert bare.status_code == 400
    assert 'data-testid="invitation"' in furnished.as_staff("staff-lin").get("/platforms").text


def test_the_link_that_is_shown_is_the_bridges_public_one_whatever_host_was_asked(
    furnished: Furnished,
) -> None:
    _, url = invite(furnished)
    asked = url.replace(furnished.house.settings.public_url, "")

    page = furnished.client().get(asked, base_url="http://evil.example").text

    assert url in page
    assert "evil.example" not in page
