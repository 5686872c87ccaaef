"""What a launch says, read to the letter: services, texts at their limits, names, and what is left out."""

from typing import Any

import pytest

from lti.claims import (
    AGS_ENDPOINT,
    CONTEXT,
    CUSTOM,
    EXT,
    LAUNCH_PRESENTATION,
    LIS,
    NOTIFICATION_SERVICE,
    NRPS_SERVICE,
    RESOURCE_LINK,
    ROLES,
    AgsEndpoint,
    Context,
    LaunchClaims,
    NotificationService,
    NrpsService,
    ResourceLink,
    name_in_chinese_order,
)
from tests.lti.doors import CoreDoor
from tests.lti.platform import LEARNER

AT_THE_LIMIT = "https://lms.example/" + "x" * 4076


def launched(**changes: Any) -> LaunchClaims:
    door = CoreDoor()
    going = door.login()
    answer = door.launch(going.state, door.world.lms.token(going.nonce, **changes))
    assert answer == "accepted learner"
    assert door.launched is not None
    return door.launched.claims


def refusal(**changes: Any) -> str:
    door = CoreDoor()
    going = door.login()
    return door.launch(going.state, door.world.lms.token(going.nonce, **changes))


def test_the_services_that_a_launch_names_are_read_to_the_letter() -> None:
    claims = launched(
        **{
            AGS_ENDPOINT: {
                "lineitem": "https://a.example/1",
                "lineitems": "https://a.example/",
                "scope": ["s"],
            },
            NRPS_SERVICE: {"context_memberships_url": "https://n.example/", "service_versions": ["2.0"]},
            NOTIFICATION_SERVICE: {
                "platform_notification_service_url": "https://p.example/",
                "scope": ["t"],
                "notice_types_supported": ["LtiHelloWorldNotice"],
                "service_versions": ["1.0"],
            },
        }
    )
    assert claims.ags == AgsEndpoint("https://a.example/1", "https://a.example/", ("s",))
    assert claims.nrps == NrpsService("https://n.example/", ("2.0",))
    assert claims.notification_service == NotificationService(
        "https://p.example/", ("t",), ("LtiHelloWorldNotice",), ("1.0",)
    )


def test_a_launch_without_services_has_none() -> None:
    claims = launched(**{AGS_ENDPOINT: None, NRPS_SERVICE: None, NOTIFICATION_SERVICE: None})
    assert (claims.ags, claims.nrps, claims.notification_service) == (None, None, None)


def test_link_and_course_are_read_to_the_letter() -> None:
    claims = launched(
        **{
            RESOURCE_LINK: {"id": "l", "title": "第二单元", "description": "动火作业"},
            CONTEXT: {"id": "c", "label": "C2", "title": "安全"},
        }
    )
    assert claims.resource_link == ResourceLink("l", "第二单元", "动火作业")
    assert claims.context == Context("c", "C2", "安全")


@pytest.mark.parametrize(
    ("changes", "answer"),
    [
        ({AGS_ENDPOINT: {"lineitem": AT_THE_LIMIT, "lineitems": AT_THE_LIMIT}}, "accepted learner"),
        ({AGS_ENDPOINT: {"lineitem": AT_THE_LIMIT + "x"}}, "claim_malformed"),
        ({AGS_ENDPOINT: {"lineitems": AT_THE_LIMIT + "x"}}, "claim_malformed"),
        ({NRPS_SERVICE: {"context_memberships_url": AT_THE_LIMIT}}, "accepted learner"),
        ({NRPS_SERVICE: {"context_memberships_url": AT_THE_LIMIT + "x"}}, "claim_malformed"),
        ({NRPS_SERVICE: {"context_memberships_url": ""}}, "claim_malformed"),
        ({LAUNCH_PRESENTATION: {"return_url": AT_THE_LIMIT}}, "accepted learner"),
        ({LAUNCH_PRESENTATION: {"return_url": AT_THE_LIMIT + "x"}}, "claim_malformed"),
        ({RESOURCE_LINK: {"id": "x" * 255, "title": "题" * 4096}}, "accepted learner"),
        ({RESOURCE_LINK: {"id": "x" * 256}}, "claim_malformed"),
        ({RESOURCE_LINK: {"id": "l", "title": "题" * 4097}}, "claim_malformed"),
        ({CONTEXT: {"id": "x" * 255, "label": "C" * 4096, "title": "班" * 4096}}, "accepted learner"),
        ({CONTEXT: {"id": "x" * 256}}, "claim_malformed"),
        ({CONTEXT: {"id": "c", "label": "班" * 4097}}, "claim_malformed"),
        ({ROLES: LEARNER * 100}, "accepted learner"),
        ({"sub": "s" * 255}, "accepted learner"),
    ],
)
def test_what_is_just_within_a_limit_is_taken_and_one_more_is_refused(
    changes: dict[str, Any], answer: str
) -> None:
    assert refusal(**changes) == answer


@pytest.mark.parametrize(
    ("family", "given", "name"),
    [
        ("王", "晓明", "王晓明"),
        ("欧阳", "娜娜", "欧阳娜娜"),
        ("Smith", "John", "Smith John"),
        ("Smith", "晓明", "Smith 晓明"),
        (" 王 ", " 晓明 ", "王晓明"),
        (None, "晓明", "晓明"),
        ("王", "", "王"),
        ("𠮷", "田", "𠮷田"),
        (" ", None, None),
    ],
)
def test_a_name_stands_in_chinese_order(family: str | None, given: str | None, name: str | None) -> None:
    assert name_in_chinese_order(family, given) == name


def test_numbers_of_a_person_are_found_where_platforms_put_them() -> None:
    claims = launched(**{LIS: {"person_sourcedid": "E-17"}, EXT: {"user_username": "xm17", "x": {"y": 1}}})
    assert (claims.person_sourcedid, claims.username) == ("E-17", "xm17")
    without = launched(**{LIS: {"person_sourcedid": ""}, EXT: {"user_username": ""}})
    assert (without.person_sourcedid, without.username) == (None, None)


def test_parameters_of_a_link_become_text_and_an_unreplaced_variable_nobodys_number() -> None:
    claims = launched(
        **{
            CUSTOM: {
                "text": "u1",
                "number": 7,
                "true": True,
                "null": None,
                "unreplaced": "$Person.sourcedId",
                "price": "$5",
            },
            LIS: {"person_sourcedid": "$Person.sourcedId"},
        }
    )
    assert claims.custom == {
        "text": "u1",
        "number": "7",
        "true": "True",
        "null": "",
        "unreplaced": "",
        "price": "$5",
    }
    assert claims.person_sourcedid is None


def test_a_launch_says_who_sent_it_to_whom_and_with_which_roles() -> None:
    claims = launched()
    assert (claims.iss, claims.aud, claims.client_id) == ("https://lms.example", ("client-1",), "client-1")
    assert (claims.version, claims.message_type) == ("1.3.0", "LtiResourceLinkRequest")
    assert claims.roles == tuple(LEARNER)


def test_a_launch_for_one_of_several_audiences_says_which_client_it_is_for() -> None:
    claims = launched(aud=["somebody", "client-1"], azp="client-1")
    assert (claims.aud, claims.client_id) == (("somebody", "client-1"), "client-1")


def test_whose_launch_it_is_is_told_in_one_place_alone() -> None:
    claims = launched(**{LIS: {"user_id": "user-1", "course_offering_sourcedid": "c"}})
    assert claims.sub == "user-1"
    assert "sub" not in claims.raw
    assert claims.raw[LIS] == {"course_offering_sourcedid": "c"}
