"""Platform Notification Service 1.0 (C10): what is believed of a batch, and where batches are asked for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from lti.claims import (
    CONTEXT,
    DEPLOYMENT_ID,
    FOR_USER,
    MESSAGE_TYPE,
    NOTICE,
    NOTIFICATION_SERVICE,
    VERSION,
    Context,
    NotificationService,
)
from lti.errors import LaunchRefused, ServiceFailed
from lti.notices import (
    CONTEXT_COPY,
    HELLO_WORLD,
    MAX_BODY_BYTES,
    NOTICE_HANDLERS_SCOPE,
    ORIGIN_CONTEXTS,
    Notice,
    NoticeBatch,
    NoticeHandler,
    NoticeHandlers,
    RefusedNotice,
    verify_notices,
)
from tests.lti.doors import CoreDoor, World
from tests.lti.platform import public_jwk, rsa_key, without_none
from tests.lti.service_platform import ServicePlatform, answer, service_platform

COPIED = "2026-11-23T07:59:30.611796Z"


class Handler:
    """The address at which a platform's notices come in."""

    def __init__(self) -> None:
        self.door = CoreDoor()
        self.lms = self.door.world.lms

    def claims(self, number: int = 1, /, **changes: Any) -> dict[str, Any]:
        """Return a right notice that a course was copied, with claims changed (None removes one)."""
        now = self.lms.clock.seconds()
        right = {
            "iss": self.lms.issuer,
            "aud": "client-1",
            "azp": "client-1",
            "iat": now,
            "exp": now + 3600,
            "nonce": f"nonce-{number}",
            VERSION: "1.3.0",
            DEPLOYMENT_ID: "deployment-1",
            NOTICE: {"id": f"notice-{number}", "timestamp": COPIED, "type": CONTEXT_COPY},
            CONTEXT: {"id": "course-2", "label": "C2", "title": "安全生产培训"},
            ORIGIN_CONTEXTS: ["course-1"],
        }
        return without_none({**right, **changes})

    def receive(self, *jwts: Any) -> NoticeBatch:
        return self.receive_body(json.dumps({"notices": [{"jwt": each} for each in jwts]}).encode())

    def receive_body(self, body: bytes) -> NoticeBatch:
        return verify_notices(self.door.tool, self.lms.registration(), body)

    def refusal(self, jwt: Any) -> str:
        batch = self.receive(jwt)
        assert batch.notices == ()
        (refused,) = batch.refused
        assert refused.position == 0
        return refused.reason


def test_c10_a_right_notice_is_believed() -> None:
    handler = Handler()
    batch = handler.receive(handler.lms.sign(handler.claims()))
    assert batch.refused == ()
    (notice,) = batch.notices
    assert (notice.id, notice.type, notice.known) == ("notice-1", CONTEXT_COPY, True)
    assert notice.happened_at == datetime(2026, 11, 23, 7, 59, 30, 611796, tzinfo=UTC)
    assert notice.context == Context("course-2", "C2", "安全生产培训")
    assert (notice.origin_contexts, notice.deployment_id) == (("course-1",), "deployment-1")
    assert len(notice.sha256) == 64
    assert notice.registration == handler.lms.registration()


@pytest.mark.parametrize("length", [0, 1, 255, 256])
def test_c10_a_notice_has_a_nonce_and_a_type_of_1_to_255_characters(length: int) -> None:
    handler, told = Handler(), {"id": "n", "timestamp": COPIED}
    nonce = handler.receive(handler.lms.sign(handler.claims(nonce="n" * length)))
    typed = handler.receive(handler.lms.sign(handler.claims(**{NOTICE: {**told, "type": "t" * length}})))
    right = 0 < length < 256
    assert [each.reason for each in nonce.refused] == ([] if right else ["nonce_missing"])
    assert [each.reason for each in typed.refused] == ([] if right else ["notice_missing"])


def test_a_notice_of_no_course_and_of_a_type_that_says_hello() -> None:
    handler = Handler()
    told = {"id": "n", "timestamp": COPIED, "type": HELLO_WORLD}
    claims = handler.claims(**{NOTICE: told, CONTEXT: None, ORIGIN_CONTEXTS: None})
    (notice,) = handler.receive(handler.lms.sign(claims, typ=None)).notices
    assert (notice.known, notice.context, notice.origin_contexts) == (True, None, ())


def test_a_notice_of_an_unknown_type_is_reported_as_such() -> None:
    handler = Handler()
    told = {"id": "n", "timestamp": COPIED, "type": "LtiAssetProcessorSubmissionNotice"}
    (notice,) = handler.receive(handler.lms.sign(handler.claims(**{NOTICE: told}))).notices
    assert (notice.type, notice.known) == ("LtiAssetProcessorSubmissionNotice", False)


def test_what_a_notice_says_of_a_person_goes_no_further() -> None:
    handler = Handler()
    claims = handler.claims(
        sub="user-1",
        email="someone@lms.example",
        note="身份证 440199199003071219",
        **{FOR_USER: {"user_id": "440199199003071219"}},
    )
    (notice,) = handler.receive(handler.lms.sign(claims)).notices
    told = f"{dict(notice.raw)}{notice!r}"
    assert not [word for word in ("user-1", "someone@", "440199199003071219") if word in told]


def _signed(handler: Handler, **changes: Any) -> str:
    return handler.lms.sign(handler.claims(**changes))


WRONG: dict[str, tuple[str, Any]] = {
    "C10.signature": ("signature_invalid", lambda h: h.lms.sign(h.claims(), key=rsa_key("stranger"))),
    "C10.kid": ("kid_unknown", lambda h: h.lms.sign(h.claims(), kid="made-up")),
    "C10.no-kid": ("kid_missing", lambda h: h.lms.sign(h.claims(), kid=None)),
    "C10.alg": ("alg_not_allowed", lambda h: h.lms.sign(h.claims(), alg="none")),
    "C10.issuer": ("issuer_mismatch", lambda h: _signed(h, iss="https://other.example")),
    "C10.aud": ("audience_mismatch", lambda h: _signed(h, aud="client-2", azp=None)),
    "C10.no-aud": ("audience_mismatch", lambda h: _signed(h, aud=None)),
    "C10.azp": ("azp_mismatch", lambda h: _signed(h, azp="somebody")),
    "C10.exp": ("exp_missing", lambda h: _signed(h, exp=None)),
    "C10.iat": ("iat_missing", lambda h: _signed(h, iat=None)),
    "C10.expired": ("token_expired", lambda h: _signed(h, exp=h.lms.clock.seconds() - 61)),
    "C10.future": ("token_from_future", lambda h: _signed(h, iat=h.lms.clock.seconds() + 61)),
    "C10.old": ("token_too_old", lambda h: _signed(h, iat=h.lms.clock.seconds() - 3661)),
    "C10.nonce": ("nonce_missing", lambda h: _signed(h, nonce=None)),
    "C10.nonce-number": ("nonce_missing", lambda h: _signed(h, nonce=7)),
    "C10.version": ("version_unsupported", lambda h: _signed(h, **{VERSION: "2.0"})),
    "C10.deployment": ("deployment_unknown", lambda h: _signed(h, **{DEPLOYMENT_ID: "deployment-2"})),
    "C10.no-deployment": ("deployment_id_missing", lambda h: _signed(h, **{DEPLOYMENT_ID: None})),
    "C10.deployment-number": ("deployment_id_invalid", lambda h: _signed(h, **{DEPLOYMENT_ID: 1})),
    "C10.launch": ("token_type_wrong", lambda h: _signed(h, **{MESSAGE_TYPE: "LtiResourceLinkRequest"})),
    "C10.right-launch": ("token_type_wrong", lambda h: h.lms.token("nonce-1")),
    "C10.document": ("token_type_wrong", lambda h: h.lms.sign(h.claims(), typ="anxue-session+jwt")),
    "C10.no-notice": ("notice_missing", lambda h: _signed(h, **{NOTICE: None})),
    "C10.notice-text": ("notice_missing", lambda h: _signed(h, **{NOTICE: "notice-1"})),
    "C10.no-id": ("notice_missing", lambda h: _told(h, id=None)),
    "C10.id-number": ("notice_missing", lambda h: _told(h, id=7)),
    "C10.id-long": ("notice_missing", lambda h: _told(h, id="n" * 256)),
    "C10.no-type": ("notice_missing", lambda h: _told(h, type=None)),
    "C10.no-time": ("notice_missing", lambda h: _told(h, timestamp=None)),
    "C10.time-text": ("notice_missing", lambda h: _told(h, timestamp="yesterday")),
    "C10.time-naive": ("notice_missing", lambda h: _told(h, timestamp="2026-11-23T08:00:00")),
    "C10.context": ("claim_malformed", lambda h: _signed(h, **{CONTEXT: "course-2"})),
    "C10.origins": ("claim_malformed", lambda h: _signed(h, **{ORIGIN_CONTEXTS: "course-1"})),
    "C10.malformed": ("token_malformed", lambda _: "a.b"),
    "C10.no-jwt": ("token_missing", lambda _: None),
    "C10.jwt-number": ("token_missing", lambda _: 7),
}


def _told(handler: Handler, **changes: Any) -> str:
    told = without_none({"id": "n", "timestamp": COPIED, "type": CONTEXT_COPY, **changes})
    return _signed(handler, **{NOTICE: told})


@pytest.mark.parametrize(("reason", "make"), list(WRONG.values()), ids=list(WRONG))
def test_a_wrong_notice_is_refused_for_its_own_reason(reason: str, make: Any) -> None:
    handler = Handler()
    assert handler.refusal(make(handler)) == reason


def test_c10_a_notice_never_lets_anybody_in() -> None:
    """As it is, and dressed up as a launch of the same flow."""
    handler = Handler()
    going = handler.door.login()
    bare = handler.lms.sign(handler.claims(nonce=going.nonce))
    assert handler.door.launch(going.state, bare) == "token_type_wrong"
    going = handler.door.login()
    both = handler.lms.claims(going.nonce) | {NOTICE: {"id": "n", "timestamp": COPIED, "type": HELLO_WORLD}}
    assert handler.door.launch(going.state, handler.lms.sign(both)) == "token_type_wrong"


def test_c10_a_replayed_notice_has_the_same_id_however_it_is_signed() -> None:
    handler = Handler()
    first = handler.lms.sign(handler.claims())
    handler.lms.clock.advance(30)
    again = handler.lms.sign(handler.claims(nonce="another"))
    notices = handler.receive(first, first, again).notices
    assert [notice.id for notice in notices] == ["notice-1"] * 3
    assert len({notice.sha256 for notice in notices}) == 2


def test_c10_a_hundred_notices_are_read_and_one_more_is_none() -> None:
    handler = Handler()
    signed = [handler.lms.sign(handler.claims(number)) for number in range(101)]
    assert [notice.id for notice in handler.receive(*signed[:100]).notices] == [
        f"notice-{n}" for n in range(100)
    ]
    with pytest.raises(LaunchRefused, match="notices_too_many"):
        handler.receive(*signed)


def test_c10_a_wrong_notice_spoils_no_other() -> None:
    handler = Handler()
    right = [handler.lms.sign(handler.claims(number)) for number in (1, 2)]
    batch = handler.receive(right[0], "a.b.c", handler.lms.sign(handler.claims(aud="x")), right[1])
    assert [notice.id for notice in batch.notices] == ["notice-1", "notice-2"]
    assert batch.refused == (RefusedNotice(1, "token_malformed"), RefusedNotice(2, "audience_mismatch"))


def test_c10_made_up_kids_do_not_hammer_the_platform() -> None:
    handler = Handler()
    handler.receive(handler.lms.sign(handler.claims()))
    before = handler.lms.fetches
    handler.receive(*[handler.lms.sign(handler.claims(), kid=f"made-up-{n}") for n in range(50)])
    assert handler.lms.fetches == before + 1


def test_a_notice_under_a_new_key_is_believed_at_once() -> None:
    handler = Handler()
    handler.receive(handler.lms.sign(handler.claims()))
    handler.lms.kid, handler.lms.key = "key-2", rsa_key("rotated")
    handler.lms.jwks = {"keys": [public_jwk(handler.lms.key, "key-2")]}
    assert len(handler.receive(handler.lms.sign(handler.claims(2))).notices) == 1


@pytest.mark.parametrize(
    ("reason", "body"),
    [
        ("notices_malformed", b""),
        ("notices_malformed", b"[]"),
        ("notices_malformed", b"{}"),
        ("notices_malformed", b'{"notices": {"jwt": "a"}}'),
        ("notices_malformed", b'{"notices": [], "notices": []}'),
        ("notices_malformed", b"\xff"),
        ("request_too_large", b" " * (MAX_BODY_BYTES + 1)),
    ],
)
def test_a_body_that_is_no_batch_is_refused(reason: str, body: bytes) -> None:
    with pytest.raises(LaunchRefused) as refused:
        Handler().receive_body(body)
    assert refused.value.reason == reason


def test_a_body_of_just_the_limit_is_read() -> None:
    batch = b'{"notices": []}'
    assert Handler().receive_body(batch + b" " * (MAX_BODY_BYTES - len(batch))) == NoticeBatch((), ())


def test_an_empty_batch_and_an_entry_that_is_no_object() -> None:
    handler = Handler()
    assert handler.receive() == NoticeBatch((), ())
    batch = handler.receive_body(b'{"notices": ["a.b.c"]}')
    assert batch.refused == (RefusedNotice(0, "token_missing"),)


def test_notices_come_over_https_alone() -> None:
    world = World.new("http://127.0.0.1:5000")
    door = CoreDoor(world, public_url="http://127.0.0.1:5000")
    with pytest.raises(LaunchRefused, match="insecure_transport"):
        verify_notices(door.tool, world.lms.registration(), b'{"notices": []}')


def test_a_launch_says_where_notices_may_be_asked_for() -> None:
    door = CoreDoor()
    going, lms = door.login(), door.world.lms
    claim = {
        "service_versions": ["1.0"],
        "platform_notification_service_url": "https://lms.example/notice-handlers/106",
        "scope": [NOTICE_HANDLERS_SCOPE],
        "notice_types_supported": [HELLO_WORLD, CONTEXT_COPY],
    }
    token = lms.token(going.nonce, **{NOTIFICATION_SERVICE: claim})
    assert door.launch(going.state, token) == "accepted learner"
    assert door.launched is not None
    assert door.launched.claims.notification_service == NotificationService(
        "https://lms.example/notice-handlers/106",
        (NOTICE_HANDLERS_SCOPE,),
        (HELLO_WORLD, CONTEXT_COPY),
        ("1.0",),
    )


@pytest.fixture
def lms() -> Iterator[ServicePlatform]:
    with service_platform() as platform:
        yield platform


def service_of(lms: ServicePlatform, reply: Response) -> NotificationService:
    def handlers(request: Request) -> Response | None:
        if request.path != "/notice-handlers":
            return None
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return reply if lms.granted.get(token) == NOTICE_HANDLERS_SCOPE else Response(status=401)

    lms.odd = handlers
    url = f"{lms.origin}/notice-handlers"
    return NotificationService(url, (NOTICE_HANDLERS_SCOPE,), (CONTEXT_COPY,), ("1.0",))


def test_a_handler_is_registered_and_taken_away(lms: ServicePlatform) -> None:
    service = service_of(lms, answer({}))
    handlers = NoticeHandlers(lms.call())
    handlers.put(lms.registration(), service, NoticeHandler(CONTEXT_COPY, "https://tool.example/n/1"))
    assert lms.asked[-1].method == "PUT"
    assert json.loads(lms.bodies[-1]) == {
        "notice_type": CONTEXT_COPY,
        "handler": "https://tool.example/n/1",
        "max_batch_size": 100,
    }
    handlers.put(lms.registration(), service, NoticeHandler(CONTEXT_COPY, ""))
    assert json.loads(lms.bodies[-1]) == {"notice_type": CONTEXT_COPY, "handler": ""}


def test_a_type_that_is_not_offered_is_not_asked_for(lms: ServicePlatform) -> None:
    service = service_of(lms, answer({}))
    with pytest.raises(ServiceFailed, match="notice_type_not_offered"):
        NoticeHandlers(lms.call()).put(
            lms.registration(), service, NoticeHandler(HELLO_WORLD, "https://t.example")
        )
    assert lms.asked == []


def test_a_platform_that_takes_no_handler_is_told_as_such(lms: ServicePlatform) -> None:
    service = service_of(lms, Response(status=403))
    with pytest.raises(ServiceFailed, match="notice_handler_refused"):
        NoticeHandlers(lms.call()).put(lms.registration(), service, NoticeHandler(CONTEXT_COPY, ""))


def test_c5_no_token_goes_to_a_notification_service_elsewhere(lms: ServicePlatform) -> None:
    service = NotificationService("https://evil.example/", (), (CONTEXT_COPY,), ())
    for call in (
        lambda: NoticeHandlers(lms.call()).read(lms.registration(), service),
        lambda: NoticeHandlers(lms.call()).put(lms.registration(), service, NoticeHandler(CONTEXT_COPY, "")),
    ):
        with pytest.raises(ServiceFailed, match="service_host_foreign"):
            call()
    assert lms.asked == []


def test_what_the_platform_has_noted_can_be_read(lms: ServicePlatform) -> None:
    noted = [
        {"notice_type": CONTEXT_COPY, "handler": "https://tool.example/n/1"},
        {"notice_type": HELLO_WORLD, "handler": ""},
        {"notice_type": 7, "handler": "x"},
        {"notice_type": "x"},
        "x",
    ]
    service = service_of(lms, answer({"client_id": 10000000000068, "notice_handlers": noted}))
    assert NoticeHandlers(lms.call()).read(lms.registration(), service) == (
        NoticeHandler(CONTEXT_COPY, "https://tool.example/n/1"),
        NoticeHandler(HELLO_WORLD, ""),
    )


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Response(status=403), "notice_handler_refused"),
        (Response(status=502), "platform_error"),
        (answer([]), "reply_not_json"),
        (answer({"notice_handlers": {}}), "reply_not_json"),
    ],
)
def test_an_odd_answer_is_a_failure_with_a_reason(lms: ServicePlatform, reply: Response, reason: str) -> None:
    service = service_of(lms, reply)
    with pytest.raises(ServiceFailed, match=reason):
        NoticeHandlers(lms.call()).read(lms.registration(), service)


def test_a_notice_is_shown_without_what_it_carries() -> None:
    handler = Handler()
    (notice,) = handler.receive(handler.lms.sign(handler.claims(secret="kept"))).notices
    assert isinstance(notice, Notice)
    assert "kept" not in repr(notice)
    assert notice.raw["secret"] == "kept"
