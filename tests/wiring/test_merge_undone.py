"""What goes back when two people undo a merge, and what is named for staff to decide."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.identity.change_model import Change
from bridge.identity.consent import FACE
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import CourseUnitId, LearnerRef, StudySessionId
from bridge.kernel.time import epoch_ms
from bridge.ledger.model.corrections import CorrectionKind
from bridge.presence.model import Activity, StudySession
from bridge.supervision.signals_model import SignalKind
from bridge.wiring.merge_undone import LeftOver, give_back_places, left_over
from bridge.wiring.person_changes import confirm_change, propose_merge
from tests.web.furnished import CHEN, CHEN_ID, HUANG, HUANG_ID, JPEG, NOW, ORG, RUN, Furnished, furnish

LIN, ZHOU = "stf_lin", "stf_zhou"


class Merged:
    """Chen's record took Huang's over, whose class run was over by then; then a further class run opened."""

    def __init__(self, furnished: Furnished) -> None:
        self.furnished = furnished
        self.house = furnished.house
        self.own_account, self.chen = furnished.enrol("lms-user-1001", CHEN, CHEN_ID)
        self.account, self.huang = furnished.enrol("lms-user-1002", HUANG, HUANG_ID)

    def merge(self) -> None:
        self.furnished.clock.advance(days=400)
        with self.house.uow.for_institution(ORG) as tx:
            change = propose_merge(self.house, tx, self.chen, HUANG_ID, evidence=JPEG, by=LIN)
        self.confirm(change)
        self.furnished.clock.advance(days=1)

    def undo(self) -> Change:
        self.furnished.clock.advance(days=1)
        with self.house.uow.for_institution(ORG) as tx:
            change = self.house.at(tx).changes.propose_unmerge(
                self.chen, self.huang, reason="two_humans", evidence=JPEG, by=LIN
            )
        done = self.confirm(change)
        self.furnished.work_off()
        return done

    def confirm(self, change: Change) -> Change:
        with self.house.uow.for_institution(ORG) as tx:
            return confirm_change(
                self.house, tx, change.id, by=ZHOU, typed=HUANG_ID, end_sessions=lambda *_: None
            )

    def owner(self, learner: LearnerRef) -> str | None:
        with self.house.uow.for_institution(ORG, read_only=True) as tx:
            return self.house.at(tx).identity._store.owner(learner)  # what is looked at

    def release(self, account: str, reason: str = "account_lost") -> None:
        with self.house.uow.for_institution(ORG) as tx:
            assert self.house.at(tx).identity.release_account(account, reason=reason, by=LIN)

    def left(self, undone: Change) -> LeftOver:
        with self.house.uow.for_institution(ORG) as tx:
            return left_over(self.house, tx, undone)

    def study(self, learner: LearnerRef, account: str, session: str) -> None:
        """Open a session of the class run that is there, under an account."""
        opened = epoch_ms(self.furnished.clock.now())
        with self.house.uow.for_institution(ORG) as tx:
            self.house.at(tx).presence_store.add_session(
                StudySession(
                    id=StudySessionId(session),
                    learner=learner,
                    class_run=RUN,
                    unit=CourseUnitId("unit_electric"),
                    activity=Activity.STUDY,
                    attempt=None,
                    account_id=account,
                    open=False,
                    opened_ms=opened,
                    next_seq=1,
                    last_batch_sha256="",
                    last_received_ms=None,
                    chain_seq=0,
                    chain_hash="0" * 64,
                    next_due_ms=opened,
                    credited_seconds=0,
                    provisional_seconds=0,
                    refused_seconds=0,
                    closed_reason="test",
                ),
                "0" * 64,
                f"token-{session}",
            )


@pytest.fixture
def merged(tmp_path: Path) -> Merged:
    return Merged(furnish(tmp_path))


def test_the_authority_sees_that_a_merge_was_undone_and_why(merged: Merged) -> None:
    merged.merge()
    undone = merged.undo()
    merged.furnished.work_off()
    with merged.house.uow.for_institution(ORG, read_only=True) as tx:
        signals = merged.house.at(tx).signals.page(RUN).signals
    (seen,) = [one for one in signals if one.kind is SignalKind.MERGE_UNDONE]
    assert (seen.learner, seen.actor, seen.change) == (merged.chen, ZHOU, "两份记录属于两个人")
    assert undone.decided_by == ZHOU


def test_an_account_that_went_over_comes_back(merged: Merged) -> None:
    merged.release(merged.own_account)
    merged.merge()
    assert merged.owner(merged.chen) == merged.account
    merged.undo()
    assert (merged.owner(merged.chen), merged.owner(merged.huang)) == (None, merged.account)


def test_an_account_whose_binding_ended_holds_again(merged: Merged) -> None:
    merged.merge()
    assert merged.owner(merged.huang) is None
    left = merged.left(merged.undo())
    assert (merged.owner(merged.chen), merged.owner(merged.huang)) == (merged.own_account, merged.account)
    assert left.is_empty


def test_an_account_that_staff_freed_meanwhile_is_given_to_nobody(merged: Merged) -> None:
    merged.release(merged.own_account)
    merged.merge()
    merged.release(merged.account, "account_shared")
    merged.undo()
    assert merged.owner(merged.huang) is None


def test_ledgers_references_and_papers_of_before_are_where_they_were(merged: Merged) -> None:
    house, huang = merged.house, merged.huang
    start = NOW - timedelta(hours=3)
    merged.furnished.capture(huang, anchored_at=start)
    merged.furnished.watch(huang, "ses_before", "unit_electric", start, 600)

    def before() -> tuple[object, object]:
        with house.uow.for_institution(ORG) as tx:
            stations = house.at(tx)
            return stations.ledger.statement(huang, RUN).figures, stations.presence_store.reference(
                huang, RUN
            )

    was = before()
    merged.merge()
    merged.undo()
    assert before() == was


def test_what_was_studied_since_is_named_by_whose_account_it_was(merged: Merged) -> None:
    merged.release(merged.own_account)
    merged.merge()
    merged.study(merged.chen, merged.account, "ses_theirs")
    merged.study(merged.chen, merged.own_account, "ses_unknown")
    (one,) = merged.left(merged.undo()).class_runs
    assert (one.record, one.class_run, one.theirs, one.unknown, one.listed) == (merged.chen, RUN, 1, 1, False)


def test_what_was_studied_before_and_after_the_merge_is_not_named(merged: Merged) -> None:
    merged.study(merged.chen, merged.own_account, "ses_before")
    merged.merge()
    assert merged.left(merged.undo()).class_runs == ()


def test_a_destroyed_key_is_named_as_lost(merged: Merged) -> None:
    scope = EvidenceScope(ORG, merged.huang, EvidencePurpose.FACE_TEMPLATE, RUN)
    with merged.house.uow.for_institution(ORG) as tx:
        merged.house.at(tx).vault.put(scope, b"template", "x/y")
    merged.merge()
    with merged.house.uow.for_institution(ORG) as tx:
        assert merged.house.at(tx).identity.revoke_consent(merged.own_account, FACE) == 1
    left = merged.left(merged.undo())
    assert left.lost == (EvidencePurpose.FACE_TEMPLATE,)


def test_a_place_that_earned_nothing_goes_back_and_one_that_did_waits_for_staff(merged: Merged) -> None:
    merged.merge()
    house, chen, huang = merged.house, merged.chen, merged.huang
    # The other document's place came under the record that went on, as a launch after the merge makes it.
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        store = stations.identity._store
        row = store.list_row_of(RUN, huang)
        assert row is not None
        store.claim_list_row(row.id, chen)
    start = NOW - timedelta(hours=3)
    merged.furnished.watch(chen, "ses_since", "unit_electric", start, 600)
    for minute in (0, 5, 10):
        merged.furnished.check(chen, "ses_since", start + timedelta(minutes=minute))
    undone = merged.undo()
    (one,) = merged.left(undone).class_runs
    assert (one.listed, one.class_run) == (True, RUN)
    with house.uow.for_institution(ORG) as tx:
        identity = house.at(tx).identity
        said = [identity.disclose(who, purpose="t", recipient="t", by="t").employer for who in (chen, huang)]
    # While the place waits it says nothing of whom it does not belong to.
    assert said == ["广州示例机电有限公司", ""]
    with house.uow.for_institution(ORG) as tx:
        assert give_back_places(house, tx, undone) == 0
    with house.uow.for_institution(ORG) as tx:
        stations = house.at(tx)
        figures = stations.ledger.statement(chen, RUN).figures
        assert figures.credited_ms + figures.provisional_ms > 0
        proposed = stations.corrections.propose(
            CorrectionKind.WITHDRAW,
            chen,
            RUN,
            {"start_ms": epoch_ms(start), "end_ms": epoch_ms(start + timedelta(hours=1))},
            reason="impersonation_found",
            by=LIN,
        )
        stations.corrections.confirm(proposed.id, ZHOU)
    merged.furnished.work_off()
    with house.uow.for_institution(ORG) as tx:
        assert give_back_places(house, tx, undone) == 1
        row = house.at(tx).identity._store.list_row_of(RUN, huang)
        assert row is not None
    assert merged.left(undone).is_empty
