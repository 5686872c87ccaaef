"""Notices: told where to go, taken once, answered at once, one wrong one spoiling none."""

import json
from typing import Any

import pytest
from werkzeug.wrappers import Request, Response

from bridge.intake.normalisers import CONTEXT_COPIED
from bridge.registry.lti_deployments import PlatformDeployments
from lti.claims import CONTEXT, DEPLOYMENT_ID, NOTICE, VERSION
from lti.notices import CONTEXT_COPY, HELLO_WORLD, NOTICE_HANDLERS_SCOPE, ORIGIN_CONTEXTS
from tests.lti.platform import Platform, public_jwk, rsa_key, without_none
from tests.lti.service_platform import answer
from tests.web.furnished import ORG, PLATFORM, RUN
from tests.wiring.lms import COURSE, Lms

DOOR = f"/lti/notices/{PLATFORM}"


def service(lms: Lms, **changes: Any) -> dict[str, Any]:
    return {
        "platform_notification_service_url": f"{lms.services.origin}/handlers",
        "scope": [NOTICE_HANDLERS_SCOPE],
        "notice_types_supported": [HELLO_WORLD, CONTEXT_COPY, "LtiAssetProcessorSubmissionNotice"],
        "service_versions": ["1.0"],
        **changes,
    }


def takes_handlers(lms: Lms, status: int = 200) -> list[dict[str, Any]]:
    """Have the platform take handlers; return the list in which they stand."""
    taken: list[dict[str, Any]] = []

    def odd(request: Request) -> Response | None:
        if request.path != "/handlers" or "Authorization" not in request.headers:
            return None
        taken.append(request.get_json(force=True))
        return answer(taken[-1], status=status)

    lms.services.odd = odd
    return taken


def notice(lms: Lms, number: int = 1, /, **changes: Any) -> str:
    """Return a right notice that a course was copied, as the platform signs it."""
    lms.services.jwks = {"keys": [public_jwk(rsa_key(lms.services.origin), "key-1")]}
    platform = Platform(lms.services.origin, "client-1", lms.services.clock, "https://tool.example")
    now = lms.services.clock.seconds()
    right = {
        "iss": lms.services.origin,
        "aud": "client-1",
        "iat": now,
        "exp": now + 3600,
        "nonce": f"nonce-{number}-{now}",
        VERSION: "1.3.0",
        DEPLOYMENT_ID: "deployment-1",
        NOTICE: {"id": f"notice-{number}", "timestamp": "2026-11-24T03:59:30Z", "type": CONTEXT_COPY},
        CONTEXT: {"id": "course-2", "title": "安全生产培训"},
        ORIGIN_CONTEXTS: [COURSE],
    }
    return platform.sign(without_none({**right, **changes}))


def send(lms: Lms, *jwts: Any, to: str = DOOR) -> tuple[int, dict[str, Any]]:
    body = json.dumps({"notices": [{"jwt": each} for each in jwts]})
    reply = lms.furnished.client().post(to, data=body, content_type="application/json")
    return reply.status_code, reply.get_json(silent=True) or {}


def approve(lms: Lms) -> None:
    with lms.house.uow.for_institution(ORG) as tx:
        PlatformDeployments(tx).add(PLATFORM, "deployment-1", "approved", "test")


def copies(lms: Lms) -> list[dict[str, Any]]:
    kept = lms.rows(f"SELECT data FROM event WHERE type = '{CONTEXT_COPIED}' ORDER BY id")  # noqa: S608
    return [json.loads(row[0]) for row in kept]


def inbox(lms: Lms) -> list[tuple[Any, ...]]:
    return lms.rows("SELECT payload FROM inbox_message WHERE source LIKE 'notice:%' ORDER BY seq")


def test_a_platform_is_told_once_where_notices_go(lms: Lms) -> None:
    taken = takes_handlers(lms)
    for number in range(3):
        lms.launch(f"u-{number}", notices=service(lms))
    lms.work()
    lms.pass_time(days=1)
    lms.work()

    address = f"{lms.house.settings.public_url}{DOOR}"
    assert len(taken) == 2
    assert {one["notice_type"]: one["handler"] for one in taken} == {
        HELLO_WORLD: address,
        CONTEXT_COPY: address,
    }
    assert lms.rows("SELECT DISTINCT state FROM lms_notice_handler") == [("registered",)]


def test_a_platform_that_is_away_is_told_when_it_is_back_and_one_that_refuses_is_not_asked_again(
    lms: Lms,
) -> None:
    takes_handlers(lms, 503)
    lms.launch("u-1", notices=service(lms))
    lms.work()
    assert lms.rows("SELECT DISTINCT state, reason FROM lms_notice_handler") == [
        ("waiting", "platform_error")
    ]
    refused = takes_handlers(lms, 403)
    lms.pass_time(seconds=5)
    lms.work()
    lms.pass_time(days=1)
    lms.work()

    assert len(refused) == 2
    assert lms.rows("SELECT DISTINCT state, reason FROM lms_notice_handler") == [
        ("refused", "notice_handler_refused")
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"platform_notification_service_url": "https://elsewhere.example/handlers"},
        {"scope": []},
        {"notice_types_supported": ["LtiAssetProcessorSubmissionNotice"]},
    ],
    ids=["another host", "no permission", "nothing known"],
)
def test_nothing_is_asked_of_a_service_that_is_none(lms: Lms, changes: dict[str, Any]) -> None:
    lms.launch("u-1", notices=service(lms, **changes))
    lms.work()

    assert lms.rows("SELECT count(*) FROM lms_notice_handler") == [(0,)]
    assert lms.calls("/token") == 0


def test_a_copied_course_is_chained_and_told_without_the_platforms_ids(lms: Lms) -> None:
    approve(lms)

    status, told = send(lms, notice(lms))
    lms.work()

    assert (status, told) == (200, {"accepted": 1, "duplicates": 0, "refused": []})
    (copied,) = copies(lms)
    assert copied["origin_contexts"][0]["class_run"] == RUN
    assert copied["context"]["class_run"] is None
    for kept in (str(copied), str(inbox(lms))):
        assert "course-2" not in kept
        assert COURSE not in kept
        assert "安全生产" not in kept
    assert lms.rows("SELECT state FROM job WHERE kind = 'event'") == [("done",)]


def test_a_notice_that_comes_again_is_taken_and_does_nothing(lms: Lms) -> None:
    approve(lms)
    send(lms, notice(lms))
    lms.pass_time(seconds=30)

    status, told = send(lms, notice(lms))  # signed anew, the same notice

    assert (status, told) == (200, {"accepted": 0, "duplicates": 1, "refused": []})
    assert len(copies(lms)) == len(inbox(lms)) == 1


def test_the_same_notice_twice_in_one_batch_is_one(lms: Lms) -> None:
    approve(lms)

    assert send(lms, notice(lms), notice(lms))[1] == {"accepted": 1, "duplicates": 1, "refused": []}
    assert len(copies(lms)) == 1


def test_one_wrong_notice_spoils_none(lms: Lms) -> None:
    approve(lms)
    forged = notice(lms, 2).rpartition(".")[0] + ".AAAA"
    other = notice(lms, 3, **{DEPLOYMENT_ID: "deployment-9"})

    status, told = send(lms, notice(lms, 1), forged, other, notice(lms, 4))

    assert status == 200
    assert (told["accepted"], told["duplicates"]) == (2, 0)
    assert told["refused"] == [
        {"position": 1, "reason": "signature_invalid"},
        {"position": 2, "reason": "deployment_unknown"},
    ]


def test_a_batch_in_which_nothing_is_right_is_refused(lms: Lms) -> None:
    approve(lms)

    status, told = send(lms, notice(lms, aud="somebody-else"))

    assert (status, told["refused"]) == (400, [{"position": 0, "reason": "audience_mismatch"}])
    assert inbox(lms) == []


def test_a_hello_proves_that_notices_come(lms: Lms) -> None:
    approve(lms)
    takes_handlers(lms)
    lms.launch("u-1", notices=service(lms))
    lms.work()
    hello = {"id": "hello-1", "timestamp": "2026-11-24T03:59:30Z", "type": HELLO_WORLD}

    assert send(lms, notice(lms, **{NOTICE: hello, CONTEXT: None, ORIGIN_CONTEXTS: None}))[0] == 200

    heard = lms.rows("SELECT notice_type FROM lms_notice_handler WHERE heard_at IS NOT NULL")
    assert heard == [(HELLO_WORLD,)]
    assert copies(lms) == []
    assert len(inbox(lms)) == 1


def test_a_type_that_nobody_here_knows_is_kept_and_told_to_nobody(lms: Lms) -> None:
    approve(lms)
    other = {"id": "n-1", "timestamp": "2026-11-24T03:59:30Z", "type": "LtiSomethingNewNotice"}

    assert send(lms, notice(lms, **{NOTICE: other}))[1]["accepted"] == 1

    assert len(inbox(lms)) == 1
    assert lms.rows("SELECT count(*) FROM event WHERE type LIKE 'intake.%'") == [(0,)]


def test_the_longest_id_is_one_of_its_own(lms: Lms) -> None:
    approve(lms)
    ids = ["x" * 255, "x" * 254 + "y"]
    told = [{"id": each, "timestamp": "2026-11-24T03:59:30Z", "type": CONTEXT_COPY} for each in ids]

    assert send(lms, *(notice(lms, **{NOTICE: each}) for each in told))[1]["accepted"] == 2


@pytest.mark.parametrize(
    ("to", "status"),
    [("/lti/notices/reg_none", 403), ("/lti/notices/%00", 403), ("/lti/notices/reg_sz_lms", 400)],
)
def test_a_door_that_is_not_the_platforms_own_takes_nothing(lms: Lms, to: str, status: int) -> None:
    approve(lms)

    assert send(lms, notice(lms), to=to)[0] == status
    assert inbox(lms) == []


def test_a_disabled_platform_is_not_heard(lms: Lms) -> None:
    approve(lms)
    with lms.house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE lti_registration SET status = 'disabled'")

    assert send(lms, notice(lms))[0] == 403
    assert inbox(lms) == []


def test_too_many_and_what_is_no_batch_are_refused(lms: Lms) -> None:
    approve(lms)
    client = lms.furnished.client()

    assert send(lms, *["x"] * 101)[0] == 413
    for body in ("[]", '{"notices": {}}', "<xml/>"):
        assert client.post(DOOR, data=body, content_type="application/json").status_code == 400
    assert client.post(DOOR, data=b"{" * (3 << 20), content_type="application/json").status_code == 413
    assert client.get(DOOR).status_code == 405
