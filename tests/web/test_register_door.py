"""The door /lti/register under attack: uninvited, replayed, pointed at private addresses; and as Moodle uses it."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from werkzeug.wrappers import Request, Response

from bridge.app import create_app
from bridge.kernel.ids import InstitutionId
from bridge.kernel.time import FixedClock
from bridge.registry.lti_invitations import MAX_TRIES
from bridge.registry.lti_office import PlatformStaff
from bridge.registry.model import Institution
from bridge.settings import Mode, Settings
from bridge.wiring import House
from tests.lti.registering_platform import RegisteringPlatform
from tests.lti.served import served
from tests.servers.children import free_port
from tests.servers.tables import make_tables
from tests.web.furnished import NOW, ORG, OTHER_ORG, Furnished
from tests.web.pages_served import served_house

STAFF = PlatformStaff("staff_lin", ORG)
OPERATOR = PlatformStaff("operator", None)


class Moodle(RegisteringPlatform):
    """A simulated Moodle; besides, it has a page that opens the tool's link in a frame, as Moodle does."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = ""

    def __call__(self, environ: object, start_response: object) -> object:
        request = Request(environ)  # type: ignore[arg-type]  # WSGI's own shapes
        if request.path == "/manage":
            page = (
                "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script>window.heard = [];"
                "addEventListener('message', e => window.heard.push([e.origin, e.data]))</script>"
                f"<iframe name=tool width=900 height=900 src='{self.frame}'></iframe>"
            )
            return Response(page, content_type="text/html")(environ, start_response)  # type: ignore[arg-type]
        return super().__call__(environ, start_response)

    def query(self, token: str = "token-1") -> dict[str, str]:  # noqa: S107  # no password
        url = f"{self.origin}/mod/lti/openid-configuration.php"
        return {"openid_configuration": url, "registration_token": token}


@pytest.fixture
def moodle() -> Iterator[Moodle]:
    platform = Moodle()
    with served(platform) as origin:
        platform.origin = origin
        yield platform


def invited(house: House, *, institution: InstitutionId = ORG, **more: str) -> str:
    url = house.platform_office.invite(OPERATOR, institution, **more).url
    return parse_qs(urlsplit(url).query)["invitation"][0]


def come(client: FlaskClient, invitation: str, given: dict[str, str]) -> tuple[int, str, str]:
    """Return status, page and policy of what the LMS's frame shows."""
    answer = client.get("/lti/register?" + urlencode({"invitation": invitation, **given}))
    return answer.status_code, answer.text, answer.headers["Content-Security-Policy"]


def test_a_moodle_registers_itself_and_is_told_its_two_clicks(furnished: Furnished, moodle: Moodle) -> None:
    status, page, policy = come(furnished.client(), invited(furnished.house), moodle.query())

    assert status == 201
    assert "激活" in page
    assert "预配置工具" in page
    assert "已登记，还差两步" in page
    assert f" {moodle.origin}" in policy.partition("frame-ancestors")[2]
    assert "unsafe-inline" not in policy
    (made,) = [one for one in furnished.house.platform_office.platforms(STAFF) if one.id != "reg_demo_lms"]
    assert (made.addresses.issuer, made.addresses.client_id, made.status) == (
        moodle.origin,
        "client-77",
        "pending",
    )
    assert [one.deployment_id for one in made.deployments] == ["7"]
    assert "mail" not in str(moodle.wanted).lower()
    assert furnished.house.lti_registrations.find(moodle.origin, "client-77").tenant == ORG


def test_an_invitation_registers_once(furnished: Furnished, moodle: Moodle) -> None:
    invitation = invited(furnished.house)
    moodle.tokens.add("token-2")
    come(furnished.client(), invitation, moodle.query())
    asked = len(moodle.asked)
    furnished.clock.advance(minutes=5)

    status, page, _ = come(furnished.client(), invitation, moodle.query("token-2"))

    assert status == 403
    assert 'data-reason="invitation_invalid"' in page
    assert len(moodle.asked) == asked
    assert len(furnished.house.platform_office.platforms(STAFF)) == 2


@pytest.mark.parametrize("invitation", ["", "made-up", "x" * 10_000, "\x00", "' OR 1=1 --"])
def test_who_is_not_invited_makes_nothing_be_fetched(
    furnished: Furnished, moodle: Moodle, invitation: str
) -> None:
    status, page, policy = come(furnished.client(), invitation, moodle.query())

    assert status == 403
    assert 'data-reason="invitation_invalid"' in page
    assert moodle.origin not in policy
    assert moodle.asked == []


def test_an_invitation_ends(furnished: Furnished, moodle: Moodle) -> None:
    invitation = invited(furnished.house)
    furnished.clock.advance(days=3)

    assert come(furnished.client(), invitation, moodle.query())[0] == 403
    assert moodle.asked == []


def test_a_refusal_by_the_platform_can_be_mended_but_not_for_ever(
    furnished: Furnished, moodle: Moodle
) -> None:
    invitation = invited(furnished.house)

    tries = [
        come(furnished.client(), invitation, moodle.query("token-used-before")) for _ in range(MAX_TRIES)
    ]
    after = come(furnished.client(), invitation, moodle.query())

    assert [status for status, *_ in tries] == [422] * MAX_TRIES
    assert 'data-reason="registration_refused"' in tries[0][1]
    assert after[0] == 403
    assert len(furnished.house.platform_office.platforms(STAFF)) == 1


def test_a_platform_registers_with_the_institution_that_invited_whatever_it_says(
    furnished: Furnished, moodle: Moodle
) -> None:
    given = {**moodle.query(), "institution": "org_sz", "institution_id": "org_sz"}

    come(furnished.client(), invited(furnished.house), given)

    assert furnished.house.lti_registrations.find(moodle.origin, "client-77").tenant == ORG


def test_a_configuration_of_another_site_is_refused(furnished: Furnished, moodle: Moodle) -> None:
    with served(Response("no")) as elsewhere:
        other = Moodle()
        other.origin = elsewhere  # it says that it is elsewhere
        with served(other) as impostor:
            given = {"openid_configuration": f"{impostor}/mod/lti/openid-configuration.php"}
            status, page, _ = come(furnished.client(), invited(furnished.house), given)

    assert (status, 'data-reason="configuration_foreign"' in page) == (422, True)


def test_a_redirect_is_not_followed(furnished: Furnished, moodle: Moodle) -> None:
    moodle.odd = lambda request: (
        Response(status=302, headers={"Location": f"{moodle.origin}/secret"})
        if request.path.endswith("configuration.php")
        else None
    )

    status, page, _ = come(furnished.client(), invited(furnished.house), moodle.query())

    assert (status, 'data-reason="redirect_refused"' in page) == (422, True)
    assert [request.path for request in moodle.asked] == ["/mod/lti/openid-configuration.php"]


def test_a_client_that_is_registered_already_is_not_taken_over(furnished: Furnished, moodle: Moodle) -> None:
    come(furnished.client(), invited(furnished.house), moodle.query())
    moodle.tokens.add("token-2")

    status, page, _ = come(
        furnished.client(), invited(furnished.house, institution=OTHER_ORG), moodle.query("token-2")
    )

    assert status == 409
    assert 'data-reason="lti_client_taken"' in page
    assert furnished.house.lti_registrations.find(moodle.origin, "client-77").tenant == ORG


@pytest.mark.parametrize(
    "query",
    [
        "openid_configuration=https://a.example/&openid_configuration=https://b.example/",
        "invitation=another&openid_configuration=https://a.example/",
    ],
)
def test_a_parameter_that_comes_twice_is_refused(furnished: Furnished, query: str) -> None:
    answer = furnished.client().get(f"/lti/register?invitation={invited(furnished.house)}&{query}")

    assert answer.status_code == 400
    assert 'data-reason="parameter_repeated"' in answer.text


def test_a_look_at_the_head_registers_nothing(furnished: Furnished, moodle: Moodle) -> None:
    query = urlencode({"invitation": invited(furnished.house), **moodle.query()})

    assert furnished.client().head(f"/lti/register?{query}").status_code == 405
    assert furnished.client().post(f"/lti/register?{query}").status_code in (400, 405)
    assert moodle.asked == []


def test_who_opens_the_link_in_a_browser_is_told_where_it_belongs(furnished: Furnished) -> None:
    invitation = invited(furnished.house)

    for _ in range(2):  # looking does not use it up
        answer = furnished.client().get(f"/lti/register?invitation={invitation}")
        assert answer.status_code == 200
        assert "Add LTI Advantage" in answer.text
    assert furnished.client().get("/lti/register?invitation=made-up").status_code == 403


def test_markup_in_a_parameter_stays_text(furnished: Furnished) -> None:
    given = {"openid_configuration": "https://[::1]/<script>alert(1)</script>", "registration_token": "<b>"}

    _status, page, policy = come(furnished.client(), invited(furnished.house), given)

    assert "<script>alert" not in page
    assert "<b>" not in page
    assert "script>" not in policy


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[House]:
    """A house of real use, with one institution."""
    settings = Settings(mode=Mode.PRODUCTION, var=tmp_path, public_url="https://bridge.example")
    settings.data_dir.mkdir(parents=True)
    house = House(settings, clock=FixedClock(NOW))
    make_tables(house.engine)
    with house.uow.for_institution(InstitutionId(ORG)) as tx:
        house.at(tx).registry_store.save_institution(
            Institution(ORG, "52440199MJK000001Y", "示例安全培训中心", "示例运营单位", True)
        )
    yield house
    house.close()


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("{origin}/mod/lti/openid-configuration.php", "https_required"),
        ("https://127.0.0.1:{port}/config", "address_refused"),
        ("https://[::1]:{port}/config", "address_refused"),
        ("https://[::ffff:127.0.0.1]:{port}/config", "address_refused"),
        ("https://10.0.0.1/config", "address_refused"),
        ("https://192.168.1.1/config", "address_refused"),
        ("https://169.254.169.254/latest/meta-data", "address_refused"),
        ("https://0.0.0.0/config", "address_refused"),
        ("file:///etc/passwd", "url_invalid"),
        ("gopher://127.0.0.1:{port}/", "url_invalid"),
        ("https://user@127.0.0.1/", "url_invalid"),
        ("javascript:alert(1)", "url_invalid"),
        ("https://127.0.0.1:99999/", "url_invalid"),
        ("x" * 2000, "registration_link_malformed"),
        ("", "registration_link_malformed"),
    ],
)
def test_no_address_inside_is_called_for_an_invited_platform(
    strict: House, moodle: Moodle, url: str, reason: str
) -> None:
    app = create_app(strict.settings, strict)
    port = urlsplit(moodle.origin).port
    given = {"openid_configuration": url.format(origin=moodle.origin, port=port), "registration_token": "t"}

    status, page, _ = come(app.test_client(), invited(strict), given)

    assert status in (422, 502)
    assert f'data-reason="{reason}"' in page
    assert moodle.asked == []
    assert strict.platform_office.platforms(STAFF) == []


def test_a_private_host_is_called_only_where_the_operator_named_it(strict: House) -> None:
    """Beyond the address check the call fails, since nobody listens there; that it got so far is the point."""
    app = create_app(strict.settings, strict)
    given = {"openid_configuration": f"https://127.0.0.1:{free_port()}/config"}

    _status, refused, _ = come(app.test_client(), invited(strict), given)
    _status, tried, _ = come(app.test_client(), invited(strict, private_hosts="127.0.0.1"), given)

    assert 'data-reason="address_refused"' in refused
    assert 'data-reason="platform_unreachable"' in tried


@pytest.mark.e2e
def test_the_page_shows_in_the_platforms_frame_and_asks_it_to_close(
    tmp_path: Path, moodle: Moodle, browser: Browser
) -> None:
    complaints: list[str] = []
    with served_house(tmp_path) as (furnished, url):
        query = urlencode({"invitation": invited(furnished.house), **moodle.query()})
        moodle.frame = f"{url}/lti/register?{query}"
        page = browser.new_context(viewport={"width": 1000, "height": 900}).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.goto(f"{moodle.origin}/manage")
        page.frame_locator("iframe[name=tool]").get_by_test_id("register-close").click()
        page.wait_for_function("window.heard.length > 0")
        heard = page.evaluate("window.heard")
        page.context.close()

    assert heard == [[url, {"subject": "org.imsglobal.lti.close"}]]
    assert complaints == []
