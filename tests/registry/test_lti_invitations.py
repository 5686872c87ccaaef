"""Invitations to register a platform: one use, a few tries, three days, one at a time."""

from datetime import timedelta

import pytest

from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import InstitutionId
from bridge.registry.lti_invitations import (
    INVITATION_LIFE,
    MAX_TRIES,
    ClaimedInvitation,
    claim,
    finish,
    invite_platform,
    is_good,
    release,
)
from tests.identity.house import NOW, ORG
from tests.registry.platforms import STAFF, Room, platform


def _invite(room: Room, *hosts: str) -> str:
    with room.staff() as counter:
        return invite_platform(counter.tx, by=STAFF, private_hosts=frozenset(hosts)).token


def _claim(room: Room, token: str) -> ClaimedInvitation:
    with room.house.units.across_institutions("test: claim an invitation") as tx:
        return claim(tx, token)


def _good(room: Room, token: str) -> bool:
    with room.house.units.across_institutions("test: look at an invitation", read_only=True) as tx:
        return is_good(tx, token)


def _release(room: Room, claimed: ClaimedInvitation) -> None:
    with room.staff() as counter:
        release(counter.tx, claimed)


def _finish(room: Room, claimed: ClaimedInvitation) -> None:
    with room.staff() as counter:
        registered = counter.platforms.register(platform(), by=STAFF)
        finish(counter.tx, claimed, registered.platform.id)


def test_an_invitation_knows_whose_it_is_and_registers_once(room: Room) -> None:
    token = _invite(room, "10.1.2.3")

    claimed = _claim(room, token)
    assert (claimed.institution_id, claimed.private_hosts) == (ORG, frozenset({"10.1.2.3"}))
    _finish(room, claimed)

    assert not _good(room, token)
    for _ in range(2):
        with pytest.raises(InvalidInput, match="invitation_invalid"):
            _claim(room, token)
        room.house.clock.advance(minutes=5)
    with pytest.raises(InvalidInput, match="invitation_invalid"), room.staff() as counter:
        finish(counter.tx, claimed, counter.platforms.all()[0].id)


def test_two_cannot_use_it_at_the_same_time(room: Room) -> None:
    token = _invite(room)
    _claim(room, token)

    with pytest.raises(InvalidInput, match="invitation_invalid"):
        _claim(room, token)
    # A process that died over it does not keep it for ever.
    room.house.clock.advance(seconds=90)
    _claim(room, token)


def test_a_failed_try_gives_it_back_but_not_for_ever(room: Room) -> None:
    token = _invite(room)

    for _ in range(MAX_TRIES):
        _release(room, _claim(room, token))

    with pytest.raises(InvalidInput, match="invitation_invalid"):
        _claim(room, token)


def test_it_ends_after_three_days(room: Room) -> None:
    token = _invite(room)

    room.house.clock.at = NOW + INVITATION_LIFE - timedelta(seconds=1)
    before = _good(room, token)
    room.house.clock.at = NOW + INVITATION_LIFE

    assert (before, _good(room, token)) == (True, False)
    with pytest.raises(InvalidInput, match="invitation_invalid"):
        _claim(room, token)


@pytest.mark.parametrize("token", ["", "made-up", "x" * 5000, "\ud800"])
def test_a_made_up_token_is_refused(room: Room, token: str) -> None:
    _invite(room)

    with pytest.raises(InvalidInput, match="invitation_invalid"):
        _claim(room, token)


def test_the_token_is_not_stored(room: Room) -> None:
    token = _invite(room)

    with room.house.engine.connect() as connection:
        (row,) = connection.exec_driver_sql("SELECT * FROM lti_invitation").all()
    assert token not in str(row)


def test_nobody_invites_for_an_institution_that_is_none(room: Room) -> None:
    with (
        pytest.raises(InvalidInput, match="institution_unknown"),
        room.staff(InstitutionId("org_none")) as counter,
    ):
        invite_platform(counter.tx, by=STAFF)
