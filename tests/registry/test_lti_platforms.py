"""Platforms of institutions: pending until a right launch, deployments by approval, secrets that overlap."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId, RegistrationId
from bridge.registry.lti_deployments import MAX_PENDING_DEPLOYMENTS
from bridge.registry.lti_model import NO_SERVICES, SeenServices
from bridge.registry.lti_platforms import SECRET_OVERLAP
from lti.errors import LaunchRefused
from tests.identity.house import NOW, ORG, PLATFORM, demo_catalogue
from tests.registry.platforms import OTHER_ORG, STAFF, Room, addresses, platform


def _launched(
    room: Room,
    registration: RegistrationId,
    *,
    mail: bool = False,
    citizen_id: bool = False,
    services: SeenServices = NO_SERVICES,
) -> None:
    found = room.registrations.by_id(registration)
    room.registrations.note_launch(
        found,
        contact_removed=["email"] if mail else [],
        citizen_ids=["ext.user_username"] if citizen_id else [],
        services=services,
    )


def test_a_registered_platform_is_found_as_its_launches_name_it(room: Room) -> None:
    registration = room.register("1", "2")

    found = room.registrations.find("https://moodle.example", "client-1")

    assert (found.id, found.tenant) == (registration, ORG)
    assert found.deployment_ids == {"1", "2"}
    assert found == room.registrations.by_id(registration)
    assert room.show(registration).status == "pending"


def test_the_first_right_launch_makes_it_active_and_is_remembered(room: Room) -> None:
    registration = room.register("1")

    _launched(room, registration)
    room.house.clock.advance(hours=1)
    _launched(room, registration)

    shown = room.show(registration)
    assert (shown.status, shown.first_launch_at) == ("active", NOW)


def test_an_issuer_may_have_many_registrations_of_several_institutions(room: Room) -> None:
    with room.staff() as counter:
        first = counter.platforms.register(platform(client_id="first"), by=STAFF).platform
    with room.staff(OTHER_ORG) as counter:
        second = counter.platforms.register(platform(client_id="second"), by=STAFF).platform

    assert room.registrations.find("https://moodle.example", "first").tenant == ORG
    assert room.registrations.find("https://moodle.example", "second").tenant == OTHER_ORG
    with pytest.raises(LaunchRefused) as refused:
        room.registrations.find("https://moodle.example", None)
    assert refused.value.reason == "client_id_ambiguous"
    # One that never launched does not stand in the way of one that did.
    _launched(room, second.id)
    assert room.registrations.find("https://moodle.example", None).id == second.id
    assert first.id != second.id


def test_two_registrations_cannot_share_issuer_and_client(room: Room) -> None:
    room.register("1")

    for institution in (ORG, OTHER_ORG):
        with pytest.raises(InvalidInput, match="lti_client_taken"), room.staff(institution) as counter:
            counter.platforms.register(platform(), by=STAFF)


def test_a_platform_of_nobody_is_refused(room: Room) -> None:
    with (
        pytest.raises(InvalidInput, match="institution_unknown"),
        room.staff(InstitutionId("org_none")) as counter,
    ):
        counter.platforms.register(platform(), by=STAFF)


def test_what_no_launch_could_use_is_not_registered(room: Room) -> None:
    bad = replace(platform(), addresses=replace(addresses(), jwks_url="http://moodle.example/jwks"))
    with pytest.raises(InvalidInput, match="lti_platform_invalid"), room.staff() as counter:
        counter.platforms.register(bad, by=STAFF)


def test_an_unknown_deployment_waits_once_and_passes_after_approval(room: Room) -> None:
    registration = room.register("1")

    assert room.registrations.note_unknown_deployment(registration, "7") is True
    assert room.registrations.note_unknown_deployment(registration, "7") is False
    assert [one.deployment_id for one in room.show(registration).waiting] == ["7"]
    assert "7" not in room.registrations.by_id(registration).deployment_ids
    with room.staff() as counter:
        counter.deployments.decide(registration, "7", "approved", by=STAFF)

    assert "7" in room.registrations.by_id(registration).deployment_ids
    (approved,) = [one for one in room.show(registration).deployments if one.deployment_id == "7"]
    assert (approved.decided_by, approved.decided_at) == (STAFF, NOW)


def test_approving_a_deployment_that_was_seen_makes_the_platform_active(room: Room) -> None:
    registration = room.register()

    with room.staff() as counter:
        counter.deployments.decide(registration, "typed before any launch", "approved", by=STAFF)
    before = room.show(registration).status
    room.registrations.note_unknown_deployment(registration, "seen")
    with room.staff() as counter:
        counter.deployments.decide(registration, "seen", "approved", by=STAFF)

    assert (before, room.show(registration).status) == ("pending", "active")


def test_a_refused_deployment_is_not_listed_again_and_may_be_approved_later(room: Room) -> None:
    registration = room.register("1")
    room.registrations.note_unknown_deployment(registration, "7")

    with room.staff() as counter:
        counter.deployments.decide(registration, "7", "refused", by=STAFF)
    assert room.registrations.note_unknown_deployment(registration, "7") is False
    assert room.show(registration).waiting == ()
    with room.staff() as counter:
        counter.deployments.decide(registration, "7", "approved", by=STAFF)

    assert "7" in room.registrations.by_id(registration).deployment_ids


def test_no_platform_fills_the_list_of_what_waits(room: Room) -> None:
    registration = room.register("1")

    for number in range(MAX_PENDING_DEPLOYMENTS + 5):
        room.registrations.note_unknown_deployment(registration, f"made-up-{number}")

    assert len(room.show(registration).waiting) == MAX_PENDING_DEPLOYMENTS


@pytest.mark.parametrize("deployment_id", ["", "x" * 256, "a\x00b"])
def test_a_deployment_that_cannot_be_one_is_refused(room: Room, deployment_id: str) -> None:
    registration = room.register("1")

    with pytest.raises(InvalidInput, match="deployment_id_malformed"), room.staff() as counter:
        counter.deployments.decide(registration, deployment_id, "approved", by=STAFF)
    if deployment_id:
        assert room.registrations.note_unknown_deployment(registration, deployment_id) is False


def test_another_institutions_platform_is_as_good_as_none(room: Room) -> None:
    registration = room.register("1")
    room.registrations.note_unknown_deployment(registration, "7")

    with room.staff(OTHER_ORG) as counter:
        assert counter.platforms.all() == []
    for attempt in ("get", "rotate_secret", "finish_secret_rotation"):
        with pytest.raises(InvalidInput, match="registration_unknown"), room.staff(OTHER_ORG) as counter:
            getattr(counter.platforms, attempt)(registration)
    for attempt in ("disable", "enable"):
        with pytest.raises(InvalidInput, match="registration_unknown"), room.staff(OTHER_ORG) as counter:
            getattr(counter.platforms, attempt)(registration, by=STAFF)
    with pytest.raises(InvalidInput, match="registration_unknown"), room.staff(OTHER_ORG) as counter:
        counter.platforms.allow_private_hosts(registration, frozenset({"10.0.0.1"}))
    with pytest.raises(InvalidInput, match="registration_unknown"), room.staff(OTHER_ORG) as counter:
        counter.deployments.decide(registration, "7", "approved", by=STAFF)
    with pytest.raises(InvalidInput, match="registration_unknown"), room.staff(OTHER_ORG) as counter:
        counter.platforms.note_launch(registration)

    assert room.show(registration).status == "pending"
    assert room.registrations.by_id(registration).deployment_ids == {"1"}


def test_two_webhook_secrets_are_good_while_they_overlap(room: Room) -> None:
    registration = room.register("1")
    (first,) = room.registrations.webhook_secrets(registration)

    with room.staff() as counter:
        second = counter.platforms.rotate_secret(registration).encode()
    both = room.registrations.webhook_secrets(registration)
    with pytest.raises(InvalidInput, match="secret_rotation_running"), room.staff() as counter:
        counter.platforms.rotate_secret(registration)
    room.house.clock.at = NOW + SECRET_OVERLAP - timedelta(seconds=1)
    still = room.registrations.webhook_secrets(registration)
    room.house.clock.at = NOW + SECRET_OVERLAP

    assert both == still == (second, first)
    assert room.show(registration).old_secret_until is None
    assert room.registrations.webhook_secrets(registration) == (second,)
    with room.staff() as counter:
        counter.platforms.rotate_secret(registration)


def test_an_overlap_can_be_ended_at_once(room: Room) -> None:
    registration = room.register("1")
    with room.staff() as counter:
        second = counter.platforms.rotate_secret(registration).encode()

    with room.staff() as counter:
        counter.platforms.finish_secret_rotation(registration)

    assert room.registrations.webhook_secrets(registration) == (second,)


def test_secrets_lie_encrypted(room: Room) -> None:
    with room.staff() as counter:
        registered = counter.platforms.register(platform(), by=STAFF)
    with room.staff() as counter:
        rotated = counter.platforms.rotate_secret(registered.platform.id)

    with room.house.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM lti_registration").all()
    assert registered.webhook_secret not in str(row)
    assert rotated not in str(row)
    assert registered.webhook_secret not in repr(registered)


def test_a_disabled_platform_is_refused_at_every_door_until_it_is_enabled(room: Room) -> None:
    registration = room.register("1")
    _launched(room, registration)

    with room.staff() as counter:
        counter.platforms.disable(registration, by=STAFF)
    for client_id in ("client-1", None):
        with pytest.raises(LaunchRefused) as refused:
            room.registrations.find("https://moodle.example", client_id)
        assert refused.value.reason == "registration_disabled"
    with pytest.raises(LaunchRefused) as refused:
        room.registrations.by_id(registration)
    assert refused.value.reason == "registration_disabled"
    with pytest.raises(InvalidInput, match="registration_unknown"):
        room.registrations.webhook_secrets(registration)
    assert room.registrations.origins() == frozenset()
    with room.staff() as counter:
        counter.platforms.note_launch(registration)  # one that was verified just before
    assert room.show(registration).status == "disabled"
    with room.staff() as counter:
        counter.platforms.enable(registration, by=STAFF)

    assert room.registrations.find("https://moodle.example", "client-1").id == registration
    assert room.show(registration).status == "pending"


def test_the_services_that_a_launch_named_are_kept_for_the_connection_test(room: Room) -> None:
    registration = room.register("1")
    first = SeenServices("https://moodle.example/items", None, "https://moodle.example/members")

    _launched(room, registration, services=first)
    kept = room.show(registration).services
    _launched(room, registration, services=NO_SERVICES)

    assert kept == room.show(registration).services == first
    with room.staff() as counter:
        counter.moves.move(registration, addresses("xuexi.example"), by=STAFF, reason="更换域名")
    assert room.show(registration).services == NO_SERVICES


def test_a_platform_that_works_costs_a_write_an_hour_at_most(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    registration, seconds = room.register("1"), [1000.0]
    monkeypatch.setattr("bridge.registry.lti_registrations.time.monotonic", lambda: seconds[0])
    for number in range(3):
        _launched(room, registration, services=SeenServices(f"https://moodle.example/{number}"))
    lately = room.show(registration).services.line_items_url
    seconds[0] += 3600
    _launched(room, registration, services=SeenServices("https://moodle.example/later"))

    # The first makes the platform active; none of the others is worth a write.
    assert lately == "https://moodle.example/0"
    assert room.show(registration).services.line_items_url == "https://moodle.example/later"


def test_what_should_not_have_been_sent_is_counted_and_never_kept(room: Room) -> None:
    registration = room.register("1")

    _launched(room, registration, mail=True)
    room.house.clock.advance(minutes=5)
    _launched(room, registration, mail=True, citizen_id=True)

    seen = {one.kind: (one.count, one.last_at) for one in room.show(registration).warnings}
    later = NOW + timedelta(minutes=5)
    assert seen == {"email": (2, later), "citizen_id": (1, later)}


def test_a_catalogue_does_not_undo_what_people_decided(room: Room) -> None:
    entry = demo_catalogue().lti_registrations[0]
    catalogue = replace(demo_catalogue(), lti_registrations=(entry,), lti_contexts=())

    def load(**changes: object) -> None:
        with room.house.desk() as desk:
            changed = replace(entry, **changes)  # type: ignore[arg-type]  # the fields of the entry
            desk.registry.load_catalogue(replace(catalogue, lti_registrations=(changed,)))

    load(deployment_ids=frozenset({"1", "2"}))
    with room.staff() as counter:
        counter.deployments.decide(PLATFORM, "1", "refused", by=STAFF)
        counter.deployments.decide(PLATFORM, "9", "approved", by=STAFF)
        rotated = counter.platforms.rotate_secret(PLATFORM)
        counter.platforms.disable(PLATFORM, by=STAFF)

    load(deployment_ids=frozenset({"1", "3"}))

    shown = room.show(PLATFORM)
    assert {one.deployment_id: one.status for one in shown.deployments} == {
        "1": "refused",
        "2": "refused",
        "3": "approved",
        "9": "approved",
    }
    assert shown.status == "disabled"
    with room.staff() as counter:
        counter.platforms.enable(PLATFORM, by=STAFF)
    assert room.registrations.webhook_secrets(PLATFORM)[0] == rotated.encode()


def test_a_catalogue_approves_a_deployment_that_waits(room: Room) -> None:
    entry = demo_catalogue().lti_registrations[0]
    for deployments in (frozenset[str](), frozenset({"7"})):
        if deployments:
            room.registrations.note_unknown_deployment(PLATFORM, "7")
        with room.house.desk() as desk:
            changed = replace(entry, deployment_ids=deployments, anonymous_allowed=True, name="示例平台")
            desk.registry.load_catalogue(
                replace(demo_catalogue(), lti_registrations=(changed,), lti_contexts=())
            )

    found = room.registrations.by_id(PLATFORM)
    assert (found.deployment_ids, found.anonymous_allowed) == (frozenset({"7"}), True)
    assert room.show(PLATFORM).name == "示例平台"
    assert room.show(PLATFORM).status == "active"
