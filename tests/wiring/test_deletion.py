"""A deletion request is answered by what is kept: what may go goes with receipts, what stays is named with its day."""

from pathlib import Path

import pytest
from sqlalchemy import update

from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.kernel.errors import BridgeError, InvalidInput, NotPermitted
from bridge.kernel.evidence import EvidencePurpose
from bridge.kernel.ids import LearnerRef
from bridge.kernel.time import legal_date
from bridge.registry.tables import ClassRunRow
from bridge.wiring.deletion import DeletionPlan, carry_out, deletion_plan, propose_answer
from bridge.wiring.person_changes import confirm_change, propose_merge
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, JPEG, ORG, RUN, Furnished, furnish
from tests.web.reviewed import fail, frame
from tests.wiring.test_key_ends import CLOSED, LIN, ZHOU, alike, changed, orders, photograph, put, readable


class Asked:
    """A learner who was photographed, and asks for deletion."""

    def __init__(self, furnished: Furnished) -> None:
        self.furnished, self.house = furnished, furnished.house
        with self.house.uow.for_institution(ORG) as tx:
            tx.session.execute(update(ClassRunRow).where(ClassRunRow.id == RUN).values(closes_on=CLOSED))
        self.account, self.learner = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        self.template = put(furnished, self.learner, EvidencePurpose.FACE_TEMPLATE)

    def ask(self) -> str:
        self.furnished.clock.advance(seconds=1)
        with self.house.uow.for_institution(ORG) as tx:
            stations = self.house.at(tx)
            stations.withdraw_faces(self.account)
            request = stations.deletion_requests.ask(self.account, self.learner).id
        self.furnished.work_off()
        return request

    def plan(self, learner: LearnerRef | None = None) -> DeletionPlan:
        with self.house.uow.for_institution(ORG, read_only=True) as tx:
            return deletion_plan(self.house, tx, learner or self.learner)

    def propose(self, request: str, shown: str, by: str = LIN) -> None:
        with self.house.uow.for_institution(ORG) as tx:
            propose_answer(self.house, tx, request, shown, by)

    def confirm(self, request: str, shown: str, by: str = ZHOU) -> str | None:
        with self.house.uow.for_institution(ORG) as tx:
            return carry_out(self.house, tx, request, shown, by).outcome

    def answer(self, request: str) -> str | None:
        shown = self.plan().digest
        self.propose(request, shown)
        return self.confirm(request, shown)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    return Asked(furnish(tmp_path))


def told(plan: DeletionPlan) -> list[tuple[str, bool, str]]:
    return [(line.what, line.goes, line.why) for line in plan.lines]


def test_who_never_studied_leaves_nothing_but_the_record(asked: Asked) -> None:
    picture, capture = photograph(asked.furnished, asked.learner), frame(asked.furnished, asked.learner, None)
    request = asked.ask()
    plan = asked.plan()
    assert told(plan) == [
        ("face_frame", True, "not_evidence"),
        ("id_photo", True, "no_duty"),
        ("training_record", False, "archive"),
    ]
    (stays,) = plan.stays
    assert stays.until == CLOSED.replace(year=CLOSED.year + 6).isoformat()
    assert "第二十六条" in stays.by

    assert asked.answer(request) == "deleted"

    assert picture is not None
    assert not readable(asked.furnished, picture)
    assert orders(asked.furnished) == [
        ("face_template", "consent_withdrawn", asked.account),
        ("id_photo", "requested", ZHOU),
        ("face_frame", "requested", ZHOU),
    ]
    assert photograph(asked.furnished, asked.learner) is None
    assert told(asked.plan()) == [("training_record", False, "archive")]
    with asked.house.uow.for_institution(ORG, read_only=True) as tx:
        stations = asked.house.at(tx)
        found = stations.presence_store.frame(capture)
        assert found is not None
        assert not readable(asked.furnished, found.evidence_id)
        (answered,) = stations.deletion_requests.of(asked.learner)
    assert [(line["what"], line["goes"]) for line in answered.said] == [
        ("face_frame", True),
        ("id_photo", True),
        ("training_record", False),
    ]


def test_the_photograph_of_who_studied_stays_for_the_exam_list_until_the_class_run_closes(
    asked: Asked,
) -> None:
    picture = photograph(asked.furnished, asked.learner)
    asked.furnished.finish_course(asked.learner)
    asked.furnished.work_off()
    request = asked.ask()
    assert ("id_photo", False, "exam_list") in told(asked.plan())
    asked.answer(request)
    assert picture is not None
    assert readable(asked.furnished, picture)
    days = (CLOSED - legal_date(asked.house.clock.now())).days
    asked.furnished.clock.advance(days=days + 1)
    assert ("id_photo", True, "no_duty") in told(asked.plan())


def test_what_hours_rest_on_stays_and_says_until_when(asked: Asked) -> None:
    asked.furnished.finish_course(asked.learner)
    frame(asked.furnished, asked.learner, None)
    asked.furnished.work_off()
    request = asked.ask()
    stays = {line.what: line for line in asked.plan().stays}
    assert stays["face_frame"].why == "archive"
    assert stays["face_frame"].until == CLOSED.replace(year=CLOSED.year + 6).isoformat()
    assert asked.answer(request) == "kept_by_law"
    assert ("face_frame", False, "archive") in told(asked.plan())


def test_captures_of_a_check_that_failed_are_evidence_although_no_time_rests_on_them(asked: Asked) -> None:
    fail(asked.furnished, asked.learner, "too_poor")
    asked.ask()
    assert ("face_frame", False, "archive") in told(asked.plan())


def test_a_case_under_review_keeps_the_pictures(asked: Asked) -> None:
    asked.furnished.finish_course(asked.learner)
    fail(asked.furnished, asked.learner)
    asked.furnished.work_off()
    asked.ask()
    assert ("id_photo", False, "review_open") in told(asked.plan())


def test_a_consent_that_was_given_again_keeps_what_it_is_for(asked: Asked) -> None:
    request = asked.ask()
    asked.furnished.clock.advance(seconds=1)
    with asked.house.uow.for_institution(ORG) as tx:
        asked.house.at(tx).identity.give_consent(asked.account, FACE, FACE_CONSENT.version)
    anew = put(asked.furnished, asked.learner, EvidencePurpose.FACE_TEMPLATE)
    assert told(asked.plan()) == [
        ("face_template", False, "consent_again"),
        ("id_photo", False, "consent_again"),
        ("training_record", False, "archive"),
    ]
    assert asked.answer(request) == "kept_by_law"
    assert readable(asked.furnished, anew)


def test_a_legal_hold_and_the_evidence_of_a_change_stay(asked: Asked) -> None:
    _, other = asked.furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    alike(asked.furnished, asked.learner, other)
    change, _ = changed(asked.furnished, asked.learner)
    with asked.house.uow.for_institution(ORG) as tx:
        asked.house.at(tx).changes.refuse(change, by=ZHOU)
    asked.ask()
    lines = {line.what: line for line in asked.plan().stays}
    assert (lines["identity_evidence"].why, lines["identity_evidence"].until) == (
        "change_evidence",
        "2027-11-24",
    )
    assert (lines["face_likeness"].why, lines["face_likeness"].until) == ("staff_check", "2027-05-23")
    with asked.house.uow.for_institution(ORG) as tx:
        holds = asked.house.at(tx).legal_holds
        holds.ask(RUN, asked.learner, "虚构的案件需要调取", LIN)
    assert ("id_photo", False, "legal_hold") in told(asked.plan())


def refusal(call: object) -> str:
    try:
        call()  # type: ignore[operator]  # a test's own call
    except BridgeError as refused:
        return refused.reason
    return ""


def test_two_people_answer_what_both_have_seen(asked: Asked) -> None:
    request = asked.ask()
    shown = asked.plan().digest
    assert refusal(lambda: asked.confirm(request, shown)) == "deletion_not_proposed"
    assert refusal(lambda: asked.propose(request, "0" * 64)) == "deletion_plan_changed"
    asked.propose(request, shown)
    with pytest.raises(NotPermitted, match="另一名"):
        asked.confirm(request, shown, by=LIN)
    assert refusal(lambda: asked.confirm(request, "0" * 64)) == "deletion_plan_changed"

    # What would go changes after the proposal: the second person confirms nothing unseen.
    frame(asked.furnished, asked.learner, None)
    assert refusal(lambda: asked.confirm(request, shown)) == "deletion_plan_changed"
    assert [what for what, _, _ in orders(asked.furnished)] == ["face_template"]
    anew = asked.plan().digest
    assert refusal(lambda: asked.confirm(request, anew)) == "deletion_plan_changed"
    asked.propose(request, anew)
    assert asked.confirm(request, anew) == "deleted"

    receipts = orders(asked.furnished)
    # Told again by the same person it is the same answer; another's comes too late.
    assert asked.confirm(request, anew) == "deleted"
    assert orders(asked.furnished) == receipts
    with pytest.raises(InvalidInput, match="已经处理"):
        asked.confirm(request, anew, by="stf_wu")
    assert refusal(lambda: asked.propose(request, asked.plan().digest)) == "deletion_request_handled"


def merged(asked: Asked) -> LearnerRef:
    """Merge another record into the learner's, in whose class run a face was registered."""
    _, other = asked.furnished.enrol("lms-user-1002", HUANG, HUANG_ID)
    asked.furnished.clock.advance(days=10)
    with asked.house.uow.for_institution(ORG) as tx:
        change = propose_merge(asked.house, tx, asked.learner, HUANG_ID, evidence=JPEG, by=LIN)
    with asked.house.uow.for_institution(ORG) as tx:
        confirm_change(asked.house, tx, change.id, by=ZHOU, typed=HUANG_ID, end_sessions=lambda *_: None)
    return other


def test_all_records_of_the_human_are_answered_for(asked: Asked) -> None:
    other = merged(asked)
    picture = photograph(asked.furnished, other)
    assert picture is not None
    request = asked.ask()
    assert [what for what, goes, _ in told(asked.plan()) if goes] == ["id_photo", "id_photo"]
    asked.answer(request)
    assert not readable(asked.furnished, picture)


def test_a_withdrawal_forgets_the_references_of_all_records(asked: Asked) -> None:
    other = merged(asked)
    asked.furnished.capture(other, anchored_at=asked.furnished.clock.now())
    put(asked.furnished, other, EvidencePurpose.FACE_TEMPLATE)
    with asked.house.uow.for_institution(ORG) as tx:
        asked.house.at(tx).withdraw_faces(asked.account)
    # No job has run: all of it ended with the answer itself.
    with asked.house.uow.for_institution(ORG, read_only=True) as tx:
        assert asked.house.at(tx).presence_store.reference(other, RUN) is None
    assert [what for what, _, _ in orders(asked.furnished)].count("face_template") == 2
