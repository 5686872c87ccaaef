"""Invitations that staff see and take back, on both databases."""

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.registry.lti_invitations import INVITATION_LIFE, OpenInvitation, open_invitations, revoke
from tests.identity.house import NOW, ORG
from tests.registry.platforms import STAFF, Room
from tests.registry.test_lti_invitations import _claim, _finish, _good, _invite, _release


def seen(room: Room) -> list[OpenInvitation]:
    with room.staff() as counter:
        return list(open_invitations(counter.tx))


def take_back(room: Room, invitation_id: str, by: str = STAFF) -> None:
    with room.staff() as counter:
        revoke(counter.tx, invitation_id, by=by)


def test_staff_see_what_may_still_be_used_and_how_long(room: Room) -> None:
    first = _invite(room, "10.1.2.3")
    room.house.clock.advance(minutes=5)
    _invite(room)
    _release(room, _claim(room, first))
    room.house.clock.advance(minutes=5)
    _claim(room, first)

    older, newer = seen(room)

    assert (older.institution, older.created_by, older.private_hosts) == (ORG, STAFF, ("10.1.2.3",))
    assert (older.expires_at, older.tries, older.in_use) == (NOW + INVITATION_LIFE, 2, True)
    assert (newer.tries, newer.in_use) == (0, False)
    assert first not in repr(older)
    room.house.clock.at = NOW + INVITATION_LIFE
    assert seen(room) == [newer]
    assert older.id != newer.id


def test_one_that_was_taken_back_opens_nothing_and_keeps_who_did_it(room: Room) -> None:
    token = _invite(room)
    (one,) = seen(room)

    take_back(room, one.id, "stf_first")
    take_back(room, one.id, "stf_second")

    assert seen(room) == []
    assert not _good(room, token)
    with pytest.raises(InvalidInput, match="invitation_invalid"):
        _claim(room, token)
    with room.house.engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT revoked_by FROM lti_invitation").all()
    assert kept == [("stf_first",)]


def test_a_registration_under_way_ends_with_its_invitation(room: Room) -> None:
    claimed = _claim(room, _invite(room))

    take_back(room, claimed.id)

    with pytest.raises(InvalidInput, match="invitation_invalid"):
        _finish(room, claimed)
    with room.staff() as counter:
        assert counter.platforms.all() == []


def test_one_that_was_used_is_not_taken_back(room: Room) -> None:
    claimed = _claim(room, _invite(room))
    _finish(room, claimed)

    assert seen(room) == []
    with pytest.raises(InvalidInput, match="invitation_used"):
        take_back(room, claimed.id)
    with pytest.raises(InvalidInput, match="invitation_unknown"):
        take_back(room, "inv_made_up")
