"""Two people have a face registered anew: the template goes, what counted stays, nobody is charged."""

from pathlib import Path

import pytest
from sqlalchemy import select

from bridge.db.data_keys import DataKeyRow
from bridge.identity.change_model import Change, ChangeState
from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import CourseUnitId
from bridge.presence.model import Activity
from bridge.supervision.signals_model import SignalKind
from bridge.wiring.face_reset import propose_face_reset
from bridge.wiring.person_changes import confirm_change
from tests.presence.pictures import picture
from tests.web.furnished import ORG, RUN, furnish
from tests.web.test_card_check_page import Counter

LIN, ZHOU = "stf_lin", "stf_zhou"


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    """A learner whom staff have seen with the card."""
    made = Counter(furnish(tmp_path))
    check, nonce = made.begin()
    for _ in range(2):
        _status, told = made.show(check, nonce, picture("0"))
        nonce = told.get("nonce", "")
    made.staff.get(f"{made.url}/{check}")  # looked at, it ends
    made.furnished.work_off()
    assert made.reference[1]
    return made


def propose(counter: Counter, reason: str = "another_face") -> Change:
    house = counter.furnished.house
    with house.uow.for_institution(ORG) as tx:
        return propose_face_reset(house.at(tx), counter.learner, RUN, reason=reason, by=LIN)


def confirm(counter: Counter, change: Change, by: str = ZHOU) -> Change:
    house = counter.furnished.house
    with house.uow.for_institution(ORG) as tx:
        return confirm_change(house, tx, change.id, by=by, typed=None, end_sessions=lambda *_: None)


def is_registered(counter: Counter) -> bool:
    with counter.furnished.house.uow.for_institution(ORG) as tx:
        return counter.furnished.house.at(tx).presence_store.reference(counter.learner, RUN) is not None


def test_the_face_is_given_up_with_its_key_and_the_learner_is_told(counter: Counter) -> None:
    house = counter.furnished.house
    confirm(counter, propose(counter))
    assert not is_registered(counter)
    with house.uow.for_institution(ORG, read_only=True) as tx:
        keys = tx.session.scalars(
            select(DataKeyRow).where(DataKeyRow.purpose == EvidencePurpose.FACE_TEMPLATE.value)
        ).all()
    assert [key.destroyed_at is not None for key in keys] == [True]
    page = counter.furnished.as_learner(counter.account, counter.learner).get("/learner").text
    assert 'data-testid="face-reset"' in page
    assert "登记的人脸不是学员本人" in page.replace("\u2060", "")
    counter.register()
    page = counter.furnished.as_learner(counter.account, counter.learner).get("/learner").text
    assert 'data-testid="face-reset"' not in page


def test_the_authority_sees_it_and_why(counter: Counter) -> None:
    confirm(counter, propose(counter))
    counter.furnished.work_off()
    with counter.furnished.house.uow.for_institution(ORG, read_only=True) as tx:
        signals = counter.furnished.house.at(tx).signals.page(RUN).signals
    (seen,) = [one for one in signals if one.kind is SignalKind.FACE_RESET]
    assert (seen.learner, seen.actor, seen.change) == (counter.learner, ZHOU, "登记的人脸不是学员本人")


def test_what_counted_stays_and_the_next_face_must_be_anchored_by_itself(counter: Counter) -> None:
    house = counter.furnished.house

    def anchors() -> list[str]:
        with house.uow.for_institution(ORG, read_only=True) as tx:
            entries = house.at(tx).ledger.entries(counter.learner, RUN)
        return [entry.data["reference"] for entry in entries if entry.kind == "anchor"]

    before = anchors()
    assert len(before) == 1
    confirm(counter, propose(counter))
    counter.furnished.work_off()
    assert anchors() == before
    counter.register()
    assert not counter.reference[1]


def test_an_open_check_is_charged_to_nobody(counter: Counter) -> None:
    house = counter.furnished.house
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        opened = stations.presence.open_session(
            learner=counter.learner,
            class_run=RUN,
            unit=CourseUnitId("unit_electric"),
            activity=Activity.STUDY,
            attempt=None,
            account_id=counter.account,
            token_id="token-reset",
        )
    confirm(counter, propose(counter))
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        (check,) = stations.presence_store.checks_of_session(opened.session.id)
        found = stations.presence_store.session(opened.session.id)
    assert found is not None
    assert (check.state, found[0].open, found[0].closed_reason) == ("declined", False, "face_reset")


def refused(what: object) -> str:
    assert isinstance(what, BridgeError)
    return what.reason


def test_one_person_alone_resets_nothing(counter: Counter) -> None:
    change = propose(counter)
    with pytest.raises(NotPermitted) as alone:
        confirm(counter, change, by=LIN)
    assert refused(alone.value) == "second_person_required"
    assert is_registered(counter)


@pytest.mark.parametrize("reason", ["", "two_humans", "because"])
def test_a_reason_is_needed(counter: Counter, reason: str) -> None:
    with pytest.raises(InvalidInput, match="原因"):
        propose(counter, reason)


def test_who_is_not_anchored_registers_anew_alone(counter: Counter) -> None:
    change = propose(counter)
    counter.register()
    with pytest.raises(InvalidInput) as needless:
        propose(counter)
    assert refused(needless.value) == "face_not_anchored"
    with pytest.raises(InvalidInput) as late:
        confirm(counter, change)
    assert refused(late.value) == "face_not_anchored"
    with counter.furnished.house.uow.for_institution(ORG) as tx:
        assert counter.furnished.house.at(tx).changes.get(change.id).state is ChangeState.PROPOSED
