"""The office: who may do what with whose platforms, and what a connection test says."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.registry.lti_model import FieldsInvalid, SeenServices
from bridge.registry.lti_office import PlatformOffice, PlatformStaff, typed_for_move
from tests.identity.house import ORG, House
from tests.lti.platform import START
from tests.lti.service_platform import ServicePlatform, service_platform, tool_ring
from tests.registry.offices import OPERATOR, STAFF, TOOL, platform_office
from tests.registry.platforms import OTHER_ORG, Room, addresses

MOODLE = {"moodle": "on", "issuer": "https://moodle.example", "client_id": "abc"}
OTHERS = PlatformStaff("staff_ping", OTHER_ORG)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    house = House(f"sqlite:///{tmp_path / 'anxue.sqlite3'}", tmp_path)
    yield Room(house)
    house.close()


@pytest.fixture
def office(room: Room, tmp_path: Path) -> PlatformOffice:
    return platform_office(room.house, tmp_path)


def _registered(office: PlatformOffice) -> RegistrationId:
    return office.register(STAFF, None, MOODLE).platform.id


def test_staff_register_with_their_own_institution_alone(office: PlatformOffice) -> None:
    registered = office.register(STAFF, OTHER_ORG, MOODLE)

    assert registered.platform.institution_id == ORG
    assert registered.platform.created_by == "staff_lin"
    assert len(registered.webhook_secret) >= 32


def test_the_operator_says_for_whom(office: PlatformOffice) -> None:
    assert office.register(OPERATOR, OTHER_ORG, MOODLE).platform.institution_id == OTHER_ORG
    with pytest.raises(InvalidInput, match="institution_missing"):
        office.register(OPERATOR, None, MOODLE)
    with pytest.raises(InvalidInput, match="institution_unknown"):
        office.register(OPERATOR, "org_none", MOODLE)


def test_everybody_sees_what_is_theirs(office: PlatformOffice) -> None:
    registration = _registered(office)

    assert [one.id for one in office.platforms(STAFF)] == [registration]
    assert [one.id for one in office.platforms(OPERATOR)] == [registration]
    assert office.platforms(OTHERS) == []
    assert [one for one, _ in office.institutions(OPERATOR)] == [ORG, OTHER_ORG]
    assert [one for one, _ in office.institutions(OTHERS)] == [OTHER_ORG]


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda o, s, r: o.platform(s, r), id="look"),
        pytest.param(lambda o, s, r: o.decide(s, r, "1", "approved"), id="approve"),
        pytest.param(lambda o, s, r: o.set_enabled(s, r, enabled=False), id="disable"),
        pytest.param(lambda o, s, r: o.rotate_secret(s, r), id="rotate"),
        pytest.param(lambda o, s, r: o.finish_secret_rotation(s, r), id="finish"),
        pytest.param(lambda o, s, r: o.preview_move(s, r, {"issuer": "https://x.example"}), id="preview"),
        pytest.param(lambda o, s, r: o.move(s, r, {"issuer": "https://x.example"}, reason="因"), id="move"),
        pytest.param(lambda o, s, r: o.undo_move(s, r), id="undo"),
        pytest.param(lambda o, s, r: o.test_connection(s, r), id="test"),
    ],
)
def test_another_institutions_staff_can_do_nothing_with_it(
    room: Room, office: PlatformOffice, act: object
) -> None:
    registration = _registered(office)
    before = office.platform(STAFF, registration)

    with pytest.raises(InvalidInput, match="registration_unknown"):
        act(office, OTHERS, registration)  # type: ignore[operator]  # as parametrised
    with pytest.raises(InvalidInput, match="registration_unknown"):
        act(office, OPERATOR, RegistrationId("reg_none"))  # type: ignore[operator]  # as parametrised

    assert office.platform(STAFF, registration) == before
    assert len(room.registrations.webhook_secrets(registration)) == 1


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda o, s, r: o.allow_private_hosts(s, r, "10.0.0.1"), id="private hosts"),
        pytest.param(
            lambda o, s, r: o.invite(s, None, private_hosts="10.0.0.1"), id="invite with private hosts"
        ),
        pytest.param(lambda o, s, r: o.rotate_tool_key(s), id="the tool's key"),
        pytest.param(lambda o, s, r: o.tool_keys(s), id="look at the tool's keys"),
    ],
)
def test_what_concerns_the_whole_machine_is_the_operators(office: PlatformOffice, act: object) -> None:
    registration = _registered(office)

    with pytest.raises(NotPermitted, match="operator_only"):
        act(office, STAFF, registration)  # type: ignore[operator]  # as parametrised

    assert office.platform(STAFF, registration).private_hosts == frozenset()


def test_the_operator_may(office: PlatformOffice) -> None:
    registration = _registered(office)

    office.allow_private_hosts(OPERATOR, registration, "10.0.0.1 lms.lan")
    office.invite(OPERATOR, ORG, private_hosts="10.0.0.1")
    made = office.rotate_tool_key(OPERATOR)

    assert office.platform(STAFF, registration).private_hosts == {"10.0.0.1", "lms.lan"}
    assert made.kid in [one.term.kid for one in office.tool_keys(OPERATOR)]


def test_staff_cannot_open_the_operators_network_while_they_register(office: PlatformOffice) -> None:
    typed = {**MOODLE, "private_hosts": "10.0.0.1"}

    with pytest.raises(FieldsInvalid) as refused:
        office.register(STAFF, None, typed)

    assert list(refused.value.fields) == ["private_hosts"]
    assert office.platforms(STAFF) == []
    assert office.register(OPERATOR, ORG, typed).platform.private_hosts == {"10.0.0.1"}


def test_plain_http_is_not_registered_in_real_use(office: PlatformOffice) -> None:
    local = {**MOODLE, "issuer": "http://127.0.0.1:8123", "demo": "on"}

    with pytest.raises(FieldsInvalid):
        office.register(OPERATOR, ORG, local)


def test_the_values_to_copy_are_the_tools_own(office: PlatformOffice) -> None:
    values = office.values(RegistrationId("reg_1"))

    assert values.login_url == f"{TOOL}/lti/login"
    assert values.launch_url == values.deep_linking_url == f"{TOOL}/lti/launch"
    assert values.jwks_url == f"{TOOL}/lti/jwks"
    assert values.webhook_url == f"{TOOL}/webhooks/v1/reg_1"


def test_a_move_takes_the_addresses_below_the_old_site_along(office: PlatformOffice) -> None:
    registration = _registered(office)

    preview = office.preview_move(STAFF, registration, {"issuer": "https://xuexi.example/moodle"})
    moved = office.move(STAFF, registration, {"issuer": "https://xuexi.example/moodle"}, reason="更换域名")

    assert preview.to == moved.after
    assert moved.after.jwks_url == "https://xuexi.example/moodle/mod/lti/certs.php"
    assert moved.after.allowed_origin == "https://xuexi.example"
    assert moved.after.client_id == "abc"
    assert {name for name, *_ in preview.changes} == {
        "issuer",
        "auth_login_url",
        "auth_token_url",
        "jwks_url",
        "allowed_origin",
    }
    assert office.undo_move(STAFF, registration).after == moved.before


def test_what_is_typed_of_a_move_wins_over_what_follows() -> None:
    typed = typed_for_move(
        addresses(), {"issuer": "https://new.example", "jwks_url": "https://keys.example/k", "client_id": " "}
    )

    assert typed["jwks_url"] == "https://keys.example/k"
    assert typed["auth_login_url"] == "https://new.example/mod/lti/auth.php"
    assert typed["client_id"] == "client-1"
    below = replace(addresses(), issuer="https://moodle.example/moodle")
    assert (
        typed_for_move(below, {"issuer": "https://new.example/lms"})["allowed_origin"]
        == "https://new.example"
    )
    # A site that merely begins with the same letters is another site.
    assert typed_for_move(addresses(), {"issuer": "https://moodle.example.cn"})["jwks_url"] == (
        "https://moodle.example.cn/mod/lti/certs.php"
    )


@pytest.fixture
def lms() -> Iterator[ServicePlatform]:
    with service_platform() as platform:
        yield platform


def _local(room: Room, folder: Path, lms: ServicePlatform) -> tuple[PlatformOffice, RegistrationId]:
    """Return an office of the demonstration with the simulated platform registered; its keys are the simulator's."""
    room.house.clock.at = START
    (folder / "lti-tool.pem").write_bytes(tool_ring().keys[0].pem)
    office = platform_office(room.house, folder, demonstration=True)
    typed = {
        "issuer": lms.origin,
        "client_id": "client-1",
        "auth_login_url": f"{lms.origin}/auth",
        "auth_token_url": f"{lms.origin}/token",
        "jwks_url": f"{lms.origin}/jwks",
        "demo": "on",
    }
    return office, office.register(STAFF, None, typed).platform.id


def test_a_connection_test_tries_what_a_launch_named(
    room: Room, tmp_path: Path, lms: ServicePlatform
) -> None:
    office, registration = _local(room, tmp_path, lms)
    before = {one.step: one.reason for one in office.test_connection(STAFF, registration)}
    room.registrations.note_launch(
        room.registrations.by_id(registration),
        contact_removed=["email"],
        citizen_ids=[],
        services=SeenServices(f"{lms.origin}/lineitems", None, f"{lms.origin}/roster"),
    )

    after = office.test_connection(STAFF, registration)

    assert before == {
        "jwks": "jwks_ok",
        "clock": "clock_ok",
        "token": "token_ok",
        "ags": "ags_untried",
        "nrps": "nrps_untried",
    }
    assert [(one.step, one.reason) for one in after] == [
        ("jwks", "jwks_ok"),
        ("clock", "clock_ok"),
        ("token", "token_ok"),
        ("ags", "ags_ok"),
        ("nrps", "nrps_ok"),
        ("privacy", "email_seen"),
    ]
    assert "共 1 次" in after[-1].message_zh
    assert "从不" in after[-1].message_zh


def test_a_disabled_platform_is_not_tried(office: PlatformOffice) -> None:
    registration = _registered(office)
    office.set_enabled(STAFF, registration, enabled=False)

    with pytest.raises(InvalidInput, match="registration_disabled"):
        office.test_connection(STAFF, registration)


def test_an_invitation_is_a_link_shown_once(room: Room, office: PlatformOffice) -> None:
    link = office.invite(STAFF, None)

    assert link.url.startswith(f"{TOOL}/lti/register?invitation=")
    assert link.url not in repr(link)
    with pytest.raises(BridgeError):
        office.invite(PlatformStaff("x", InstitutionId("org_none")), None)
