"""Challenges in a house: what the sweep ends, what staff see, what a withdrawal leaves of what is judged."""

from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.db.data_keys import DataKeyRow
from bridge.db.outbox import Job
from bridge.identity.consent import FACE
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import JobId
from bridge.presence.challenge import Challenge, ChallengeState
from bridge.presence.challenge_store import SqlChallengeStore
from bridge.presence.challenges import BURST_WAITING
from bridge.supervision.signals_model import SignalKind
from bridge.supervision.signals_store import SqlSignalStore
from bridge.wiring.challenges import challenge_works
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


def template_keys(chen: Registering) -> int:
    template = DataKeyRow.purpose == EvidencePurpose.FACE_TEMPLATE.value
    with chen.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        live = select(DataKeyRow.id).where(template, DataKeyRow.destroyed_at.is_(None))
        return len(tx.session.scalars(live).all())


@pytest.mark.parametrize("withdrawn", [True, False])
def test_of_who_withdraws_while_the_models_look_nothing_is_kept(chen: Registering, withdrawn: bool) -> None:
    house, told = chen.furnished.house, chen.begin()
    for seq in range(3):
        assert chen.send(told, seq, picture("0")).status_code == 200
    work = challenge_works(house, lambda photo: house.engine_for_faces.observe(photo).template)[BURST_WAITING]
    job = Job(JobId("job"), ORG, BURST_WAITING, told["challenge"], 1, 1)
    judged = work.prepare(job)
    if withdrawn:
        with house.uow.for_institution(ORG) as tx:
            house.at(tx).identity.revoke_consent(chen.account, FACE)
    with house.uow.for_institution(ORG) as tx:
        work.apply(tx, job, judged)
    found = kept(chen)
    assert (found.state is ChallengeState.OPEN, len(found.met), template_keys(chen)) == (
        (False, 0, 0) if withdrawn else (True, 1, 1)
    )


def test_a_withdrawal_ends_the_challenge_before_the_templates(
    chen: Registering, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = chen.furnished.house
    states: list[ChallengeState] = []
    chen.begin()
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        revoke = stations.identity.revoke_consent

        def noting(account: str, purpose: str) -> int:
            states.extend(one.state for one in SqlChallengeStore(tx).challenges_of(chen.learner, RUN))
            return revoke(account, purpose)

        monkeypatch.setattr(stations.identity, "revoke_consent", noting)
        stations.withdraw_faces(chen.account)
    assert states == [ChallengeState.EXPIRED]
