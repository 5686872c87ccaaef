"""What becomes of a paper: two people, reasons, one valid paper of a kind, and hours recomputed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from bridge.completion import composition
from bridge.completion.credential_tables import SqlCredentialPlaces
from bridge.completion.life import PaperLife
from bridge.completion.life_model import PaperChangeKind
from bridge.completion.life_tables import CertificateChangeRow, SqlPaperChanges
from bridge.completion.model import IssuedPaper, PaperKind
from bridge.completion.service import CompletionService
from bridge.completion.store import CertificateRow, SqlCompletionStore
from bridge.db.engine import open_engine
from bridge.db.unit_of_work import Tx, UnitOfWork
from bridge.kernel.errors import InvalidInput, NotPermitted
from bridge.kernel.time import FixedClock, legal_date
from tests.completion.papers import INSTITUTION, LEARNER, NOW, RUN, score
from tests.completion.test_service import House
from tests.servers.tables import make_tables

SUPERSEDE, REVOKE, EXPIRE = PaperChangeKind
KIND = PaperKind.HOUR_CERTIFICATE
LIN, ZHOU = "staff_lin", "staff_zhou"


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    engine = open_engine(database_url)
    make_tables(engine)
    yield House(UnitOfWork(engine, FixedClock(NOW)))
    engine.dispose()


@contextmanager
def opened(house: House) -> Iterator[tuple[PaperLife, CompletionService, Tx]]:
    with house.uow.for_institution(INSTITUTION) as tx:
        completion = house.service(tx)
        life = PaperLife(SqlPaperChanges(tx), SqlCompletionStore(tx), completion, house.told, tx.clock)
        yield life, completion, tx


def issued(house: House) -> IssuedPaper:
    with opened(house) as (_life, completion, _tx):
        completion.decide_test(score())
        paper = completion.issue(LEARNER, RUN, KIND).value
    assert paper is not None
    return paper


def status(house: House, number: str) -> str:
    with opened(house) as (_life, completion, _tx):
        view = completion.public_view(number)
    assert view is not None
    return view.status


def changed(
    house: House, number: str, what: PaperChangeKind, reason: str, expires_on: date | None = None
) -> str:
    with opened(house) as (life, _completion, _tx):
        change = life.propose(number, what, reason=reason, by=LIN, expires_on=expires_on).id
    with opened(house) as (life, _completion, _tx):
        life.confirm(change, ZHOU)
    return change


def test_a_paper_is_revoked_by_two_people_and_the_public_sees_it_at_once(house: House) -> None:
    paper = issued(house)
    with opened(house) as (life, _completion, _tx):
        change = life.propose(paper.number, REVOKE, reason="impersonation_found", by=LIN)
    assert status(house, paper.number) == "valid"
    with opened(house) as (life, _completion, _tx), pytest.raises(NotPermitted):
        life.confirm(change.id, LIN)
    with opened(house) as (life, _completion, _tx):
        life.confirm(change.id, ZHOU)
        assert life.confirm(change.id, ZHOU).state == "confirmed"
    assert status(house, paper.number) == "revoked"
    told = [data for type_, _s, data in house.told.events if type_ == "certificate.status_changed"]
    assert [(one["status"], one["reason"], one["proposed_by"], one["confirmed_by"]) for one in told] == [
        ("revoked", "impersonation_found", LIN, ZHOU)
    ]


def test_the_database_refuses_a_change_confirmed_by_who_proposed_it(house: House) -> None:
    paper = issued(house)
    with opened(house) as (life, _completion, _tx):
        life.propose(paper.number, REVOKE, reason="false_proof", by=LIN)
    with pytest.raises(IntegrityError), house.uow.for_institution(INSTITUTION) as tx:
        tx.session.execute(update(CertificateChangeRow).values(state="confirmed", decided_by=LIN))


def test_a_revoked_paper_is_not_issued_again_by_itself(house: House) -> None:
    paper = issued(house)
    changed(house, paper.number, REVOKE, "issued_in_error")
    with opened(house) as (_life, completion, _tx):
        again = completion.issue(LEARNER, RUN, KIND).value
    assert again is not None
    assert (again.number, again.status) == (paper.number, "revoked")


def test_a_superseding_paper_is_issued_on_hours_of_that_moment(house: House) -> None:
    paper = issued(house)
    house.hours.value = replace(house.hours.value, credited_seconds=5400, counted_online_class_hours=1)
    changed(house, paper.number, SUPERSEDE, "hours_corrected")
    with opened(house) as (_life, completion, _tx):
        old, new = completion.papers(LEARNER, RUN)
    assert (old.number, old.status, old.replaced_by) == (paper.number, "superseded", new.number)
    assert (new.status, new.facts["online_class_hours"]) == ("valid", 1)
    assert house.told.types().count("certificate.issued") == 2
    with opened(house) as (life, _completion, _tx), pytest.raises(InvalidInput) as refused:
        life.propose(old.number, SUPERSEDE, reason="printing_fault", by=LIN)
    assert refused.value.reason == "paper_change_unfit"


def test_after_a_revocation_a_new_paper_takes_two_people_and_the_old_one_stays_revoked(house: House) -> None:
    paper = issued(house)
    changed(house, paper.number, REVOKE, "issued_in_error")
    changed(house, paper.number, SUPERSEDE, "person_corrected")
    with opened(house) as (_life, completion, _tx):
        assert [one.status for one in completion.papers(LEARNER, RUN)] == ["revoked", "valid"]


def test_nothing_is_superseded_where_no_paper_is_due_any_more(house: House) -> None:
    paper = issued(house)
    with opened(house) as (life, _completion, _tx):
        change = life.propose(paper.number, SUPERSEDE, reason="hours_corrected", by=LIN).id
    house.hours.value = replace(house.hours.value, online_done=False)
    with pytest.raises(InvalidInput) as refused, opened(house) as (life, _completion, _tx):
        life.confirm(change, ZHOU)
    assert refused.value.reason == "paper_not_due"
    assert status(house, paper.number) == "valid"


def test_a_paper_ends_on_its_day_and_not_before(house: House) -> None:
    paper = issued(house)
    today = legal_date(NOW)
    with opened(house) as (life, _completion, _tx):
        for wrong in (today - timedelta(days=1), None):
            with pytest.raises(InvalidInput) as refused:
                life.propose(paper.number, EXPIRE, reason="term_over", by=LIN, expires_on=wrong)
            assert refused.value.reason == "paper_expiry_date"
    changed(house, paper.number, EXPIRE, "term_over", today + timedelta(days=2))
    assert status(house, paper.number) == "valid"
    for days, expected in ((1, "valid"), (2, "expired"), (400, "expired")):
        later = House(UnitOfWork(house.uow.engine, FixedClock(NOW + timedelta(days=days))))
        assert status(later, paper.number) == expected


@pytest.mark.parametrize(
    ("what", "reason"),
    [(REVOKE, "term_over"), (SUPERSEDE, "false_proof"), (EXPIRE, "printing_fault"), (REVOKE, "")],
)
def test_each_change_has_reasons_of_its_own(house: House, what: PaperChangeKind, reason: str) -> None:
    paper = issued(house)
    on = legal_date(NOW) if what is EXPIRE else None
    with opened(house) as (life, _completion, _tx), pytest.raises(InvalidInput) as refused:
        life.propose(paper.number, what, reason=reason, by=LIN, expires_on=on)
    assert refused.value.reason == "paper_reason_unknown"


def test_one_change_waits_at_a_time_and_what_was_refused_changes_nothing(house: House) -> None:
    paper = issued(house)
    with opened(house) as (life, _completion, _tx):
        change = life.propose(paper.number, REVOKE, reason="false_proof", by=LIN)
        with pytest.raises(InvalidInput) as twice:
            life.propose(paper.number, SUPERSEDE, reason="printing_fault", by=ZHOU)
        assert twice.value.reason == "paper_change_waits"
        life.refuse(change.id, ZHOU)
    with opened(house) as (life, _completion, _tx), pytest.raises(InvalidInput) as late:
        life.confirm(change.id, ZHOU)
    assert late.value.reason == "paper_change_decided"
    assert status(house, paper.number) == "valid"


def test_the_database_holds_one_valid_paper_of_a_kind(house: House) -> None:
    paper = issued(house)
    with pytest.raises(IntegrityError), house.uow.for_institution(INSTITUTION) as tx:
        SqlCompletionStore(tx).add_paper(replace(paper, number="another"))


def test_one_ledger_that_gives_two_answers_makes_no_paper(house: House) -> None:
    with opened(house) as (_life, completion, _tx):
        completion.decide_test(score())
        completion.assess(LEARNER, RUN)
    (due,) = [
        d for type_, _s, d in house.told.events if type_ == "completion.due" and d["kind"] == KIND.value
    ]
    house.hours.value = replace(house.hours.value, credited_seconds=due["figures"]["credited_seconds"] + 1)
    with opened(house) as (_life, completion, _tx):
        decision = completion.issue(LEARNER, RUN, KIND, due["figures"])
    assert (decision.value, [one.code for one in decision.reasons]) == (None, ["hours_differ"])
    (told,) = [data for type_, _s, data in house.told.events if type_ == "completion.paper_refused"]
    assert told["recomputed"] == composition.figures(house.hours.value)


def test_a_ledger_that_has_grown_since_may_give_more(house: House) -> None:
    with opened(house) as (_life, completion, _tx):
        completion.decide_test(score())
        figures = composition.figures(house.hours.value)
        house.hours.value = replace(house.hours.value, credited_seconds=9999, ledger_head="1" * 64)
        assert completion.issue(LEARNER, RUN, KIND, figures).value is not None


def test_a_status_list_shows_what_no_longer_counts_and_nothing_else(house: House) -> None:
    paper = issued(house)
    with opened(house) as (_life, _completion, tx):
        places = SqlCredentialPlaces(tx)
        listed, position = places.place(paper.number)
        assert places.place(paper.number) == (listed, position)
        assert places.is_list(listed)
        assert not places.is_list(listed + 1)
        assert list(places.revoked(listed)) == []
    changed(house, paper.number, REVOKE, "false_proof")
    with opened(house) as (_life, _completion, tx):
        assert list(SqlCredentialPlaces(tx).revoked(listed)) == [position]


def test_another_institutions_paper_is_unknown(house: House) -> None:
    paper = issued(house)
    with house.uow.for_institution("in_other") as tx:  # type: ignore[arg-type]  # an id like any other
        life = PaperLife(SqlPaperChanges(tx), SqlCompletionStore(tx), house.service(tx), house.told, tx.clock)
        with pytest.raises(InvalidInput) as refused:
            life.propose(paper.number, REVOKE, reason="false_proof", by=LIN)
    assert refused.value.reason == "certificate_unknown"
    with house.uow.for_institution(INSTITUTION) as tx:
        assert tx.session.get(CertificateRow, paper.number) is not None
