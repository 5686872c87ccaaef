"""Changes of a person's record by two people, on both databases: evidence, states, what papers of when print."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest
from sqlalchemy import text

from bridge.identity.change_model import Change, ChangeKind, ChangeState
from bridge.identity.change_store import SqlChanges
from bridge.identity.changes import Changes
from bridge.identity.consent import FACE, FACE_CONSENT
from bridge.kernel.errors import BridgeError, InvalidInput
from bridge.kernel.evidence import EvidencePurpose, EvidenceScope
from bridge.kernel.ids import InstitutionId, LearnerRef
from tests.identity.house import (
    CHEN,
    CHEN_ID,
    HUANG,
    HUANG_ID,
    JPEG,
    ORG,
    RUN,
    STRANGER_ID,
    Desk,
    House,
)

LIN, ZHOU = "stf_lin", "stf_zhou"
TODAY = date(2026, 11, 23)


@contextmanager
def office(house: House) -> Iterator[tuple[Desk, Changes]]:
    with house.desk() as desk:
        yield desk, Changes(desk.identity_store.changes, desk.identity_store, desk.vault, house.clock)


@pytest.fixture
def chen(house: House) -> LearnerRef:
    with house.desk() as desk:
        return desk.verified()


def propose(
    house: House,
    learner: LearnerRef,
    kind: ChangeKind = ChangeKind.NAME,
    value: str = "陈晓平",
    day: date = TODAY,
    evidence: bytes = JPEG,
    sort: str = "public_security",
    by: str = LIN,
) -> Change:
    with office(house) as (_, changes):
        return changes.propose_version(
            kind, learner, value=value, from_date=day, evidence_kind=sort, evidence=evidence, by=by
        )


def confirm(house: House, change: Change, typed: str | None = None, by: str = ZHOU) -> Change:
    with office(house) as (_, changes):
        return changes.confirm(change.id, by=by, typed=change.value if typed is None else typed)


def named(house: House, learner: LearnerRef, **when: object) -> tuple[str, str, str]:
    with house.desk() as desk:
        found = desk.identity.disclose(learner, purpose="test", recipient="test", by="test", **when)  # type: ignore[arg-type]
    return found.name, found.citizen_id, found.employer


def refusal(what: Callable[[], object]) -> str:
    with pytest.raises(BridgeError) as refused:
        what()
    return refused.value.reason


def test_a_name_is_in_force_from_its_day_once_another_person_confirmed_it(
    house: House, chen: LearnerRef
) -> None:
    change = propose(house, chen, day=TODAY + timedelta(days=1))
    assert named(house, chen)[0] == CHEN
    done = confirm(house, change, "陈 晓平")
    assert (done.state, done.proposed_by, done.decided_by) == (ChangeState.CONFIRMED, LIN, ZHOU)
    assert named(house, chen)[0] == CHEN
    house.clock.advance(days=1)
    assert named(house, chen)[0] == "陈晓平"


def test_what_was_printed_before_stays_as_it_was_whatever_day_a_correction_counts_from(
    house: House, chen: LearnerRef
) -> None:
    issued_at = house.clock.now()
    house.clock.advance(days=3)
    confirm(house, propose(house, chen, day=TODAY - timedelta(days=30)))
    assert named(house, chen)[0] == "陈晓平"
    assert named(house, chen, at=issued_at)[0] == CHEN
    assert named(house, chen, at=house.clock.now())[0] == "陈晓平"


def test_employer_and_document_are_versions_too_and_a_new_number_finds_the_same_person(
    house: House, chen: LearnerRef
) -> None:
    confirm(house, propose(house, chen, ChangeKind.EMPLOYER, "示例机电有限公司", sort="employer_letter"))
    confirm(house, propose(house, chen, ChangeKind.DOCUMENT, STRANGER_ID, sort="new_card"))
    assert named(house, chen) == (CHEN, STRANGER_ID, "示例机电有限公司")
    with house.desk() as desk:
        assert desk.identity_store.learner_with(STRANGER_ID) == chen
        assert desk.identity_store.learner_with(CHEN_ID) == chen
        # A list of later that holds the new number and name is the same person's, without a new proof.
        desk.identity_store.add_list_row(RUN, CHEN, STRANGER_ID, "", house.clock.now())


def test_evidence_lies_encrypted_with_its_hash_and_is_read_back(house: House, chen: LearnerRef) -> None:
    change = propose(house, chen)
    with office(house) as (_, changes):
        assert changes.file(changes.get(change.id)) == JPEG
    assert (change.evidence_kind, change.evidence_type, len(change.evidence_sha256)) == (
        "public_security",
        "image/jpeg",
        64,
    )
    blobs = b"".join(path.read_bytes() for path in house.blob_folder.rglob("*") if path.is_file())
    assert JPEG[6:] not in blobs


def test_nothing_readable_lies_in_the_table(house: House, chen: LearnerRef) -> None:
    propose(house, chen)
    propose(house, chen, ChangeKind.DOCUMENT, STRANGER_ID)
    with house.engine.connect() as connection:
        rows = repr(connection.execute(text("SELECT * FROM identity_change")).all())
    assert "陈晓平" not in rows
    assert STRANGER_ID not in rows


def test_who_proposed_confirms_nothing(house: House, chen: LearnerRef) -> None:
    change = propose(house, chen)
    assert refusal(lambda: confirm(house, change, by=LIN)) == "second_person_required"
    assert named(house, chen)[0] == CHEN


def test_the_second_person_reads_it_off_the_evidence(house: House, chen: LearnerRef) -> None:
    change = propose(house, chen)
    for typed in ("陈晓萍", "", CHEN):
        assert refusal(lambda typed=typed: confirm(house, change, typed)) == "value_differs"  # type: ignore[misc]
    assert named(house, chen)[0] == CHEN


def _withdraw(changes: Changes, change: Change) -> Change:
    return changes.withdraw(change.id, by=LIN)


def _refuse(changes: Changes, change: Change) -> Change:
    return changes.refuse(change.id, by=ZHOU)


def _confirm(changes: Changes, change: Change) -> Change:
    return changes.confirm(change.id, by=ZHOU, typed=change.value)


@pytest.mark.parametrize("first", [_withdraw, _refuse, _confirm])
@pytest.mark.parametrize(
    "then", [_withdraw, _refuse, lambda c, one: c.confirm(one.id, by="stf_x", typed=one.value)]
)
def test_what_was_decided_stays_as_it_was_decided(
    house: House, chen: LearnerRef, first: Callable[..., Change], then: Callable[..., Change]
) -> None:
    change = propose(house, chen)
    with office(house) as (_, changes):
        done = first(changes, change)

    def again() -> None:
        with office(house) as (_, changes):
            then(changes, change)

    assert refusal(again) == "change_decided"
    with office(house) as (_, changes):
        assert changes.get(change.id) == done


def test_confirmed_twice_by_the_same_is_once(house: House, chen: LearnerRef) -> None:
    change = propose(house, chen)
    assert confirm(house, change) == confirm(house, change)


def test_only_the_proposer_withdraws_and_only_another_refuses(house: House, chen: LearnerRef) -> None:
    change = propose(house, chen)
    with office(house) as (_, changes):
        assert refusal(lambda: changes.withdraw(change.id, by=ZHOU)) == "not_the_proposer"
        assert refusal(lambda: changes.refuse(change.id, by=LIN)) == "second_person_required"


def test_no_two_versions_begin_on_one_day(house: House, chen: LearnerRef) -> None:
    confirm(house, propose(house, chen))
    assert refusal(lambda: propose(house, chen, value="陈小平")) == "version_same_day"
    propose(house, chen, value="陈小平", day=TODAY - timedelta(days=1))


def test_one_change_of_a_kind_waits_at_a_time(house: House, chen: LearnerRef) -> None:
    propose(house, chen)
    assert refusal(lambda: propose(house, chen, value="陈小平")) == "change_waiting"
    propose(house, chen, ChangeKind.EMPLOYER, "示例机电有限公司", sort="employer_letter")


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"value": "陈1"}, "name_malformed"),
        ({"value": ""}, "name_malformed"),
        ({"kind": ChangeKind.EMPLOYER, "value": "某"}, "employer_malformed"),
        ({"kind": ChangeKind.DOCUMENT, "value": CHEN_ID[:-1] + "0"}, "citizen_id_check_digit"),
        ({"kind": ChangeKind.DOCUMENT, "value": HUANG_ID}, "document_of_another_person"),
        ({"day": date(1989, 12, 31)}, "from_date_unlikely"),
        ({"day": TODAY + timedelta(days=367)}, "from_date_unlikely"),
        ({"sort": "hearsay"}, "evidence_kind_unknown"),
        ({"evidence": b""}, "evidence_malformed"),
        ({"evidence": b"MZ a program"}, "evidence_malformed"),
        ({"evidence": JPEG + bytes(5 * 1024 * 1024)}, "evidence_too_large"),
    ],
)
def test_what_is_not_kept(house: House, chen: LearnerRef, given: dict[str, object], reason: str) -> None:
    with house.desk() as desk:
        desk.verified("lms-user-1002", HUANG, HUANG_ID)
    assert refusal(lambda: propose(house, chen, **given)) == reason  # type: ignore[arg-type]


def test_a_number_that_became_anothers_meanwhile_is_not_confirmed(house: House, chen: LearnerRef) -> None:
    change = propose(house, chen, ChangeKind.DOCUMENT, HUANG_ID)
    with house.desk() as desk:
        desk.verified("lms-user-1002", HUANG, HUANG_ID)
    assert refusal(lambda: confirm(house, change)) == "document_of_another_person"


def merged(house: House, survivor: LearnerRef, number: str = HUANG_ID) -> Change:
    with office(house) as (_, changes):
        change = changes.propose_merge(survivor, number, evidence=JPEG, by=LIN)
    return confirm(house, change)


@pytest.fixture
def huang(house: House) -> LearnerRef:
    with house.desk() as desk:
        return desk.verified("lms-user-1002", HUANG, HUANG_ID)


def test_the_record_that_goes_on_is_found_by_both_numbers(
    house: House, chen: LearnerRef, huang: LearnerRef
) -> None:
    change = merged(house, chen)
    assert change.other == huang
    with house.desk() as desk:
        store = desk.identity_store
        assert store.learner_with(CHEN_ID) == store.learner_with(HUANG_ID) == chen
        assert store.changes.records_of(huang) == store.changes.records_of(chen) == [chen, huang]
        assert set(store.numbers_of(chen)) == {CHEN_ID, HUANG_ID}
    # What was issued under the other record still says what it said.
    assert named(house, huang)[:2] == (HUANG, HUANG_ID)


def test_a_record_that_was_given_up_changes_no_more_and_is_given_up_once(
    house: House, chen: LearnerRef, huang: LearnerRef
) -> None:
    merged(house, chen)
    assert refusal(lambda: propose(house, huang)) == "record_merged"
    assert refusal(lambda: merged(house, huang, CHEN_ID)) == "record_merged"
    assert refusal(lambda: merged(house, chen)) == "merge_same"
    assert refusal(lambda: merged(house, chen, STRANGER_ID)) == "merge_unknown"


def test_two_merges_in_a_circle_do_not_both_stand(house: House, chen: LearnerRef, huang: LearnerRef) -> None:
    with office(house) as (_, changes):
        one = changes.propose_merge(chen, HUANG_ID, evidence=JPEG, by=LIN)
        other = changes.propose_merge(huang, CHEN_ID, evidence=JPEG, by=LIN)
    confirm(house, one)
    assert refusal(lambda: confirm(house, other)) == "record_merged"


def test_a_withdrawn_consent_ends_the_templates_of_both_records(
    house: House, chen: LearnerRef, huang: LearnerRef
) -> None:
    with house.desk() as desk:
        desk.identity.give_consent(desk.account(), FACE, FACE_CONSENT.version)
        templates = [
            desk.vault.put(EvidenceScope(ORG, record, EvidencePurpose.FACE_TEMPLATE, RUN), b"template", "x/y")
            for record in (chen, huang)
        ]
    merged(house, chen)
    with house.desk() as desk:
        assert desk.identity.revoke_consent(desk.account()) == 2
    for template in templates:
        with house.desk() as desk, pytest.raises(InvalidInput, match="evidence_unknown"):
            desk.vault.get(ORG, template)


def test_a_class_run_of_the_other_record_is_not_entered_anew(
    house: House, chen: LearnerRef, huang: LearnerRef
) -> None:
    merged(house, chen)
    with house.desk() as desk:
        desk.identity.release_account(desk.account(), reason="account_lost", by=LIN)
        account = desk.account("lms-user-3003")
        decision = desk.identity.verify_real_name(account, RUN, HUANG, HUANG_ID)
    assert [reason.code for reason in decision.reasons] == ["record_merged"]


def test_another_institution_sees_no_change(house: House, chen: LearnerRef) -> None:
    change = propose(house, chen)
    with house.units.for_institution(InstitutionId("org_other")) as tx:
        changes = SqlChanges(tx.session, house.cipher, "org_other")
        assert changes.get(change.id) is None
        assert list(changes.of(chen)) == []


def test_a_changed_name_stands_in_lists_of_later(house: House, chen: LearnerRef) -> None:
    confirm(house, propose(house, chen))
    with house.desk() as desk:
        known = desk.identity_store.known(RUN, [CHEN_ID])
    assert known.proved == {CHEN_ID: "陈晓平"}


def test_nobody_is_told_apart_by_a_file_of_no_kind(house: House, chen: LearnerRef) -> None:
    with office(house) as (_, changes), pytest.raises(InvalidInput, match="没有证明材料"):
        changes.file(changes.propose_release(chen, "acc_x", reason="account_lost", by=LIN))
