"""The connection test: each thing that goes wrong in practice is found and named; over real HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from lti.ags import LINE_ITEM_READ_SCOPE, LINE_ITEM_SCOPE, SCORE_SCOPE
from lti.connection_test import FINDINGS, Finding, clock_ahead, probe
from lti.http import GuardedHttp, Reply
from lti.nrps import MEMBERSHIP_SCOPE
from tests.lti.platform import START, b64, ec_jwk, public_jwk, rsa_key
from tests.lti.service_platform import ServicePlatform, answer, service_platform, tool_ring

# Shaped after the page that Moodle 4.5 shows; made up, not recorded.
MOODLE_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>错误 | 示范站点</title></head><body class='pagelayout-embedded'>"
    "<p class='errormessage'>Exception - mod_lti\\local\\ltiopenid\\jwks_helper::fix_jwks_alg(): "
    "Argument #1 ($jwks) must be of type array, null given</p></body></html>"
)


@pytest.fixture
def lms() -> Iterator[ServicePlatform]:
    with service_platform() as platform:
        yield platform


def probed(lms: ServicePlatform, **changes: Any) -> dict[str, Finding]:
    wanted: dict[str, Any] = {
        "http": GuardedHttp(read_seconds=1, total_seconds=2),
        "tool_keys": tool_ring(),
        "clock": lms.clock,
        "tool_jwks_url": "https://tool.example:8443/lti/jwks",
        "line_items_url": f"{lms.origin}/lineitems?type_id=7",
        "memberships_url": f"{lms.origin}/roster",
        "contact_claims": (),
        **changes,
    }
    registration = wanted.pop("registration", None) or lms.registration()
    findings = probe(registration, **wanted)
    assert [finding.step for finding in findings][:5] == ["jwks", "clock", "token", "ags", "nrps"]
    for finding in findings:
        assert "。" in finding.message_zh
        assert "{" not in finding.message_zh
    return {finding.step: finding for finding in findings}


def only(path: str, response: Response) -> Any:
    return lambda request: response if request.path == path else None


def test_a_platform_in_order_passes_every_step(lms: ServicePlatform) -> None:
    found = probed(lms)
    assert {step: finding.reason for step, finding in found.items()} == {
        "jwks": "jwks_ok",
        "clock": "clock_ok",
        "token": "token_ok",
        "ags": "ags_ok",
        "nrps": "nrps_ok",
        "privacy": "privacy_ok",
    }
    assert all(finding.ok and not finding.warning for finding in found.values())
    assert {request.method for request in lms.asked if request.path != "/token"} == {"GET"}
    lists = [request for request in lms.asked if request.path in ("/lineitems", "/roster")]
    assert [request.args["limit"] for request in lists] == ["1", "1"]


def test_moodle_that_cannot_fetch_our_keys_is_recognised_and_both_settings_named(
    lms: ServicePlatform,
) -> None:
    lms.odd = only("/token", Response(MOODLE_PAGE, status=404, content_type="text/html"))
    found = probed(lms)["token"]
    assert (found.ok, found.reason) == (False, "moodle_cannot_fetch_keys")
    for named in ("curlsecurityblockedhosts", "curlsecurityallowedport", "tool.example", "8443", "/lti/jwks"):
        assert named in found.message_zh


def test_moodles_page_without_the_detail_is_recognised_by_the_address(lms: ServicePlatform) -> None:
    page = Response("<html><body data-site='Moodle'>错误</body></html>", status=404, content_type="text/html")
    lms.odd = lambda request: page if request.path in ("/token", "/mod/lti/token.php") else None
    moodle = lms.registration(auth_token_url=f"{lms.origin}/mod/lti/token.php")
    assert probed(lms, registration=moodle)["token"].reason == "moodle_cannot_fetch_keys"
    assert probed(lms)["token"].reason == "token_url_wrong"


@pytest.mark.parametrize("body", ["<html>Apache: not found</html>", "", '{"error": "moodle"}'])
def test_a_404_of_another_kind_is_a_wrong_address(lms: ServicePlatform, body: str) -> None:
    lms.odd = only("/mod/lti/token.php", Response(body, status=404))
    moodle = lms.registration(auth_token_url=f"{lms.origin}/mod/lti/token.php")
    assert probed(lms, registration=moodle)["token"].reason == "token_url_wrong"


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (answer({"error": "invalid_client"}, status=400), "client_refused"),
        (answer({"error": "invalid_client"}, status=401), "client_refused"),
        (answer({"error": "unauthorized_client"}, status=400), "client_refused"),
        (answer({"error": "invalid_scope"}, status=400), "scope_missing"),
        (answer({"error": "unsupported_grant_type"}, status=400), "token_refused"),
        (answer({"access_token": ""}), "token_refused"),
        (answer({"error": "invalid_client"}, status=503), "platform_error"),
        (Response("<html>login</html>"), "reply_not_json"),
        (Response(status=302, headers={"Location": "https://lms.example/login"}), "redirect_refused"),
    ],
)
def test_a_token_that_is_not_given_is_explained(
    lms: ServicePlatform, response: Response, reason: str
) -> None:
    lms.odd = only("/token", response)
    found = probed(lms)
    assert (found["token"].ok, found["token"].reason) == (False, reason)
    assert not found["ags"].ok
    assert not found["nrps"].ok


def grants(lms: ServicePlatform, scopes: set[str]) -> None:
    def limited(request: Request) -> Response | None:
        if request.path == "/token" and not set(request.form["scope"].split()) <= scopes:
            return answer({"error": "invalid_scope"}, status=400)
        return None

    lms.odd = limited


def test_a_platform_that_grants_the_roster_alone_has_a_working_token_service(lms: ServicePlatform) -> None:
    grants(lms, {MEMBERSHIP_SCOPE})
    found = probed(lms)
    assert found["token"].reason == "token_ok"
    assert (found["ags"].reason, found["nrps"].reason) == ("scope_missing", "nrps_ok")


def test_line_items_are_read_with_the_scope_that_was_granted(lms: ServicePlatform) -> None:
    grants(lms, {SCORE_SCOPE, LINE_ITEM_SCOPE})
    assert probed(lms, granted=(LINE_ITEM_SCOPE, SCORE_SCOPE))["ags"].ok
    assert probed(lms)["ags"].reason == "scope_missing"
    grants(lms, {SCORE_SCOPE, LINE_ITEM_READ_SCOPE})
    assert probed(lms)["ags"].ok


@pytest.mark.parametrize(
    ("jwks", "reason", "said"),
    [
        ({"keys": []}, "jwks_empty", "为空"),
        ({"keys": [public_jwk(rsa_key("service"), "k", use="enc")]}, "jwks_unusable", "不是签名密钥"),
        ({"keys": [ec_jwk("k")]}, "jwks_unusable", "密钥类型与登记的算法不符"),
        ({"keys": [public_jwk(rsa_key("service"), "k", alg="PS256")]}, "jwks_unusable", "签名算法"),
        ({"keys": [public_jwk(rsa_key("service"), "k", n="?")]}, "jwks_unusable", "格式不正确"),
        ({"keys": [public_jwk(rsa_key("service"), "k")] * 2}, "jwks_unusable", "密钥编号重复"),
        ({"keys": [public_jwk(rsa_key("service"), "k", n=b64(b"\x80" * 128))]}, "jwks_unusable", "2048"),
        ({"keys": {}}, "reply_not_json", "JSON"),
        ("x", "reply_not_json", "JSON"),
    ],
)
def test_keys_that_cannot_be_used_are_explained(
    lms: ServicePlatform, jwks: Any, reason: str, said: str
) -> None:
    lms.jwks = jwks
    found = probed(lms)["jwks"]
    assert (found.ok, found.reason) == (False, reason)
    assert said in found.message_zh


def test_one_usable_key_is_enough(lms: ServicePlatform) -> None:
    lms.jwks = {"keys": [ec_jwk("k"), public_jwk(rsa_key("service"), "key-1")]}
    assert probed(lms)["jwks"].message_zh.startswith("已取得学习平台的公钥，可用 1 把")


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(status=404), "request_refused"),
        (Response(status=500), "platform_error"),
        (Response("<html>"), "reply_not_json"),
        (Response(b" " * (2 << 20)), "reply_too_large"),
        (Response(status=301, headers={"Location": "https://lms.example/"}), "redirect_refused"),
    ],
)
def test_a_key_address_in_trouble_is_explained_and_the_rest_is_tried(
    lms: ServicePlatform, response: Response, reason: str
) -> None:
    lms.odd = only("/jwks", response)
    found = probed(lms)
    assert (found["jwks"].ok, found["jwks"].reason) == (False, reason)
    assert found["token"].ok
    assert found["clock"].reason == "clock_ok"  # read from the token's answer


@pytest.mark.parametrize(
    ("ahead", "reason", "ok", "warning"),
    [
        (0, "clock_ok", True, False),
        (5, "clock_ok", True, False),
        (-5, "clock_ok", True, False),
        (6, "clock_off", False, True),
        (60, "clock_off", False, True),
        (62, "clock_wrong", False, False),
        (-7, "clock_off", False, True),
        (-62, "clock_wrong", False, False),
        (3600, "clock_wrong", False, False),
    ],
)
def test_clocks_are_compared(lms: ServicePlatform, ahead: int, reason: str, ok: bool, warning: bool) -> None:
    lms.clock.at = START + timedelta(milliseconds=500)
    lms.clock_ahead_seconds = ahead
    found = probed(lms)["clock"]
    assert (found.reason, found.ok, found.warning) == (reason, ok, warning)
    if not ok:
        assert ("快" if ahead > 0 else "慢") in found.message_zh


@pytest.mark.parametrize("value", ["", "yesterday", "2026-11-23T08:00:00Z"])
def test_a_platform_without_a_date_leaves_the_clock_unknown(value: str) -> None:
    assert clock_ahead(Reply(200, b"", {"date": value} if value else {}), START, START) is None


def test_the_difference_of_clocks_is_the_least_that_fits() -> None:
    def ahead(date: str, before: datetime, after: datetime) -> float:
        found = clock_ahead(Reply(200, b"", {"date": date}), before, after)
        assert found is not None
        return found.total_seconds()

    eight = "Mon, 23 Nov 2026 08:00:00 GMT"
    assert ahead(eight, START, START + timedelta(seconds=2)) == 0
    assert ahead(eight, START + timedelta(seconds=0.9), START + timedelta(seconds=0.95)) == 0
    assert ahead(eight, START - timedelta(seconds=5), START - timedelta(seconds=3)) == 3
    assert ahead(eight, START + timedelta(seconds=5), START + timedelta(seconds=9)) == -4
    assert ahead("Mon, 23 Nov 2026 08:00:00 -0000", START.astimezone(UTC), START) == 0


def test_nobody_there_is_one_finding_a_step(lms: ServicePlatform) -> None:
    gone = "http://127.0.0.1:1"
    registration = lms.registration(jwks_url=f"{gone}/jwks", auth_token_url=f"{gone}/token")
    found = probed(lms, registration=registration)
    assert found["jwks"].reason == found["token"].reason == found["ags"].reason == "platform_unreachable"
    assert (found["clock"].reason, found["clock"].warning) == ("clock_unknown", True)


def test_before_the_first_launch_services_are_untried_and_not_called_good(lms: ServicePlatform) -> None:
    found = probed(lms, line_items_url=None, memberships_url=None, contact_claims=None)
    assert (found["ags"].reason, found["nrps"].reason) == ("ags_untried", "nrps_untried")
    assert all(found[step].warning and not found[step].ok for step in ("ags", "nrps"))
    assert "privacy" not in found
    assert set(lms.paths()) == {"/jwks", "/token"}


def test_a_line_item_of_the_launch_serves_as_well(lms: ServicePlatform) -> None:
    lms.line_items["1"] = {"id": f"{lms.origin}/lineitems/1", "label": "x", "scoreMaximum": 1}
    url = f"{lms.origin}/lineitems/1"
    assert probed(lms, line_items_url=None, line_item_url=url)["ags"].reason == "ags_ok"


def test_services_in_trouble_are_named_with_the_platforms_status(lms: ServicePlatform) -> None:
    lms.odd = lambda request: Response(status=403) if request.path in ("/lineitems", "/roster") else None
    found = probed(lms)
    assert (found["ags"].reason, found["nrps"].reason) == ("line_item_refused", "roster_refused")
    assert "HTTP 403" in found["ags"].message_zh


def test_c5_a_service_elsewhere_is_named_and_not_called(lms: ServicePlatform) -> None:
    found = probed(lms, line_items_url="https://evil.example/l", memberships_url="https://evil.example/r")
    assert found["ags"].reason == found["nrps"].reason == "service_host_foreign"


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ((), "privacy_ok"),
        (("picture",), "contact_seen"),
        (("phone_number", "email"), "email_seen"),
        (("https://lms.example/claim/userEmail",), "email_seen"),
    ],
)
def test_contact_data_in_launches_is_warned_of(
    lms: ServicePlatform, paths: tuple[str, ...], reason: str
) -> None:
    found = probed(lms, contact_claims=paths)["privacy"]
    assert (found.reason, found.warning) == (reason, bool(paths))
    assert "lms.example" not in found.message_zh


def test_nothing_that_the_platform_wrote_reaches_a_sentence(lms: ServicePlatform) -> None:
    canary = "canary@lms.example"
    page = Response(f"<html>{canary}</html>", status=400, headers={"X-Reason": canary})
    lms.odd = lambda _: page
    for finding in probed(lms).values():
        assert canary not in finding.message_zh


def test_every_finding_has_a_chinese_sentence() -> None:
    for sentence in FINDINGS.values():
        assert sentence.endswith("。")
        assert not set(sentence) & set(",;")
