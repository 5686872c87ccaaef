"""Authorised calls (C5, C6): which token goes where, what an answer means, and pages; over real HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.wrappers import Request, Response

from lti.errors import ServiceFailed
from lti.http import Reply
from lti.services import (
    Page,
    PageLimits,
    ServiceTokens,
    below,
    links_of,
    read_token,
    retry_after_seconds,
    with_query,
)
from tests.lti.platform import START, StandingClock
from tests.lti.served import served
from tests.lti.service_platform import ServicePlatform, answer, service_platform, tool_ring

SCOPE = frozenset({"https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"})
NOW = int(START.timestamp())


@pytest.fixture
def lms() -> Iterator[ServicePlatform]:
    with service_platform() as platform:
        yield platform


def get(lms: ServicePlatform, url: str | None = None) -> Reply:
    return lms.call().send(lms.registration(), "GET", url or f"{lms.origin}/roster", SCOPE)


def reason(lms: ServicePlatform, url: str | None = None) -> ServiceFailed:
    call = lms.call()
    with pytest.raises(ServiceFailed) as failed:
        call.accepted(
            call.send(lms.registration(), "GET", url or f"{lms.origin}/roster", SCOPE), "roster_refused"
        )
    return failed.value


def pages(lms: ServicePlatform, **changes: Any) -> list[Page]:
    wanted: dict[str, Any] = {
        "accept": "application/json",
        "entries": lambda document: document.get("members"),
        **changes,
    }
    url = f"{lms.origin}/roster?limit=2"
    return list(lms.call().pages(lms.registration(), url, SCOPE, "roster_refused", **wanted))


def test_a_call_carries_a_token_that_the_platform_gave_for_it(lms: ServicePlatform) -> None:
    assert get(lms).status == 200
    assert lms.paths() == ["/token", "/roster"]
    assert lms.asked[1].headers["Authorization"] == "Bearer token-1"
    assert lms.granted == {"token-1": " ".join(SCOPE)}


def test_a_document_goes_out_as_json_of_its_kind(lms: ServicePlatform) -> None:
    lms.call().send(
        lms.registration(),
        "PUT",
        f"{lms.origin}/x",
        SCOPE,
        accept="application/a+json",
        content_type="application/b+json",
        document={"名": "值"},
    )
    sent = lms.asked[-1]
    assert (sent.method, sent.headers["Accept"], sent.headers["Content-Type"]) == (
        "PUT",
        "application/a+json",
        "application/b+json",
    )
    assert lms.bodies[-1] == '{"名": "值"}'.encode()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/1",
        "{origin}.evil.example/1",
        "http://user@127.0.0.1/",
        "http://127.0.0.1:1/",
        "//evil.example/",
        "/roster",
        "",
    ],
)
def test_c5_neither_token_nor_content_leaves_for_another_host(lms: ServicePlatform, url: str) -> None:
    assert reason(lms, url.format(origin=lms.origin) or "x").reason == "service_host_foreign"
    assert lms.asked == []


def test_a_service_host_that_was_registered_is_called(lms: ServicePlatform) -> None:
    other = ServicePlatform(lms.clock, granted=lms.granted)
    with served(other) as origin:
        registration = lms.registration(service_origins=frozenset({origin}))
        assert lms.call().send(registration, "GET", f"{origin}/roster", SCOPE).status == 200


def test_a_token_that_was_dropped_early_is_renewed_once(lms: ServicePlatform) -> None:
    call = lms.call()
    call.send(lms.registration(), "GET", f"{lms.origin}/roster", SCOPE)
    lms.granted.clear()
    assert call.send(lms.registration(), "GET", f"{lms.origin}/roster", SCOPE).status == 200
    assert lms.paths() == ["/token", "/roster", "/roster", "/token", "/roster"]


def test_a_platform_that_takes_no_token_is_asked_twice_and_no_more(lms: ServicePlatform) -> None:
    lms.odd = lambda request: None if request.path == "/token" else Response(status=401)
    failed = reason(lms)
    assert (failed.reason, failed.status, failed.permanent) == ("roster_refused", 401, True)
    assert lms.paths() == ["/token", "/roster", "/token", "/roster"]


@pytest.mark.parametrize("status", [400, 403, 404, 410, 422])
def test_a_refusal_is_for_good(lms: ServicePlatform, status: int) -> None:
    lms.odd = lambda request: None if request.path == "/token" else Response(status=status)
    failed = reason(lms)
    assert (failed.reason, failed.status, failed.permanent) == ("roster_refused", status, True)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_pass_is_worth_another_try(lms: ServicePlatform, status: int) -> None:
    lms.odd = lambda request: (
        None if request.path == "/token" else Response(status=status, headers={"Retry-After": "120"})
    )
    failed = reason(lms)
    assert (failed.reason, failed.status, failed.permanent) == ("platform_error", status, False)
    assert failed.retry_after_seconds == 120


def test_a_token_address_in_trouble_says_when_to_come_back(lms: ServicePlatform) -> None:
    lms.odd = lambda _: Response(status=503, headers={"Retry-After": "9"})
    failed = reason(lms)
    assert (failed.reason, failed.retry_after_seconds, failed.permanent) == ("platform_error", 9, False)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("999999999999", 86400),
        ("Mon, 23 Nov 2026 08:01:30 GMT", 90),
        ("Mon, 23 Nov 2026 07:00:00 GMT", 0),
        ("-5", None),
        ("１２", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_a_bounded_hint(value: str, seconds: int | None) -> None:
    assert retry_after_seconds(Reply(503, b"", {"retry-after": value}), NOW) == seconds


def test_the_assertion_is_short_lived_used_once_and_for_the_token_address(lms: ServicePlatform) -> None:
    call = lms.call()
    for _ in range(3):  # the simulator refuses a jti that it has seen, another aud, more than five minutes
        call.send(lms.registration(), "GET", f"{lms.origin}/roster", SCOPE)
        lms.clock.advance(3600)
    assert len(lms.jtis) == 3


def test_the_assertion_is_for_another_audience_where_one_is_registered(lms: ServicePlatform) -> None:
    call = lms.call()
    other = lms.registration(token_audience="https://lms.example/authority")
    with pytest.raises(ServiceFailed, match="token_refused"):
        call.send(other, "GET", f"{lms.origin}/roster", SCOPE)


def test_a_token_is_kept_until_a_minute_before_its_end(lms: ServicePlatform) -> None:
    call = lms.call()
    url = f"{lms.origin}/roster"
    call.send(lms.registration(), "GET", url, SCOPE)
    lms.clock.advance(3539)
    call.send(lms.registration(), "GET", url, SCOPE)
    assert lms.paths().count("/token") == 1
    lms.clock.advance(1)
    call.send(lms.registration(), "GET", url, SCOPE)
    assert lms.paths().count("/token") == 2


class CountingNetwork:
    """Gives another token each time, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def request(self, method: str, url: str, policy: Any, **_: Any) -> Reply:
        self.count += 1
        return Reply(200, f'{{"access_token": "t{self.count}", "expires_in": 3600}}'.encode())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["r1", "r2"]),
            st.sampled_from(["c1", "c2"]),
            st.frozensets(st.sampled_from(["a", "b", "a b"]), min_size=1),
        ),
        max_size=20,
    )
)
def test_c6_a_token_serves_one_registration_and_one_set_of_scopes(
    asked: list[tuple[str, str, frozenset[str]]],
) -> None:
    clock = StandingClock()
    lms = ServicePlatform(clock, origin="http://127.0.0.1:9")
    network = CountingNetwork()
    tokens = ServiceTokens(network, tool_ring(), clock)
    given_to: dict[tuple[str, str, frozenset[str]], str] = {}
    for each in asked:
        token = tokens.token(lms.registration(id=each[0], client_id=each[1]), each[2])
        assert given_to.setdefault(each, token) == token
    assert len(set(given_to.values())) == len(given_to) == network.count


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (Reply(400, b'{"error": "invalid_client"}'), "token_refused"),
        (Reply(400, b'{"error": "invalid_scope"}'), "scope_missing"),
        (Reply(400, b'{"error": ["invalid_scope"]}'), "token_refused"),
        (Reply(404, b"<html>"), "token_refused"),
        (Reply(201, b'{"access_token": "t"}'), "token_refused"),
        (Reply(200, b'{"access_token": "a\\r\\nX: y"}'), "token_refused"),
        (Reply(200, b'{"access_token": "a b\\u0000"}'), "token_refused"),
        (Reply(200, b'{"access_token": ""}'), "token_refused"),
        (Reply(200, b'{"access_token": 7}'), "token_refused"),
        (Reply(200, b'{"access_token": "' + b"x" * 16385 + b'"}'), "token_refused"),
        (Reply(200, '{"access_token": "令牌"}'.encode()), "token_refused"),
        (Reply(200, b"[]"), "token_refused"),
        (Reply(200, b"<html>"), "reply_not_json"),
        (Reply(200, b'{"access_token": "t", "scope": "a"}'), "scope_missing"),
        (Reply(200, b'{"access_token": "t", "scope": "ab"}'), "scope_missing"),
        (Reply(429, b'{"access_token": "t"}'), "platform_error"),
        (Reply(502, b""), "platform_error"),
    ],
)
def test_an_answer_without_a_usable_token_is_a_failure(reply: Reply, why: str) -> None:
    with pytest.raises(ServiceFailed) as failed:
        read_token(reply, frozenset({"a", "b"}), NOW)
    assert failed.value.reason == why


@pytest.mark.parametrize(
    ("members", "seconds"),
    [
        (b'"expires_in": 3600', 3600),
        (b'"expires_in": "3600"', 3600),
        (b'"expires_in": true', 0),
        (b'"expires_in": "soon"', 0),
        (b'"expires_in": 1.5', 0),
        (b'"scope": "b a c"', 0),
        (b'"scope": ""', 0),
        (b'"scope": null', 0),
    ],
)
def test_what_is_known_of_a_token(members: bytes, seconds: int) -> None:
    reply = Reply(200, b'{"access_token": "t", ' + members + b"}")
    assert read_token(reply, frozenset({"a", "b"}), NOW) == ("t", seconds)


def test_all_pages_are_read_in_order(lms: ServicePlatform) -> None:
    lms.members = list(range(5))
    found = pages(lms)
    assert [page.entries for page in found] == [(0, 1), (2, 3), (4,)]
    assert [page.number for page in found] == [0, 1, 2]
    assert found[0].document["context"] == {"id": "course-1"}
    assert found[0].links == {"next": f"{lms.origin}/roster?limit=2&from=2"}


def test_typographic_quotes_and_html_in_a_link_do_not_end_a_list_half_way(lms: ServicePlatform) -> None:
    """Moodle's line items and results carry such headers: taken for "no next page", they would lose grades."""
    lms.members = list(range(5))
    lms.next_rel = "“next”".encode().decode("latin-1")
    assert [page.entries for page in pages(lms)] == [(0, 1), (2, 3), (4,)]
    reply = Reply(200, b"", {"link": '<https://l.example/?a=1&amp;from=2>; rel="next"'})
    assert links_of(reply, "https://l.example/") == {"next": "https://l.example/?a=1&from=2"}


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ('<https://l.example/2>; rel="next"', {"next": "https://l.example/2"}),
        ("<https://l.example/2>;rel=next", {"next": "https://l.example/2"}),
        (
            '<?p=2>; title="a, b"; REL="next last"',
            {"next": "https://l.example/a?p=2", "last": "https://l.example/a?p=2"},
        ),
        (
            '</1>; rel="prev", </3>; rel="Next"',
            {"prev": "https://l.example/1", "next": "https://l.example/3"},
        ),
        ('</1>; rel="next", </2>; rel="next"', {"next": "https://l.example/1"}),
        ("</1>; param=rel", {}),
        ("", {}),
        ("next", {}),
    ],
)
def test_links_are_read_as_the_standard_says(header: str, found: dict[str, str]) -> None:
    assert links_of(Reply(200, b"", {"link": header}), "https://l.example/a?p=1") == found


@pytest.mark.parametrize("evil", ["http://127.0.0.1:1/steal", "https://evil.example/", "//evil.example/x"])
def test_c5_a_next_page_elsewhere_is_not_asked(lms: ServicePlatform, evil: str) -> None:
    lms.odd = lambda request: (
        None if request.path == "/token" else answer({"members": [1]}, link=f'<{evil}>; rel="next"')
    )
    with pytest.raises(ServiceFailed, match="service_host_foreign"):
        pages(lms)
    assert lms.paths() == ["/token", "/roster"]


def test_pages_that_go_in_a_circle_end(lms: ServicePlatform) -> None:
    def circle(request: Request) -> Response | None:
        if request.path == "/token":
            return None
        other = "a" if request.args.get("p") == "b" else "b"
        return answer({"members": [1]}, link=f'</roster?p={other}>; rel="next"')

    lms.odd = circle
    with pytest.raises(ServiceFailed, match="paging_loop"):
        pages(lms)
    assert len(lms.asked) == 4


def test_pages_without_end_end(lms: ServicePlatform) -> None:
    lms.members = list(range(1000))
    with pytest.raises(ServiceFailed, match="paging_too_long"):
        pages(lms, limits=PageLimits(pages=3, entries=100))
    assert lms.paths().count("/roster") == 3
    lms.members = list(range(6))
    with pytest.raises(ServiceFailed, match="paging_too_long"):
        pages(lms, limits=PageLimits(pages=100, entries=5))


def test_a_list_of_just_the_limit_is_whole(lms: ServicePlatform) -> None:
    lms.members = list(range(6))
    assert len(pages(lms, limits=PageLimits(pages=3, entries=6))) == 3


@pytest.mark.parametrize("document", [{}, {"members": None}, {"members": {"a": 1}}, {"members": "ab"}])
def test_what_is_no_list_is_no_page(lms: ServicePlatform, document: Any) -> None:
    lms.odd = lambda request: None if request.path == "/token" else answer(document)
    with pytest.raises(ServiceFailed, match="reply_not_json"):
        pages(lms)


def test_a_failure_on_a_later_page_is_not_the_end_of_the_list(lms: ServicePlatform) -> None:
    lms.members = list(range(5))
    lms.odd = lambda request: Response(status=500) if request.args.get("from") == "2" else None
    with pytest.raises(ServiceFailed, match="platform_error"):
        pages(lms)


NAMES = st.text("abcdef", min_size=1, max_size=3)


@given(st.dictionaries(NAMES, NAMES, max_size=4), st.dictionaries(NAMES, st.none() | NAMES, max_size=4))
def test_a_query_keeps_what_is_not_named(old: dict[str, str], new: dict[str, str | None]) -> None:
    base = with_query("https://l.example/p", dict(old))
    wanted = {**old, **new}
    expected = with_query("https://l.example/p", wanted)
    assert sorted(with_query(base, dict(new)).partition("?")[2].split("&")) == sorted(
        expected.partition("?")[2].split("&")
    )


def test_addresses_below_an_address_keep_its_query() -> None:
    assert (
        below("https://l.example/1/lineitem?type_id=2", "scores")
        == "https://l.example/1/lineitem/scores?type_id=2"
    )
    assert below("https://l.example/1/", "scores") == "https://l.example/1/scores"
    assert (
        with_query("https://l.example/1?type_id=2", {"limit": 5}) == "https://l.example/1?type_id=2&limit=5"
    )
    assert with_query("https://l.example/1", {"q": "a&b=c 汉"}) == "https://l.example/1?q=a%26b%3Dc+%E6%B1%89"
