"""A merge is undone by two people, on both databases: numbers lead back, and the history stays."""

import threading
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from bridge.identity.change_model import Change, ChangeKind, ChangeState
from bridge.identity.change_store import SqlChanges
from bridge.kernel.errors import InvalidInput
from bridge.kernel.ids import LearnerRef
from bridge.wiring.person_changes import confirm_change
from tests.identity.house import CHEN_ID, HUANG, HUANG_ID, JPEG, RUN, STRANGER_ID, House
from tests.identity.test_changes import LIN, TODAY, ZHOU, confirm, merged, office, propose, refusal


@pytest.fixture
def chen(house: House) -> LearnerRef:
    with house.desk() as desk:
        return desk.verified()


@pytest.fixture
def huang(house: House) -> LearnerRef:
    with house.desk() as desk:
        return desk.verified("lms-user-1002", HUANG, HUANG_ID)


def unmerge(
    house: House, survivor: LearnerRef, other: LearnerRef, *, reason: str = "two_humans", by: str = LIN
) -> Change:
    with office(house) as (_, changes):
        return changes.propose_unmerge(survivor, other, reason=reason, evidence=JPEG, by=by)


def test_each_number_leads_to_its_own_record_again(house: House, chen: LearnerRef, huang: LearnerRef) -> None:
    merge = merged(house, chen)
    done = confirm(house, unmerge(house, chen, huang), HUANG_ID)
    assert (done.state, done.reason, done.evidence_kind) == (
        ChangeState.CONFIRMED,
        "two_humans",
        "both_documents",
    )
    with house.desk() as desk:
        store = desk.identity_store
        assert (store.learner_with(CHEN_ID), store.learner_with(HUANG_ID)) == (chen, huang)
        assert store.changes.records_of(chen) == [chen]
        assert store.changes.records_of(huang) == [huang]
    with office(house) as (_, changes):
        kept = changes.get(merge.id)
        # Who merged, when, and by which evidence, is what it was.
        assert kept.state is ChangeState.UNDONE
        assert (kept.decided_by, kept.decided_at, kept.evidence_sha256) == (
            merge.decided_by,
            merge.decided_at,
            merge.evidence_sha256,
        )
        assert [one.kind for one in changes.of(huang)] == [ChangeKind.MERGE, ChangeKind.UNMERGE]
    propose(house, huang)  # it changes by itself again


def test_one_person_undoes_nothing(house: House, chen: LearnerRef, huang: LearnerRef) -> None:
    merged(house, chen)
    change = unmerge(house, chen, huang)
    assert refusal(lambda: confirm(house, change, HUANG_ID, by=LIN)) == "second_person_required"
    assert refusal(lambda: confirm(house, change, CHEN_ID)) == "value_differs"
    with house.desk() as desk:
        assert desk.identity_store.learner_with(HUANG_ID) == chen


@pytest.mark.parametrize("reason", ["", "hearsay", "account_lost"])
def test_a_reason_is_needed(house: House, chen: LearnerRef, huang: LearnerRef, reason: str) -> None:
    merged(house, chen)
    assert refusal(lambda: unmerge(house, chen, huang, reason=reason)) == "unmerge_reason_unknown"


def test_what_does_not_stand_is_not_undone(house: House, chen: LearnerRef, huang: LearnerRef) -> None:
    assert refusal(lambda: unmerge(house, chen, huang)) == "merge_not_standing"
    merged(house, chen)
    assert refusal(lambda: unmerge(house, huang, chen)) == "merge_not_standing"
    confirm(house, unmerge(house, chen, huang), HUANG_ID)
    assert refusal(lambda: unmerge(house, chen, huang)) == "merge_not_standing"


def test_what_was_undone_can_be_merged_and_undone_again(
    house: House, chen: LearnerRef, huang: LearnerRef
) -> None:
    for _ in range(2):
        house.clock.advance(days=1)
        merged(house, chen)
        house.clock.advance(days=1)
        confirm(house, unmerge(house, chen, huang), HUANG_ID)
    with house.desk() as desk:
        assert desk.identity_store.learner_with(HUANG_ID) == huang


def test_of_a_chain_the_wrong_link_is_undone(house: House, chen: LearnerRef, huang: LearnerRef) -> None:
    with house.desk() as desk:
        third = desk.identity_store.add_learner("李未名", STRANGER_ID, house.clock.now())
    merged(house, huang, CHEN_ID)
    merged(house, third, HUANG_ID)
    # The record that went on was given up itself; the human of the first merge is still another one.
    confirm(house, unmerge(house, huang, chen), CHEN_ID)
    with house.desk() as desk:
        store = desk.identity_store
        assert store.learner_with(CHEN_ID) == chen
        assert store.changes.records_of(third) == [third, huang]


def test_one_number_waits_for_one_person_alone(house: House, chen: LearnerRef, huang: LearnerRef) -> None:
    first = propose(house, chen, ChangeKind.DOCUMENT, STRANGER_ID, sort="new_card")

    def second() -> Change:
        return propose(house, huang, ChangeKind.DOCUMENT, STRANGER_ID, sort="new_card")

    assert refusal(second) == "document_taken"
    with office(house) as (_, changes):
        changes.withdraw(first.id, by=LIN)
    assert second().state is ChangeState.PROPOSED


def test_of_two_who_propose_one_number_at_once_one_does(
    house: House, chen: LearnerRef, huang: LearnerRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, add, came = threading.Barrier(2), SqlChanges.add, []

    def add_late(changes: SqlChanges, change: Change) -> bool:
        # On PostgreSQL both have looked and neither has written; SQLite lets one in after the other.
        with suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        return add(changes, change)

    def act(learner: LearnerRef) -> None:
        with office(house) as (_, changes):
            try:
                changes.propose_version(
                    ChangeKind.DOCUMENT,
                    learner,
                    value=STRANGER_ID,
                    from_date=TODAY,
                    evidence_kind="new_card",
                    evidence=JPEG,
                    by=ZHOU,
                )
                came.append("proposed")
            except Exception as refused:  # noqa: BLE001 - whatever ends a thread is what the test is about
                came.append(getattr(refused, "reason", repr(refused)))

    monkeypatch.setattr(SqlChanges, "add", add_late)
    threads = [threading.Thread(target=act, args=(one,)) for one in (chen, huang)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(came) == ["document_taken", "proposed"]
    with house.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM identity_change")).scalar() == 1


def test_who_proves_a_name_and_who_confirms_the_number_for_another_take_turns(
    house: House, chen: LearnerRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = propose(house, chen, ChangeKind.DOCUMENT, HUANG_ID, sort="new_card")
    looked, find, came = threading.Barrier(2), SqlChanges.learner_with, []

    def find_late(changes: SqlChanges, number: str) -> LearnerRef | None:
        found = find(changes, number)
        # Who does not take turns comes here while the other has looked and not decided yet.
        with suppress(threading.BrokenBarrierError):
            looked.wait(0.5)
        return found

    def prove() -> None:
        with house.desk() as desk:
            account = desk.account("lms-user-1002")
            reasons = desk.identity.verify_real_name(account, RUN, HUANG, HUANG_ID).reasons
        came.append(reasons[0].code if reasons else "proved")

    def take() -> None:
        try:
            with office(house) as (desk, changes):
                stations = SimpleNamespace(changes=changes)
                own: Any = SimpleNamespace(at=lambda _tx: stations)
                confirm_change(own, desk.tx, change.id, by=ZHOU, typed=HUANG_ID, end_sessions=lambda *_: None)
            came.append("confirmed")
        except InvalidInput as refused:
            came.append(refused.reason)

    monkeypatch.setattr(SqlChanges, "learner_with", find_late)
    threads = [threading.Thread(target=prove), threading.Thread(target=take)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    # Either the number is Huang's by a real name, or Chen's by the change: never both.
    assert sorted(came) in (["document_of_another_person", "proved"], ["confirmed", "person_already_bound"])
