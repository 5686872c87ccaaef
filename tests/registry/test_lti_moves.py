"""Platform moved: another issuer, the same learners; the old issuer stays refused; it can be undone."""

from dataclasses import replace

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import RegistrationId
from bridge.registry.lti_model import NO_SERVICES
from lti.errors import LaunchRefused
from tests.identity.house import CONTEXT, NOW, PLATFORM, demo_catalogue
from tests.registry.platforms import OTHER_ORG, STAFF, Room, addresses, platform

NEW = addresses("xuexi.example")
WHY = "学习平台更换域名"


def _move(room: Room, registration: RegistrationId, host: str = "xuexi.example") -> None:
    with room.staff() as counter:
        counter.moves.move(registration, addresses(host), by=STAFF, reason=WHY)


def _reason(room: Room, issuer: str, client_id: str | None = "client-1") -> str:
    with pytest.raises(LaunchRefused) as refused:
        room.registrations.find(issuer, client_id)
    return refused.value.reason


def test_a_moved_platform_keeps_its_id_and_its_accounts(room: Room) -> None:
    registration = room.register("1")
    with room.house.desk() as desk:
        account = desk.identity.recognise(registration, "lms-user-1001", CONTEXT).account_id

    _move(room, registration)

    found = room.registrations.find("https://xuexi.example", "client-1")
    assert (found.id, found.deployment_ids) == (registration, frozenset({"1"}))
    assert found.jwks_url == "https://xuexi.example/mod/lti/certs.php"
    with room.house.desk() as desk:
        assert desk.identity.recognise(registration, "lms-user-1001", CONTEXT).account_id == account


def test_who_moved_it_when_and_why_is_kept(room: Room) -> None:
    registration = room.register("1")

    _move(room, registration)

    (move,) = room.show(registration).moves
    assert (move.before, move.after) == (addresses(), NEW)
    assert (move.moved_by, move.moved_at, move.reason, move.undo_of) == (STAFF, NOW, WHY, None)


def test_the_issuer_that_was_left_is_refused_with_its_own_sentence(room: Room) -> None:
    registration = room.register("1")

    _move(room, registration)

    assert _reason(room, "https://moodle.example") == "issuer_moved"
    assert _reason(room, "https://moodle.example", None) == "issuer_moved"
    assert _reason(room, "https://moodle.example", "client-2") == "issuer_unknown"


def test_nobody_registers_the_issuer_that_was_left(room: Room) -> None:
    registration = room.register("1")
    _move(room, registration)

    for institution in (OTHER_ORG, room.show(registration).institution_id):
        with pytest.raises(InvalidInput, match="lti_issuer_moved"), room.staff(institution) as counter:
            counter.platforms.register(platform(), by=STAFF)
    with room.staff(OTHER_ORG) as counter:
        other = counter.platforms.register(platform("other.example"), by=STAFF).platform.id
    with pytest.raises(InvalidInput, match="lti_issuer_moved"), room.staff(OTHER_ORG) as counter:
        counter.moves.move(other, addresses(), by=STAFF, reason=WHY)
    # Another client of the old site is another thing.
    with room.staff(OTHER_ORG) as counter:
        counter.platforms.register(platform(client_id="client-2"), by=STAFF)


def test_a_moved_platform_waits_for_its_first_launch_from_there(room: Room) -> None:
    registration = room.register("1")
    with room.staff() as counter:
        counter.platforms.note_launch(registration)

    _move(room, registration)
    waiting = room.show(registration).status
    found = room.registrations.by_id(registration)
    room.registrations.note_launch(found, contact_removed=[], citizen_ids=[], services=NO_SERVICES)

    assert (waiting, room.show(registration).status) == ("pending", "active")
    assert room.show(registration).first_launch_at == NOW


def test_a_move_can_be_undone_once(room: Room) -> None:
    registration = room.register("1")
    _move(room, registration)

    with room.staff() as counter:
        undone = counter.moves.undo(registration, by="staff_zhou")

    assert room.registrations.find("https://moodle.example", "client-1").id == registration
    assert _reason(room, "https://xuexi.example") == "issuer_moved"
    first, second = room.show(registration).moves
    assert (second.undo_of, second.moved_by, undone) == (first.id, "staff_zhou", second)
    assert room.show(registration).undoable is None
    with pytest.raises(InvalidInput, match="move_not_undoable"), room.staff() as counter:
        counter.moves.undo(registration, by=STAFF)


def test_after_an_undo_it_may_move_to_the_same_place_again(room: Room) -> None:
    registration = room.register("1")
    _move(room, registration)
    with room.staff() as counter:
        counter.moves.undo(registration, by=STAFF)

    _move(room, registration)

    assert room.registrations.find("https://xuexi.example", "client-1").id == registration
    assert room.show(registration).undoable is not None


def test_a_move_changes_all_or_nothing(room: Room) -> None:
    registration = room.register("1")
    with room.staff(OTHER_ORG) as counter:
        counter.platforms.register(platform("xuexi.example"), by=STAFF)

    with pytest.raises(InvalidInput, match="lti_client_taken"):
        _move(room, registration)

    assert room.show(registration).addresses == addresses()
    assert room.show(registration).moves == ()


@pytest.mark.parametrize(
    ("to", "why", "reason"),
    [
        (addresses(), WHY, "move_changes_nothing"),
        (NEW, " ", "move_reason_missing"),
        (NEW, "因" * 201, "move_reason_missing"),
        (replace(NEW, auth_token_url="http://xuexi.example/token"), WHY, "lti_platform_invalid"),
    ],
)
def test_a_move_that_cannot_stand_is_refused(room: Room, to: object, why: str, reason: str) -> None:
    registration = room.register("1")

    with pytest.raises(InvalidInput, match=reason), room.staff() as counter:
        counter.moves.move(registration, to, by=STAFF, reason=why)  # type: ignore[arg-type]  # addresses, as parametrised

    assert room.show(registration).addresses == addresses()


def test_another_institution_moves_nothing(room: Room) -> None:
    registration = room.register("1")
    _move(room, registration)

    with pytest.raises(InvalidInput, match="registration_unknown"), room.staff(OTHER_ORG) as counter:
        counter.moves.move(registration, addresses("third.example"), by=STAFF, reason=WHY)
    with pytest.raises(InvalidInput, match="registration_unknown"), room.staff(OTHER_ORG) as counter:
        counter.moves.undo(registration, by=STAFF)

    assert room.show(registration).addresses == NEW


def test_a_catalogue_of_before_the_move_does_not_take_it_back(room: Room) -> None:
    catalogue = replace(demo_catalogue(), lti_contexts=())
    with room.house.desk() as desk:
        desk.registry.load_catalogue(catalogue)
    with room.staff() as counter:
        counter.moves.move(PLATFORM, addresses("xuexi.example", "anxue-demo"), by=STAFF, reason=WHY)

    with room.house.desk() as desk:
        desk.registry.load_catalogue(catalogue)

    assert room.registrations.find("https://xuexi.example", "anxue-demo").id == PLATFORM
    assert _reason(room, "http://127.0.0.1:8123", "anxue-demo") == "issuer_moved"
    again = replace(catalogue.lti_registrations[0], id=RegistrationId("reg_again"))
    with pytest.raises(InvalidInput, match="lti_issuer_moved"), room.house.desk() as desk:
        desk.registry.load_catalogue(replace(catalogue, lti_registrations=(again,)))


def test_a_preview_names_what_changes() -> None:
    changes = addresses().changes(
        replace(NEW, client_id="client-1", service_origins=frozenset({"https://s.example"}))
    )

    assert [name for name, *_ in changes] == [
        "issuer",
        "auth_login_url",
        "auth_token_url",
        "jwks_url",
        "allowed_origin",
        "service_origins",
    ]
    assert ("service_origins", "", "https://s.example") in changes
