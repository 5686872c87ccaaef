"""Challenges in a house: the sweep ends those to which nobody comes back, and staff see what was suspected."""

from pathlib import Path

import pytest

from bridge.presence.challenge import Challenge, ChallengeState
from bridge.presence.challenge_store import SqlChallengeStore
from bridge.supervision.signals import SignalKind
from bridge.supervision.signals_store import SqlSignalStore
from tests.presence.pictures import picture
from tests.web.furnished import CHEN, CHEN_ID, ORG, RUN, Furnished, furnish
from tests.web.lms import RosterEngine
from tests.web.test_face_challenge import Registering


@pytest.fixture
def chen(tmp_path: Path) -> Registering:
    furnished = furnish(tmp_path)
    furnished.house.__dict__["engine_for_faces"] = RosterEngine()
    return Registering(furnished, "lms-user-1001", CHEN, CHEN_ID)


def kept(chen: Registering) -> Challenge:
    with chen.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        (found,) = SqlChallengeStore(tx).challenges_of(chen.learner, RUN)
    return found


def suspected(furnished: Furnished) -> list[str | None]:
    with furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        found = SqlSignalStore(tx).signals(RUN, 100)
    return [one.after for one in found if one.kind is SignalKind.FACE_REGISTRATION_SUSPECTED]


def test_the_sweep_ends_what_nobody_comes_back_to_and_staff_see_what_was_suspected(chen: Registering) -> None:
    told = chen.begin()
    for seq in range(3):
        assert chen.send(told, seq, picture("spoof")).status_code == 200
    chen.furnished.work_off()
    assert kept(chen).suspicions == ("suspected_spoof",)
    chen.furnished.clock.advance(hours=1)
    chen.furnished.house.sweep()
    assert kept(chen).state is ChallengeState.EXPIRED
    chen.furnished.work_off()
    assert suspected(chen.furnished) == ["suspected_spoof"]
