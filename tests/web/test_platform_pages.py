"""The pages of learning platforms: own ones alone, secrets once, every change by a form, roles and tokens enforced."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser

from bridge.kernel.ids import RegistrationId
from bridge.registry.lti_model import NO_SERVICES, Platform
from bridge.registry.lti_office import PlatformStaff
from lti.errors import LaunchRefused
from tests.web.furnished import ORG, PASSWORD, PLATFORM, Furnished, token
from tests.web.pages_served import served_house

LIN = PlatformStaff("staff_lin", ORG)
MOODLE = {"kind": "moodle", "issuer": "https://moodle.example", "client_id": "abc"}
PAGE = f"/platforms/{PLATFORM}"


def post(client: FlaskClient, path: str, at: str = "/platforms/new", **data: str) -> tuple[int, str]:
    """Send a form from the page `at`; return status and page."""
    answer = client.post(path, data={"csrf_token": token(client, at), **data})
    return answer.status_code, answer.text


def administrator(furnished: Furnished) -> FlaskClient:
    with furnished.house.uow.across_institutions("test: an administrator") as tx:
        staff = furnished.house.at(tx).staff
        staff.accept(staff.invite("administrator", "admin").token, PASSWORD)
    return furnished.as_staff("admin")


def shown(furnished: Furnished, registration: str = PLATFORM) -> Platform:
    return furnished.house.platform_office.platform(LIN, RegistrationId(registration))


def registered(furnished: Furnished, **typed: str) -> RegistrationId:
    fields = {"moodle": "on", "issuer": "https://moodle.example", "client_id": "abc", **typed}
    return furnished.house.platform_office.register(LIN, None, fields).platform.id


def field_errors(page: str) -> set[str]:
    return set(re.findall(r'data-testid="([a-z_]+)-error"', page)) - {"register", "move"}


def test_both_homes_lead_there(furnished: Furnished) -> None:
    for client in (furnished.as_staff("staff-lin"), administrator(furnished)):
        assert 'href="/platforms"' in client.get("/institution").text
        assert client.get("/platforms").status_code == 200


def test_staff_see_their_own_platforms_and_the_administrator_all(furnished: Furnished) -> None:
    registered(furnished, name="示例平台")

    own = furnished.as_staff("staff-lin").get("/platforms").text
    others = furnished.as_staff("staff-ping").get("/platforms").text
    everything = administrator(furnished).get("/platforms").text

    assert own.count('data-testid="platform"') == 2
    assert others.count('data-testid="platform"') == 1
    assert "示例平台" not in others
    assert everything.count('data-testid="platform"') == 3
    assert "示例安全培训中心" in everything
    assert 'data-testid="tool-key"' in everything
    assert 'data-testid="tool-key"' not in own


@pytest.mark.parametrize("path", ["", "/new", "/invitations", f"/{PLATFORM}", f"/{PLATFORM}/move"])
def test_who_is_no_staff_sees_no_platform(looked_at: Furnished, path: str) -> None:
    stranger = looked_at.client().get(f"/platforms{path}")
    learner = looked_at.as_learner(looked_at.account("lms-user-1009")).get(f"/platforms{path}")
    official = looked_at.as_staff("official-guangzhou").get(f"/platforms{path}")

    assert (stranger.status_code, "/sign-in" in stranger.headers["Location"]) == (303, True)
    assert (learner.status_code, official.status_code) == (403, 403)
    assert "127.0.0.1:8123" not in learner.text + official.text


ACTIONS = [
    ("/platforms/new", MOODLE),
    ("/platforms/invitations", {}),
    (f"{PAGE}/deployments", {"decision": "approve", "deployment_id": "9"}),
    (f"{PAGE}/test", {}),
    (f"{PAGE}/secret", {}),
    (f"{PAGE}/secret", {"finish": "1"}),
    (f"{PAGE}/status", {"enabled": "0"}),
    (f"{PAGE}/private-hosts", {"private_hosts": "10.0.0.1"}),
    (f"{PAGE}/move", {"issuer": "http://127.0.0.1:9", "meant": "1", "reason": "因"}),
    (f"{PAGE}/move/undo", {}),
    ("/platforms/tool-keys", {}),
]


@pytest.mark.parametrize(("path", "data"), ACTIONS)
def test_nothing_happens_without_the_forms_token(
    furnished: Furnished, path: str, data: dict[str, str]
) -> None:
    before = shown(furnished)

    answer = furnished.as_staff("staff-lin").post(path, data=data)

    assert answer.status_code == 400
    assert 'data-reason="csrf_failed"' in answer.text
    assert shown(furnished) == before


@pytest.mark.parametrize(("path", "data"), ACTIONS)
@pytest.mark.parametrize("who", ["learner", "official-guangzhou"])
def test_nobody_but_staff_acts(furnished: Furnished, who: str, path: str, data: dict[str, str]) -> None:
    before = shown(furnished)
    is_learner = who == "learner"
    client = (
        furnished.as_learner(furnished.account("lms-user-1001")) if is_learner else furnished.as_staff(who)
    )
    at = "/learner" if is_learner else "/authority"

    status, _ = post(client, path, at, **data)

    assert status == 403
    assert shown(furnished) == before


@pytest.mark.parametrize(("path", "data"), [one for one in ACTIONS if one[0].startswith(PAGE)])
def test_another_institutions_platform_is_not_there(
    furnished: Furnished, path: str, data: dict[str, str]
) -> None:
    before = shown(furnished)
    other = furnished.as_staff("staff-ping")

    status, page = post(other, path, **data)

    assert status in (403, 404)
    assert 'data-reason="registration_unknown"' in page or 'data-reason="role_missing"' in page
    assert other.get(PAGE).status_code == other.get(f"{PAGE}/move").status_code == 404
    assert shown(furnished) == before
    assert "127.0.0.1:8123" not in page


def test_a_platform_is_registered_and_its_secret_shown_once(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    status, page = post(client, "/platforms/new", **MOODLE, deployment_id="7", name="示例平台")

    assert status == 201
    secret = re.findall(r'data-testid="webhook-secret">([^<]{43})<', page)[0]
    made = furnished.house.lti_registrations.find("https://moodle.example", "abc")
    assert made.deployment_ids == {"7"}
    assert made.auth_token_url == "https://moodle.example/mod/lti/token.php"
    assert furnished.house.lti_registrations.webhook_secrets(RegistrationId(made.id)) == (secret.encode(),)
    again = client.get(f"/platforms/{made.id}").text
    assert secret not in again
    for value in ("/lti/login", "/lti/launch", "/lti/jwks", f"/webhooks/v1/{made.id}"):
        assert f"http://127.0.0.1:8080{value}<" in again
    assert "等待首次进入" in again


def test_a_form_that_cannot_stand_says_where_and_keeps_what_was_typed(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    status, page = post(
        client, "/platforms/new", kind="other", issuer="http://lms.example", client_id="", name="示例平台"
    )

    assert status == 422
    assert field_errors(page) == {"issuer", "client_id", "auth_login_url", "auth_token_url", "jwks_url"}
    assert 'value="http://lms.example"' in page
    assert 'value="示例平台"' in page
    assert len(furnished.house.platform_office.platforms(LIN)) == 1


def test_a_client_that_is_taken_is_said_to_be(furnished: Furnished) -> None:
    registered(furnished)

    status, page = post(furnished.as_staff("staff-ping"), "/platforms/new", **MOODLE)

    assert status == 409
    assert "已由另一条登记使用" in page


def test_staff_cannot_open_the_operators_network(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    status, page = post(client, "/platforms/new", **MOODLE, private_hosts="10.0.0.1")
    hosts = post(client, f"{PAGE}/private-hosts", private_hosts="10.0.0.1")
    invitation = post(client, "/platforms/invitations", private_hosts="10.0.0.1")

    assert (status, field_errors(page)) == (422, {"private_hosts"})
    assert (hosts[0], invitation[0]) == (403, 403)
    assert "10.0.0.1" not in shown(furnished).private_hosts
    boss = administrator(furnished)
    assert post(boss, f"{PAGE}/private-hosts", private_hosts="10.0.0.1 lms.lan")[0] == 303
    assert shown(furnished).private_hosts == {"10.0.0.1", "lms.lan"}
    assert post(boss, f"{PAGE}/private-hosts", private_hosts="10.0.0.0/8")[0] == 422


def test_the_administrator_registers_for_an_institution(furnished: Furnished) -> None:
    boss = administrator(furnished)

    assert 'data-testid="institution"' in boss.get("/platforms/new").text
    assert post(boss, "/platforms/new", **MOODLE, institution="org_sz")[0] == 201

    assert furnished.house.lti_registrations.find("https://moodle.example", "abc").tenant == "org_sz"
    status, page = post(boss, "/platforms/new", **{**MOODLE, "client_id": "x"}, institution="org_none")
    assert (status, "没有这家培训机构" in page) == (404, True)


def test_a_waiting_deployment_is_approved_on_the_page(furnished: Furnished) -> None:
    furnished.house.lti_registrations.note_unknown_deployment(PLATFORM, "7")
    client = furnished.as_staff("staff-lin")

    assert "1 个部署待批准" in client.get("/platforms").text
    assert 'data-testid="waiting-deployment"' in client.get(PAGE).text
    status, _ = post(client, f"{PAGE}/deployments", decision="approve", deployment_id="7")

    assert status == 303
    assert furnished.house.lti_registrations.by_id(PLATFORM).deployment_ids == {"1", "7"}
    page = client.get(PAGE).text
    assert 'data-testid="waiting-deployment"' not in page
    assert "已批准，下一次进入即可通过。" in page
    decided = {one.deployment_id: one.decided_by for one in shown(furnished).deployments}
    assert decided["7"] is not None
    assert decided["7"].startswith("staff_")
    post(client, f"{PAGE}/deployments", decision="refuse", deployment_id="7")
    assert furnished.house.lti_registrations.by_id(PLATFORM).deployment_ids == {"1"}
    assert post(client, f"{PAGE}/deployments", decision="both", deployment_id="7")[0] == 422
    assert post(client, f"{PAGE}/deployments", decision="approve", deployment_id="")[0] == 400


def test_a_connection_test_says_in_words_what_is_wrong(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")
    found = furnished.house.lti_registrations.by_id(PLATFORM)
    furnished.house.lti_registrations.note_launch(
        found, contact_removed=["email"], citizen_ids=["sub"], services=NO_SERVICES
    )

    status, page = post(client, f"{PAGE}/test")

    assert status == 200
    assert 'data-testid="finding-jwks" data-reason="platform_unreachable"' in page
    assert 'data-testid="finding-nrps" data-reason="nrps_untried"' in page
    assert 'data-reason="email_seen"' in page
    assert "共享邮箱" in page
    assert 'data-testid="warning-citizen_id"' in page
    assert "发来了不该发的信息" in client.get("/platforms").text


def test_a_secret_is_rotated_with_an_overlap(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    status, page = post(client, f"{PAGE}/secret")
    secret = re.findall(r'data-testid="webhook-secret">([^<]{43})<', page)[0]
    both = furnished.house.lti_registrations.webhook_secrets(PLATFORM)
    again = post(client, f"{PAGE}/secret")
    during = client.get(PAGE).text
    finished = post(client, f"{PAGE}/secret", finish="1")

    assert status == 200
    assert both == (secret.encode(), b"w" * 40)
    assert again[0] == 409
    assert "请先确认已换成新密钥" in again[1]
    assert 'data-testid="overlap"' in during
    assert "2026-12-01 12:00" in during
    assert secret not in during
    assert finished[0] == 303
    assert furnished.house.lti_registrations.webhook_secrets(PLATFORM) == (secret.encode(),)


def test_a_move_is_shown_before_it_is_made_and_can_be_undone(furnished: Furnished) -> None:
    registration = registered(furnished)
    client, path = furnished.as_staff("staff-lin"), f"/platforms/{registration}"
    to = {"issuer": "https://xuexi.example"}

    status, preview = post(client, f"{path}/move", **to)
    unchanged = shown(furnished, registration).addresses.issuer
    without_reason = post(client, f"{path}/move", **to, meant="1", reason=" ")
    moved = post(client, f"{path}/move", **to, meant="1", reason="学习平台更换域名")

    assert status == 200
    assert 'data-testid="change-jwks_url"' in preview
    assert "https://xuexi.example/mod/lti/certs.php" in preview
    assert unchanged == "https://moodle.example"
    assert (without_reason[0], "请写明迁移原因" in without_reason[1]) == (400, True)
    assert moved[0] == 303
    assert furnished.house.lti_registrations.find("https://xuexi.example", "abc").id == registration
    with pytest.raises(LaunchRefused) as refused:
        furnished.house.lti_registrations.find("https://moodle.example", "abc")
    assert refused.value.reason == "issuer_moved"
    page = client.get(path).text
    assert "学习平台更换域名" in page
    assert 'data-testid="undo-move"' in page
    assert post(client, f"{path}/move/undo")[0] == 303
    assert furnished.house.lti_registrations.find("https://moodle.example", "abc").id == registration
    assert post(client, f"{path}/move/undo")[0] == 409


def test_a_move_that_cannot_stand_is_explained(furnished: Furnished) -> None:
    registration = registered(furnished)
    client, path = furnished.as_staff("staff-lin"), f"/platforms/{registration}/move"

    status, page = post(client, path, issuer="http://xuexi.example")
    same = post(client, path, issuer="https://moodle.example")

    assert status == 422
    assert "issuer" in field_errors(page)
    assert (same[0], 'data-testid="no-change"' in same[1]) == (200, True)
    assert shown(furnished, registration).moves == ()


def test_a_platform_is_disabled_and_enabled(furnished: Furnished) -> None:
    client = furnished.as_staff("staff-lin")

    assert post(client, f"{PAGE}/status", enabled="0")[0] == 303
    assert "已停用" in client.get("/platforms").text
    assert post(client, f"{PAGE}/test")[0] == 409
    with pytest.raises(LaunchRefused):
        furnished.house.lti_registrations.by_id(PLATFORM)
    assert post(client, f"{PAGE}/status", enabled="1")[0] == 303
    furnished.house.lti_registrations.by_id(PLATFORM)


def test_the_tools_key_is_the_administrators_to_rotate(furnished: Furnished) -> None:
    boss = administrator(furnished)

    refused, _ = post(furnished.as_staff("staff-lin"), "/platforms/tool-keys")
    first = len(furnished.house.tool_keys.jwks()["keys"])
    assert post(boss, "/platforms/tool-keys")[0] == 303
    second = len(furnished.house.tool_keys.jwks()["keys"])
    assert "新密钥已公布" in boss.get("/platforms").text
    assert post(boss, "/platforms/tool-keys")[0] == 409
    assert post(boss, "/platforms/tool-keys", at_once="1")[0] == 303

    assert (refused, first, second) == (403, 1, 2)
    assert len(furnished.house.tool_keys.jwks()["keys"]) == 1


def test_an_invitation_is_shown_once(furnished: Furnished) -> None:
    status, page = post(furnished.as_staff("staff-lin"), "/platforms/invitations")

    assert status == 201
    link = re.findall(r'data-testid="registration-link">([^<]+)<', page)[0]
    assert link.startswith("http://127.0.0.1:8080/lti/register?invitation=")
    assert furnished.client().get(link.partition("8080")[2]).status_code == 200
    assert "Add LTI Advantage" in page


def test_what_a_platform_or_staff_wrote_stays_text(furnished: Furnished) -> None:
    evil = '<script>alert("x")</script>'
    registration = registered(furnished, name=evil)
    furnished.house.lti_registrations.note_unknown_deployment(registration, evil)
    client = furnished.as_staff("staff-lin")

    for path in ("/platforms", f"/platforms/{registration}", f"/platforms/{registration}/move"):
        page = client.get(path).text
        assert evil not in page
        assert "&lt;script&gt;" in page


def test_an_origin_that_would_begin_a_directive_stays_out_of_the_policy(furnished: Furnished) -> None:
    with furnished.house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE lti_registration SET allowed_origin = 'https://lms.example;sandbox'"
        )

    policy = furnished.client().get("/sign-in").headers["Content-Security-Policy"]

    assert "sandbox" not in policy
    assert policy.endswith("frame-ancestors 'self'")


def test_no_page_needs_an_exception_from_the_policy(furnished: Furnished) -> None:
    furnished.house.lti_registrations.note_unknown_deployment(PLATFORM, "7")
    boss = administrator(furnished)

    for path in ("/platforms", "/platforms/new", "/platforms/invitations", PAGE, f"{PAGE}/move"):
        answer = boss.get(path)
        assert (
            re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:", answer.text) is None
        ), path
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


TOO_LOW = """
    Array.from(document.querySelectorAll('main button, main a.button, main input, main select, main summary'))
        .filter(e => e.offsetParent && !['hidden', 'radio', 'checkbox'].includes(e.type))
        .filter(e => e.getBoundingClientRect().height < 44).map(e => e.outerHTML)
"""
"""Controls that a thumb misses; the label around a radio button or a tick is what is hit."""


@pytest.mark.e2e
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_pages_fit_every_screen_and_values_are_copied(
    served_platforms: tuple[str, str, RegistrationId], browser: Browser, width: int
) -> None:
    url, cookie, registration = served_platforms
    context = browser.new_context(
        viewport={"width": width, "height": 844}, permissions=["clipboard-read", "clipboard-write"]
    )
    context.add_cookies([{"name": "anxue_session", "value": cookie, "url": url}])
    page, complaints, wide, low = context.new_page(), [], [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    for path in ("", "/new", "/invitations", f"/{registration}", f"/{registration}/move"):
        page.goto(f"{url}/platforms{path}")
        for summary in page.locator("main summary").all():
            summary.click()
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            wide.append(path)
        low += page.evaluate(TOO_LOW)
    page.goto(f"{url}/platforms/{registration}")
    page.locator('[data-copy="value-jwks"]').click()
    page.get_by_role("button", name="已复制").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    context.close()

    assert (wide, low, complaints) == ([], [], [])
    assert copied == f"{url}/lti/jwks"


@pytest.fixture(scope="module")
def served_platforms(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[str, str, RegistrationId]]:
    """A served house with one platform that has something to decide, warn and undo; its administrator's cookie."""
    with served_house(tmp_path_factory.mktemp("platforms")) as (furnished, url):
        registration = registered(furnished, name="示例学习平台")
        registrations = furnished.house.lti_registrations
        for deployment in ("7", "f3b1c2d4-5e6f-7a8b-9c0d-1e2f3a4b5c6d:a-long-deployment-id-of-some-platform"):
            registrations.note_unknown_deployment(registration, deployment)
        registrations.note_launch(
            registrations.by_id(registration),
            contact_removed=["email"],
            citizen_ids=["sub"],
            services=NO_SERVICES,
        )
        office = furnished.house.platform_office
        office.move(LIN, registration, {"issuer": "https://xuexi.example"}, reason="学习平台更换域名")
        office.rotate_secret(LIN, registration)
        cookie = administrator(furnished).get_cookie("anxue_session")
        assert cookie is not None
        yield url, cookie.value, registration
