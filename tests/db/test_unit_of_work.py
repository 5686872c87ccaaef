"""One unit of work: all or nothing, and one institution's rows only, whatever a store forgets."""

import pytest
from sqlalchemy import delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError, StatementError
from sqlalchemy.orm import Session, aliased

from bridge.db.outbox import EventRow, JobRow
from bridge.db.unit_of_work import EVENT_JOB, Tx, WrongInstitution
from tests.db.rooms import NOW, ORG, OTHER_ORG, NoteRow, Office, note

COUNT = select(func.count()).select_from(NoteRow)


@pytest.fixture
def two(office: Office) -> Office:
    """An office with a note of each institution."""
    with office.uow.across_institutions("set up a test") as tx:
        tx.session.add_all([note("mine"), note("theirs", OTHER_ORG)])
    return office


def emit(tx: Tx, key: str = "k") -> object:
    return tx.emit("made.happened", "subject", occurred_at=NOW, idempotency_key=key, data={"学": 1})


def count(office: Office, what: type) -> int:
    with office.uow.across_institutions("count in a test", read_only=True) as tx:
        return tx.session.scalar(select(func.count()).select_from(what)) or 0


def test_what_raises_leaves_nothing(office: Office) -> None:
    def half_way() -> None:
        with office.uow.for_institution(ORG) as tx:
            tx.session.add(note("a"))
            emit(tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_way()
    assert (count(office, NoteRow), count(office, EventRow), count(office, JobRow)) == (0, 0, 0)
    assert office.nudged == []


def test_rows_events_and_jobs_commit_together(office: Office) -> None:
    with office.uow.for_institution(ORG) as tx:
        tx.session.add(note("a"))
        event = emit(tx)
    with office.uow.across_institutions("look", read_only=True) as tx:
        (job,) = tx.session.scalars(select(JobRow))
    assert (job.kind, job.key, job.institution_id) == (EVENT_JOB, event, ORG)
    assert count(office, NoteRow) == 1


def test_a_nudge_leaves_after_the_commit_once_for_each_job(office: Office) -> None:
    seen: list[int] = []
    with office.uow.for_institution(ORG) as tx:
        tx.want("made", "key")
        tx.want("made", "key")
        tx.after_commit.append(lambda: seen.append(count(office, JobRow)))
        assert office.nudged == []
    assert (len(office.nudged), seen) == (1, [1])


def test_a_wish_for_later_is_left_to_the_sweep(office: Office) -> None:
    with office.uow.for_institution(ORG) as tx:
        tx.want("made", "key", after=NOW)
    assert office.nudged == []


def test_an_event_is_stored_once_for_each_key_type_and_institution(office: Office) -> None:
    for institution in (ORG, OTHER_ORG):
        with office.uow.for_institution(institution) as tx:
            assert emit(tx) is not None
            assert emit(tx) is None
            assert emit(tx, "another") is not None
    assert count(office, EventRow) == count(office, JobRow) == 4


@pytest.mark.parametrize(
    "statement",
    [
        select(NoteRow.id),
        select(aliased(NoteRow).id),
        select(NoteRow.id).where(NoteRow.text != ""),
        select(NoteRow.id).where(exists().where(NoteRow.id == "mine")),
        select(NoteRow.id).union_all(select(NoteRow.id).where(NoteRow.id == "nobody's")),
    ],
    ids=["plain", "alias", "where", "exists", "union"],
)
def test_a_select_sees_its_own_rows_only(two: Office, statement: object) -> None:
    with two.uow.for_institution(ORG) as tx:
        assert list(tx.session.scalars(statement)) == ["mine"]  # type: ignore[call-overload]  # five kinds in a list


def test_counting_and_getting_see_their_own_rows_only(two: Office) -> None:
    with two.uow.for_institution(ORG) as tx:
        assert tx.session.scalar(COUNT) == 1
        assert tx.session.get(NoteRow, "mine") is not None
        assert tx.session.get(NoteRow, "theirs") is None
        assert tx.session.get(NoteRow, "theirs", with_for_update=True) is None


def test_a_subquery_and_a_join_see_their_own_rows_only(two: Office) -> None:
    other = aliased(NoteRow)
    with two.uow.for_institution(ORG) as tx:
        inner = select(NoteRow.id).where(NoteRow.id == "theirs").scalar_subquery()
        assert tx.session.scalar(select(func.count()).select_from(NoteRow).where(NoteRow.id == inner)) == 0
        joined = select(NoteRow.id, other.id).join(other, other.id != NoteRow.id)
        assert tx.session.execute(joined).all() == []


def test_an_update_or_delete_by_statement_touches_its_own_rows_only(two: Office) -> None:
    with two.uow.for_institution(ORG) as tx:
        tx.session.execute(update(NoteRow).values(text="changed"))
    with two.uow.for_institution(OTHER_ORG) as tx:
        assert tx.session.scalars(select(NoteRow.text)).one() == "theirs"
        tx.session.execute(delete(NoteRow))
    assert count(two, NoteRow) == 1


def test_a_foreign_row_is_not_written(office: Office) -> None:
    with pytest.raises(WrongInstitution, match="NoteRow"), office.uow.for_institution(ORG) as tx:
        tx.session.add(note("theirs", OTHER_ORG))
    assert count(office, NoteRow) == 0


@pytest.mark.parametrize("given", ["as parameters", "one in the statement", "two in the statement"])
def test_a_foreign_row_is_not_written_by_a_statement_either(office: Office, given: str) -> None:
    values = {"id": "theirs", "institution_id": OTHER_ORG, "text": "t", "at": NOW, "more": {}}
    both = [{**values, "id": "mine", "institution_id": ORG}, values]
    statement, parameters = {
        "as parameters": (insert(NoteRow), both),
        "one in the statement": (insert(NoteRow).values(values), None),
        "two in the statement": (insert(NoteRow).values(both), None),
    }[given]
    with pytest.raises(WrongInstitution), office.uow.for_institution(ORG) as tx:
        tx.session.execute(statement, parameters)
    assert count(office, NoteRow) == 0


def test_own_rows_are_written_by_a_statement(office: Office) -> None:
    mine = {"id": "mine", "institution_id": ORG, "text": "t", "at": NOW, "more": {}}
    with office.uow.for_institution(ORG) as tx:
        tx.session.execute(insert(NoteRow), [mine])
        tx.session.execute(insert(NoteRow).values({**mine, "id": "mine too"}))
    assert count(office, NoteRow) == 2


def test_a_row_is_not_given_away(two: Office) -> None:
    with pytest.raises(WrongInstitution), two.uow.for_institution(ORG) as tx:
        tx.session.get_one(NoteRow, "mine").institution_id = OTHER_ORG


def test_a_foreign_rows_place_is_not_taken_by_merging(two: Office) -> None:
    with pytest.raises(IntegrityError), two.uow.for_institution(ORG) as tx:
        tx.session.merge(note("theirs", ORG))
    with two.uow.for_institution(OTHER_ORG) as tx:
        assert tx.session.scalars(select(NoteRow.id)).one() == "theirs"


def test_across_institutions_all_is_seen_and_a_tenant_is_nobody(two: Office) -> None:
    with two.uow.across_institutions("a test's supervision") as tx:
        assert tx.session.scalar(COUNT) == 2
        with pytest.raises(RuntimeError, match="spans institutions"):
            emit(tx)


def test_a_session_that_names_neither_tenant_nor_purpose_reads_nothing(two: Office) -> None:
    with Session(two.engine) as session, pytest.raises(WrongInstitution, match="stated purpose"):
        session.scalar(COUNT)


def test_a_naive_instant_is_refused_and_an_aware_one_comes_back_as_it_was(office: Office) -> None:
    with office.uow.for_institution(ORG) as tx:
        tx.session.add(note("a", at=NOW.replace(microsecond=123_456)))
    with office.uow.for_institution(ORG) as tx:
        assert tx.session.scalars(select(NoteRow.at)).one() == NOW.replace(microsecond=123_456)
    with pytest.raises(StatementError, match="aware"), office.uow.for_institution(ORG) as tx:
        tx.session.add(note("b", at=NOW.replace(tzinfo=None)))


def test_a_look_sees_its_own_institution_alone_and_what_is_committed_when_it_asks(office: Office) -> None:
    with office.uow.looking(ORG) as look:
        assert look.session.scalars(select(NoteRow.id)).all() == []
    with office.uow.across_institutions("set up a test") as tx:
        tx.session.add_all([note("mine"), note("theirs", OTHER_ORG)])
    with office.uow.looking(ORG) as look:
        assert look.session.scalars(select(NoteRow.id)).all() == ["mine"]
